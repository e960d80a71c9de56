/*
 * What the files of the parents have in common: getting one and listing them, finding one by what
 * makes it unique, and adding one that needs others to be there. What is a noun's own stands in the
 * tables of its file.
 */
#ifndef DBKI_PARENTS_H
#define DBKI_PARENTS_H

#include "connector/event.h"
#include "connector/list.h"

/* Whether a struct that was given has all members up to `last`, by its size. */
#define DBKI_IS_WHOLE(given, last)                                                                 \
    ((given)->size >= (size_t)((const char *)(&(given)->last + 1) - (const char *)(given)))

/* ------------------------------------------------------------------------ getting, listing ---- */

/*
 * Makes RECORD, GET and LIST of a noun whose struct is dbk_<noun>: `columns_text` names the columns
 * of all of `field_table`, in its order; `source` stands behind FROM, `where_id` behind WHERE. Buildbot filters
 * some of them itself, where None is not equal to a value, and others in SQL: is_null_kept.
 */
#define DBKI_PARENT(noun_word, field_table, columns_text, source, where_id, is_null_kept)          \
    static const struct dbki_record RECORD = {                                                     \
        .noun = #noun_word "s",                                                                    \
        .from = source,                                                                            \
        .fields = field_table,                                                                     \
        .field_count = sizeof field_table / sizeof field_table[0],                                 \
        .column_count = sizeof field_table / sizeof field_table[0],                                \
        .columns = columns_text,                                                                   \
        .order = "id",                                                                             \
        .keeps_null = is_null_kept,                                                                \
        .size = sizeof(struct dbk_##noun_word),                                                    \
    };                                                                                             \
    static void deliver_one(struct dbki_op *op, const struct dbk_error *error)                     \
    {                                                                                              \
        struct dbki_get_op *get = (struct dbki_get_op *)op;                                        \
        ((dbk_##noun_word##_fn *)op->done)(op->user, error, error ? NULL : get->found);            \
    }                                                                                              \
    static void deliver_list(struct dbki_op *op, const struct dbk_error *error)                    \
    {                                                                                              \
        struct dbki_list_op *list = (struct dbki_list_op *)op;                                     \
        const void *items = list->items;                                                           \
        ((dbk_##noun_word##s_fn *)op->done)(op->user, error, error ? NULL : items,                 \
                                            error ? NULL : &list->page);                           \
    }                                                                                              \
    static const struct dbki_get_kind GET = {                                                      \
        .kind = {.action = "getting a " #noun_word,                                                \
                 .access = DBKI_ACCESS_READ,                                                       \
                 .bind = dbki_get_bind,                                                            \
                 .row = dbki_get_row,                                                              \
                 .deliver = deliver_one},                                                          \
        .record = &RECORD,                                                                         \
        .statement = {.sql = "SELECT " columns_text " FROM " source " WHERE " where_id,            \
                      .is_one_row = true},                                                         \
    };                                                                                             \
    static const struct dbki_opkind LIST = DBKI_LIST_KIND("listing " #noun_word "s", deliver_list)

/* Submits a read of one by its id. */
int dbki_parent_get(struct dbk_store *store, const struct dbki_get_kind *kind, int64_t id,
                    const struct dbk_call *call, dbki_callback *done, void *user);
/* Submits a list. conditions: as in struct dbki_list_call. */
int dbki_parent_list(struct dbk_store *store, const struct dbki_opkind *kind,
                     const struct dbki_record *record, const struct dbki_condition *conditions,
                     const struct dbk_spec *spec, const struct dbk_call *call, dbki_callback *done,
                     void *user);

/* --------------------------------------------------------------------------------- finding ---- */

enum { DBKI_FIND_ARGS_MAX = 7 };

/*
 * How a noun is found, and added when it is missing. args[0] is what makes it unique: a hash or a
 * name. The statements take: select args[0]; insert all args, then now if is_dated, then args[0].
 */
struct dbki_find {
    struct dbki_opkind find, add; /* of the calls without and with is_added */
    const char *noun;
    struct dbki_statement select, insert;
    bool is_dated;
    bool is_builder;                    /* the event has its id */
    bool is_hashed;                     /* args: name_hash and name; else the name alone */
    size_t name_max;                    /* characters; 0: no limit of its own */
    void (*refuse)(struct dbki_op *op); /* says what is missing */
};

/* Its result: the id. */
struct dbki_find_op {
    struct dbki_op op;
    const struct dbki_find *how;
    struct dbki_value args[DBKI_FIND_ARGS_MAX];
    int arg_count;
};

/* The two kinds of operation of a struct dbki_find. */
#define DBKI_FIND_KINDS(noun_text)                                                                 \
    .find = {.action = "finding a " noun_text,                                                     \
             .access = DBKI_ACCESS_READ,                                                           \
             .bind = dbki_find_bind,                                                               \
             .row = dbki_find_row,                                                                 \
             .read = dbki_find_read,                                                               \
             .deliver = dbki_find_deliver},                                                        \
    .add = {.action = "finding or adding a " noun_text,                                            \
            .access = DBKI_ACCESS_OWN,                                                             \
            .bind = dbki_find_bind,                                                                \
            .row = dbki_find_row,                                                                  \
            .read = dbki_find_read,                                                                \
            .deliver = dbki_find_deliver},                                                         \
    .noun = noun_text

void dbki_find_bind(struct dbki_op *op, struct dbki_binder *binder);
int dbki_find_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count);
void dbki_find_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more);
void dbki_find_deliver(struct dbki_op *op, const struct dbk_error *error);
/* refuse() for what is found by name. */
void dbki_find_refuse_name(struct dbki_op *op);

/* Submits the search for a name. */
int dbki_find_by_name(struct dbk_store *store, const struct dbki_find *how, const char *name,
                      bool is_added, const struct dbk_call *call, dbk_id_fn *done, void *user);

/* sourcestamps.c: what makes one unique, as arguments in the order of its insert. */
enum {
    DBKI_SOURCESTAMP_HASH,
    DBKI_SOURCESTAMP_BRANCH,
    DBKI_SOURCESTAMP_REVISION,
    DBKI_SOURCESTAMP_REPOSITORY,
    DBKI_SOURCESTAMP_CODEBASE,
    DBKI_SOURCESTAMP_PROJECT,
    DBKI_SOURCESTAMP_PATCHID,
    DBKI_SOURCESTAMP_ARG_COUNT,
};
void dbki_sourcestamp_check(struct dbki_check *check, const struct dbk_sourcestamp_key *key);
/* Copies the arguments into the operation. When memory is out, submitting it will say so. */
void dbki_sourcestamp_args(struct dbki_op *op, const struct dbk_sourcestamp_key *key,
                           struct dbki_value out_args[DBKI_SOURCESTAMP_ARG_COUNT]);

/* ---------------------------------------------------------------------------------- adding ---- */

/* What a new record may need to be there. */
enum dbki_needed {
    DBKI_NEEDS_BUILD,
    DBKI_NEEDS_BUILDER,
    DBKI_NEEDS_BUILDSET,
    DBKI_NEEDS_CHANGE,
    DBKI_NEEDS_SOURCESTAMP,
};
struct dbki_need {
    enum dbki_needed what;
    int64_t id;
};

/*
 * An operation that adds a record and gives its id. Its first pass is one INSERT with RETURNING,
 * which inserts nothing when something that is needed is missing; then a second pass finds it.
 */
struct dbki_add_op {
    struct dbki_op op;
    struct dbki_need *needs;
    int need_count;
    struct dbki_event event; /* "new" of its kind */
    int missing; /* index of the first need that is missing; -1, which bind() sets: none */
};

#define DBKI_ADD_KIND(action_words, bind_function, read_function)                                  \
    {                                                                                              \
        .action = action_words, .access = DBKI_ACCESS_OWN, .bind = bind_function,                  \
        .row = dbki_add_row, .read = read_function, .deliver = dbki_add_deliver                    \
    }

int dbki_add_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count);
void dbki_add_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more);
void dbki_add_deliver(struct dbki_op *op, const struct dbk_error *error);

#endif
