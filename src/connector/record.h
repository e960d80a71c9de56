/*
 * What a kind of record is made of: a table that says of each field its name, its column and its member.
 * Reading rows, lists and specs all go by it; so a field is written down once.
 */
#ifndef DBKI_RECORD_H
#define DBKI_RECORD_H

#include "connector/submit.h"

enum dbki_field_type { DBKI_FIELD_INT, DBKI_FIELD_TEXT, DBKI_FIELD_BLOB };

enum {
    DBKI_FIELD_NULLABLE = 1,  /* the column may be NULL */
    DBKI_FIELD_VIRTUAL = 2,   /* no member: it can be filtered and ordered by, not chosen */
    DBKI_FIELD_CHOSEN = 4,    /* can be chosen, not filtered or ordered by */
    DBKI_FIELD_EXTRA = 8,     /* comes only when chosen, by a statement of its own */
    DBKI_FIELD_RESULTS = 16,  /* takes the words of result codes */
    DBKI_FIELD_COMPLETE = 32, /* says whether there is a complete_at */
};

struct dbki_field {
    const char *name;   /* in specs */
    const char *column; /* an SQL expression over the record's `from` */
    enum dbki_field_type type;
    unsigned flags;
    size_t
        offset; /* of the member: int64_t, const char *; of a blob's pointer, its length behind it */
};

struct dbki_record {
    const char *noun;                /* "builds": for messages */
    const char *from;                /* what stands behind FROM; its main table has the alias t */
    const struct dbki_field *fields; /* the columns in the order of `columns`, the first one always
                                        given; then those without a column to read */
    int unique;                      /* which field is unique within a list: it ends every order */
    int field_count;
    int column_count;    /* fields that `columns` has */
    const char *columns; /* "t.id, t.number, ..." */
    const char *order;   /* the field that lists are ordered by unless told otherwise */
    bool keeps_null;     /* NE and NOTIN keep a field that is NULL */
    size_t size;         /* of the struct */
    /* Optional: what is left to do when the members are filled. Result: 0 or a status. */
    int (*finish)(struct dbki_op *op, void *record);
};

#define DBKI_FIELD(record_type, member, column, type, flags)                                       \
    {                                                                                              \
#member, column, type, flags, offsetof(struct record_type, member)                         \
    }

/* The field of that name; NULL if there is none. */
const struct dbki_field *dbki_record_field(const struct dbki_record *record, const char *name);

/*
 * Makes a record of a row in the operation's arena. fields says which field each cell is of; NULL: all
 * columns in their order. Members without a cell are none. Result: NULL when out of memory.
 */
void *dbki_record_new(struct dbki_op *op, const struct dbki_record *record,
                      const struct dbki_field *const *fields, const struct dbki_value *cells,
                      int cell_count);

/*
 * Copies a record and its texts into one block, for the _dup() functions. Result: one dbki_free();
 * NULL when out of memory. out_rest, when not NULL, gets `rest_size` more bytes behind the copy.
 */
void *dbki_record_dup(const struct dbki_record *record, const void *original, size_t rest_size,
                      void **out_rest);

/*
 * A statement that reads DBKI_JOINED_MAX records at once. `names` are those of the arguments of a read,
 * `places` as many question marks, `condition` says which record of `from` they mean. The words from CROSS JOIN on
 * are PostgreSQL's to replace (its words.c).
 */
#define DBKI_JOINED_8(tens, p)                                                                     \
    "(" #tens "+0," p "),(" #tens "+1," p "),(" #tens "+2," p "),(" #tens "+3," p "),"             \
    "(" #tens "+4," p "),(" #tens "+5," p "),(" #tens "+6," p "),(" #tens "+7," p ")"
#define DBKI_JOINED_32(p)                                                                          \
    DBKI_JOINED_8(0, p) "," DBKI_JOINED_8(8, p) "," DBKI_JOINED_8(16, p) "," DBKI_JOINED_8(24, p)
#define DBKI_JOINED(columns, from, names, places, condition)                                       \
    {                                                                                              \
        .sql = "WITH k (i, " names                                                                 \
               ") AS (VALUES " DBKI_JOINED_32(places) ") SELECT k.i, " columns                     \
                                                      " FROM k CROSS JOIN " from " ON " condition  \
                                                      " AND k.i = k.i"                             \
    }

enum { DBKI_GET_ARGS_MAX = 4 };

/* Reads of one record by up to that many values. */
struct dbki_get_op {
    struct dbki_op op;
    struct dbki_value args[DBKI_GET_ARGS_MAX];
    int arg_count;
    void *found;
};
struct dbki_get_kind {
    struct dbki_opkind kind; /* bind and row are the two below */
    const struct dbki_record *record;
    struct dbki_statement statement; /* SELECT, all columns in their order */
    struct dbki_statement joined;    /* DBKI_JOINED(); none: bind_joined is NULL */
};
void dbki_get_bind(struct dbki_op *op, struct dbki_binder *binder);
void dbki_get_bind_joined(struct dbki_op *const *ops, int count, struct dbki_binder *binder);
int dbki_get_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count);
/* Room for one record with usual texts. Together with the operation it stays below 1,032 bytes, the largest
 * block that malloc gives out of a thread's own cache. */
enum { DBKI_GET_ROOM = 232 };

#endif
