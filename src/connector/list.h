/*
 * Lists: a kind of record, conditions that the call itself sets, and a spec, made into one statement
 * (and one that counts). The statement's text is made at submit, so that a wrong spec is refused there.
 */
#ifndef DBKI_LIST_OP_H
#define DBKI_LIST_OP_H

#include "base/buf.h"
#include "connector/record.h"
#include "connector/spec.h"

/* A condition of the call: SQL with one `?`, or none when the value is not used. The first one's may be "": then its
 * value's `?` stands in what the record is read from. */
struct dbki_condition {
    const char *sql;
    struct dbki_value value;
    bool has_value;
};

/* Which statement of a list. */
enum {
    DBKI_LIST_PAGE,
    DBKI_LIST_EXTRA,
    DBKI_LIST_TOTAL,
    DBKI_LIST_STOP, /* the keys of the last record whose properties the page looked at */
    DBKI_LIST_STATEMENTS_MAX
};

/* One order key. */
struct dbki_order_key {
    const struct dbki_field *field;
    bool is_reversed;
    int cell; /* which cell of a row holds it */
};

struct dbki_list_op {
    struct dbki_op op;
    const struct dbki_record *record;
    struct dbki_statement statements[DBKI_LIST_STATEMENTS_MAX]; /* sql NULL: not there */
    struct dbki_value *params[DBKI_LIST_STATEMENTS_MAX];
    int param_counts[DBKI_LIST_STATEMENTS_MAX];
    int bound_as[DBKI_LIST_STATEMENTS_MAX]; /* which of them each bound statement is */
    const struct dbki_field **chosen;       /* of each cell; NULL: all columns */
    int chosen_count;
    struct dbki_order_key keys[DBKI_ORDER_MAX + 1];
    int key_count;
    int64_t limit;  /* DBK_NONE: none */
    uint64_t shape; /* hash of what a cursor belongs to */
    bool has_total;
    int64_t total_up_to; /* DBK_NONE: exact */

    dbki_callback *each; /* of a follower: gets each record */

    /* Takes a row of the extra statement. */
    int (*extra_row)(struct dbki_list_op *list, const struct dbki_value *cells, int cell_count);

    /* Results. */
    const void **items;
    size_t item_count, item_max;
    struct dbk_page page;
    size_t extra_index;  /* for extra_row */
    const void **extras; /* the same */
    size_t extra_count, extra_max;
};

/* Filters by a property of the record t: that it has one of a name; that this has one of the values that come
 * between the last two. */
struct dbki_property_filter {
    const char *is_there, *with_value, *with_value_end;
};

/* What a list call gives to dbki_list_submit(). */
struct dbki_list_call {
    const struct dbki_opkind *kind; /* bind, row and read are the functions below */
    const struct dbki_record *record;
    const struct dbki_condition *conditions; /* ends with sql NULL; NULL: none */
    const struct dbk_spec *spec;
    /* A field that no two records share under the conditions: what stands behind it in an order decides nothing. An
     * engine may not know that, and sort all of them for a page. NULL: none. */
    const char *unique_field;
    /* For a field with DBKI_FIELD_EXTRA: the SQL around the page's own, and who takes its rows. */
    dbki_callback *each; /* of a follower */
    int64_t position;    /* of events: after which they begin; the first condition's value */
    const char *extra_before, *extra_after;
    const struct dbki_property_filter *property; /* NULL: this list is not filtered by them */
    int (*extra_row)(struct dbki_list_op *list, const struct dbki_value *cells, int cell_count);
};

int dbki_list_submit(struct dbk_store *store, const struct dbki_list_call *list_call,
                     const struct dbk_call *call, dbki_callback *done, void *user);

void dbki_list_bind(struct dbki_op *op, struct dbki_binder *binder);
int dbki_list_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count);
void dbki_list_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more);

/* Appends to an array in the operation's arena. Result: false when out of memory. */
bool dbki_list_push(struct dbki_op *op, const void ***items, size_t *count, size_t *max,
                    const void *item);

/* Filters of some fields, and of parts of texts, are not served by any index: then all rows are looked through that the
 * others leave. */
#define DBKI_LIST_ADVICE "narrow it by a builder, a build or a time, or leave the total out"

/* A kind of list operation, for the file of its record. */
#define DBKI_LIST_KIND(action_words, deliver_function)                                             \
    {                                                                                              \
        .action = action_words, .access = DBKI_ACCESS_READ, .is_several = true,                    \
        .advice = DBKI_LIST_ADVICE, .bind = dbki_list_bind, .row = dbki_list_row,                  \
        .read = dbki_list_read, .deliver = deliver_function                                        \
    }

/* list_text.c: makes the statements. Result: 0, or the status with which the call is refused. */
int dbki_list_make(const struct dbk_store *store, struct dbki_list_op *list,
                   const struct dbki_list_call *list_call, const struct dbk_call *call);

/* cursor.c: what a cursor of the list belongs to: the conditions with their values, the spec's properties, the
 * order. */
uint64_t dbki_cursor_shape(const struct dbki_list_op *list, const struct dbki_buf *where,
                           const struct dbki_value *params, int param_count,
                           const struct dbk_spec *spec);

/* cursor.c: writes the cursor that goes on after a row; reads one. */
char *dbki_cursor_write(struct dbki_op *op, uint64_t shape, const struct dbki_value *values,
                        int count);
bool dbki_cursor_read(struct dbki_op *op, const char *cursor, uint64_t shape,
                      struct dbki_value *out_values, int count);

#endif
