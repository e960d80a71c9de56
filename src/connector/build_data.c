/* Build data: values of any bytes, kept with their length. */
#include "base/alloc.h"
#include "connector/event.h"
#include "connector/list.h"
#include "connector/records.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define COLUMNS "t.id, t.buildid, t.name, t.length, t.source"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_build_data, id, "t.id", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build_data, buildid, "t.buildid", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build_data, name, "t.name", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_build_data, length, "t.length", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build_data, source, "t.source", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_build_data, value, "t.value", DBKI_FIELD_BLOB, DBKI_FIELD_CHOSEN),
};

const struct dbki_record dbki_build_data_record = {
    .noun = "build data",
    .from = "build_data t",
    .fields = FIELDS,
    .field_count = 6,
    .column_count = 5,
    .columns = COLUMNS,
    .order = "id",
    .keeps_null = true,
    .size = sizeof(struct dbk_build_data),
};

static const struct dbki_record WITH_VALUE = {
    .noun = "build data",
    .fields = FIELDS,
    .field_count = 6,
    .column_count = 6,
    .size = sizeof(struct dbk_build_data),
};

/* --------------------------------------------------------------------------------- reading ---- */

static void deliver_data(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_get_op *get = (struct dbki_get_op *)op;
    ((dbk_build_data_fn *)op->done)(op->user, error, error ? NULL : get->found);
}

#define GET_KIND(action_words, record_read, more_columns)                                          \
    {                                                                                              \
        .kind = {.action = action_words,                                                           \
                 .access = DBKI_ACCESS_READ,                                                       \
                 .bind = dbki_get_bind,                                                            \
                 .row = dbki_get_row,                                                              \
                 .deliver = deliver_data},                                                         \
        .record = record_read, .statement = {                                                      \
            .sql = "SELECT " COLUMNS more_columns                                                  \
                   " FROM build_data t WHERE t.buildid = ? AND t.name = ?",                        \
            .is_one_row = true                                                                     \
        }                                                                                          \
    }

static const struct dbki_get_kind GET = GET_KIND("getting build data", &WITH_VALUE, ", t.value");
static const struct dbki_get_kind GET_NO_VALUE =
    GET_KIND("getting build data without its value", &dbki_build_data_record, "");
static const struct dbki_get_kind GET_RANGE = {
    .kind = {.action = "getting a part of build data",
             .access = DBKI_ACCESS_READ,
             .bind = dbki_get_bind,
             .row = dbki_get_row,
             .deliver = deliver_data},
    .record = &WITH_VALUE,
    .statement = {.sql = "SELECT " COLUMNS ", daybook_range(t.id, ?, ?)"
                         " FROM build_data t WHERE t.buildid = ? AND t.name = ?",
                  .is_one_row = true},
};

static int get(struct dbk_store *store, const struct dbki_get_kind *kind, int64_t buildid,
               const char *name, int64_t offset, int64_t length, const struct dbk_call *call,
               dbk_build_data_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "name", name, 0, false);
    dbki_check_that(&check, offset >= 0 && length >= 0, "offset and length must not be negative");
    if (check.status)
        return check.status;
    struct dbki_get_op *op =
        dbki_op_new(&kind->kind, sizeof *op, DBKI_GET_ROOM, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    if (kind == &GET_RANGE) {
        op->args[op->arg_count++] = dbki_int(offset);
        op->args[op->arg_count++] = dbki_int(length);
    }
    op->args[op->arg_count++] = dbki_int(buildid);
    op->args[op->arg_count++] = dbki_op_text(&op->op, name);
    return dbki_submit(store, &op->op, call);
}

int dbk_get_build_data(struct dbk_store *store, int64_t buildid, const char *name,
                       const struct dbk_call *call, dbk_build_data_fn *done, void *user)
{
    return get(store, &GET, buildid, name, 0, 0, call, done, user);
}

int dbk_get_build_data_range(struct dbk_store *store, int64_t buildid, const char *name,
                             int64_t offset, int64_t length, const struct dbk_call *call,
                             dbk_build_data_fn *done, void *user)
{
    return get(store, &GET_RANGE, buildid, name, offset, length, call, done, user);
}

int dbk_get_build_data_no_value(struct dbk_store *store, int64_t buildid, const char *name,
                                const struct dbk_call *call, dbk_build_data_fn *done, void *user)
{
    return get(store, &GET_NO_VALUE, buildid, name, 0, 0, call, done, user);
}

static void deliver_list(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    ((dbk_build_data_list_fn *)op->done)(
        op->user, error, error ? NULL : (const struct dbk_build_data *const *)list->items,
        error ? NULL : &list->page);
}

static const struct dbki_opkind LIST = DBKI_LIST_KIND("listing build data", deliver_list);

int dbk_get_all_build_data_no_values(struct dbk_store *store, int64_t buildid, const char *name,
                                     const struct dbk_spec *spec, const struct dbk_call *call,
                                     dbk_build_data_list_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "name", name, 0, true);
    if (check.status)
        return check.status;
    const struct dbki_condition conditions[] = {{"t.buildid = ?", dbki_int(buildid), true},
                                                {name ? "t.name = ?" : NULL, dbki_text(name), true},
                                                {.sql = NULL}};
    struct dbki_list_call list_call = {
        .kind = &LIST, .record = &dbki_build_data_record, .conditions = conditions, .spec = spec};
    return dbki_list_submit(store, &list_call, call, (dbki_callback *)done, user);
}

/* --------------------------------------------------------------------------------- setting ---- */

/* args: name, value, source. */
static const struct dbki_statement SET = {
    .sql = "INSERT INTO build_data (buildid, name, value, length, source)"
           " SELECT id, ?, ?, ?, ? FROM builds WHERE id = ?"
           " ON CONFLICT (buildid, name) DO UPDATE SET value = excluded.value,"
           " length = excluded.length, source = excluded.source"};
static const struct dbki_statement DELETE = {
    .sql = "DELETE FROM build_data WHERE buildid = ? AND name = ?"};

static void bind_event(struct dbki_op *op, struct dbki_binder *binder, const char *verb)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    dbki_event_bind_build(op, binder,
                          (struct dbki_event){.kind = "data",
                                              .verb = verb,
                                              .buildid = write->id,
                                              .stepid = DBK_NONE,
                                              .name = write->args[0]});
}

static void set_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    DBKI_BIND(binder, &SET, write->args[0], write->args[1], dbki_int((int64_t)write->args[1].len),
              write->args[2], dbki_int(write->id));
    bind_event(op, binder, "updated");
}

static const struct dbki_opkind SET_KIND = {
    .action = "setting build data",
    .orders = DBKI_ORDERS_BUILD,
    .together = DBKI_ONE_PASS,
    .lock = &dbki_lock_build,
    .access = DBKI_ACCESS_EXISTING,
    .bind = set_bind,
    .read = dbki_write_read_build,
    .deliver = dbki_write_deliver,
};

/* Where the row is looked for first. */
struct set_from_fd_op {
    struct dbki_write_op write; /* args: name, value if it is not in a file, source */
    struct dbki_source file;    /* fd -1: none */
    size_t length;
    bool has_build;
    const char *taken; /* the name that the row has, if it is another one; else NULL */
};

/* One row is inserted or updated by values alone: anything that goes through a SELECT would make the
 * zeroes, for which the source stands at first, real. */
static const struct dbki_statement FIND_ROW = {
    .sql = "SELECT d.id, d.name FROM builds b LEFT JOIN build_data d"
           " ON d.buildid = b.id AND d.name = ? WHERE b.id = ?",
    .is_one_row = true};
static const struct dbki_statement INSERT_SOURCE = {
    .sql = "INSERT INTO build_data (buildid, name, length, source, value) VALUES (?, ?, ?, ?, ?)",
    .source_table = "build_data",
    .source_column = "value"};
static const struct dbki_statement UPDATE_SOURCE = {
    .sql = "UPDATE build_data SET length = ?, source = ?, value = ? WHERE id = ?",
    .source_table = "build_data",
    .source_column = "value"};

static void set_from_fd_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct set_from_fd_op *set = (struct set_from_fd_op *)op;
    set->has_build = false;
    set->taken = NULL;
    set->file.row = DBK_NONE;
    DBKI_BIND(binder, &FIND_ROW, set->write.args[0], dbki_int(set->write.id));
}

static int set_from_fd_row(struct dbki_op *op, int index, const struct dbki_value *cells,
                           int cell_count)
{
    struct set_from_fd_op *set = (struct set_from_fd_op *)op;
    const struct dbki_value *name = &set->write.args[0];
    (void)index;
    (void)cell_count;
    set->has_build = true;
    set->file.row = dbki_value_int(&cells[0]);
    if (cells[1].type != DBKI_TEXT ||
        (cells[1].len == name->len && !memcmp(cells[1].text, name->text, name->len)))
        return DBK_OK;
    set->taken = dbki_arena_copy(&op->arena, cells[1].text, cells[1].len);
    return set->taken ? DBK_OK : DBK_NO_MEMORY;
}

static void bind_source(struct set_from_fd_op *set, struct dbki_binder *binder)
{
    struct dbki_value length = dbki_int((int64_t)set->length),
                      bytes = set->file.fd < 0 ? set->write.args[1]
                                               : dbki_source(&set->file, set->length);
    if (set->file.row == DBK_NONE)
        DBKI_BIND(binder, &INSERT_SOURCE, dbki_int(set->write.id), set->write.args[0], length,
                  set->write.args[2], bytes);
    else
        DBKI_BIND(binder, &UPDATE_SOURCE, length, set->write.args[2], bytes,
                  dbki_int(set->file.row));
}

static void set_from_fd_read(struct dbki_op *op, const struct dbki_bound *bound,
                             struct dbki_binder *more)
{
    struct set_from_fd_op *set = (struct set_from_fd_op *)op;
    (void)bound;
    if (op->pass)
        return;
    if (!set->has_build) {
        dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no build with the id %lld",
                       (long long)set->write.id);
        return;
    }
    if (set->taken) {
        dbki_error_set(&op->error, DBK_CONFLICT,
                       "build %lld has data '%.80s', and this database takes '%.80s' for the same "
                       "name",
                       (long long)set->write.id, set->taken, set->write.args[0].text);
        return;
    }
    bind_source(set, more);
    bind_event(op, more, "updated");
}

static void set_from_fd_bind_arguments(struct dbki_op *op, struct dbki_binder *binder)
{
    set_from_fd_bind(op, binder);
    bind_source((struct set_from_fd_op *)op, binder);
}

static void set_from_fd_fini(struct dbki_op *op)
{
    int fd = ((struct set_from_fd_op *)op)->file.fd;
    if (fd >= 0)
        close(fd);
}

#define BY_ROW_KIND(action_words)                                                                  \
    {                                                                                              \
        .action = action_words, .orders = DBKI_ORDERS_BUILD, .lock = &dbki_lock_build,             \
        .access = DBKI_ACCESS_EXISTING, .bind = set_from_fd_bind, .row = set_from_fd_row,          \
        .read = set_from_fd_read, .bind_arguments = set_from_fd_bind_arguments,                    \
        .deliver = dbki_write_deliver, .fini = set_from_fd_fini                                    \
    }

static const struct dbki_opkind SET_FROM_FD_KIND = BY_ROW_KIND("setting build data from a file");
/* Where an upsert could meet the row of another name. */
static const struct dbki_opkind SET_BY_ROW = BY_ROW_KIND("setting build data");

int dbk_set_build_data(struct dbk_store *store, int64_t buildid, const char *name,
                       const void *value, size_t value_len, const char *source,
                       const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done && (value || !value_len),
                    "store, done and value must not be NULL");
    dbki_check_text(&check, "name", name, DBKI_NAME_MAX, false);
    dbki_check_kept_text(&check, store, "name", name);
    dbki_check_text(&check, "source", source, DBKI_NAME_MAX, false);
    dbki_check_kept_text(&check, store, "source", source);
    if (check.status)
        return check.status;
    if (value_len > (size_t)store->value_max)
        return dbki_refuse(call, DBK_TOO_LARGE, "the value has %zu bytes; the limit is %lld",
                           value_len, (long long)store->value_max);
    bool is_by_row = !store->schema.is_own && store->engine->merges_names;
    struct set_from_fd_op *set =
        dbki_op_new(is_by_row ? &SET_BY_ROW : &SET_KIND, sizeof *set,
                    strlen(name) + value_len + strlen(source) + 48, (dbki_callback *)done, user);
    if (!set)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    struct dbki_write_op *op = &set->write;
    set->file = (struct dbki_source){-1, 0, DBK_NONE};
    set->length = value_len;
    op->op.order_id = op->id = buildid;
    op->args[0] = dbki_op_text(&op->op, name);
    op->args[1] = dbki_op_blob(&op->op, value, value_len);
    op->args[2] = dbki_op_text(&op->op, source);
    return dbki_submit(store, &op->op, call);
}

int dbk_set_build_data_from_fd(struct dbk_store *store, int64_t buildid, const char *name, int fd,
                               int64_t offset, int64_t length, const char *source,
                               const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "name", name, DBKI_NAME_MAX, false);
    dbki_check_kept_text(&check, store, "name", name);
    dbki_check_text(&check, "source", source, DBKI_NAME_MAX, false);
    dbki_check_kept_text(&check, store, "source", source);
    dbki_check_that(&check, offset >= 0 && length >= 0 && offset <= INT64_MAX - length,
                    "offset and length must not be negative");
    if (check.status)
        return check.status;
    if (length > store->value_max)
        return dbki_refuse(call, DBK_TOO_LARGE, "the value has %lld bytes; the limit is %lld",
                           (long long)length, (long long)store->value_max);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return dbki_refuse(call, DBK_INVALID, "the value's descriptor cannot be used: %s",
                           strerror(errno));
    struct set_from_fd_op *op =
        dbki_op_new(&SET_FROM_FD_KIND, sizeof *op, strlen(name) + strlen(source) + 48,
                    (dbki_callback *)done, user);
    if (!op) {
        close(copy);
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    }
    op->write.op.order_id = op->write.id = buildid;
    op->write.args[0] = dbki_op_text(&op->write.op, name);
    op->write.args[2] = dbki_op_text(&op->write.op, source);
    op->file = (struct dbki_source){copy, offset, DBK_NONE};
    op->length = (size_t)length;
    return dbki_submit(store, &op->write.op, call);
}

/* -------------------------------------------------------------------------------- deleting ---- */

static void delete_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    DBKI_BIND(binder, &DELETE, dbki_int(write->id), write->args[0]);
}

/* The event only once something was deleted. */
static void delete_read(struct dbki_op *op, const struct dbki_bound *bound,
                        struct dbki_binder *more)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    if (op->pass)
        return;
    if (bound[0].changed)
        bind_event(op, more, "deleted");
    else
        dbki_error_set(&op->error, DBK_NOT_FOUND, "build %lld has no data '%.80s'",
                       (long long)write->id, write->args[0].text);
}

static const struct dbki_opkind DELETE_KIND = {
    .action = "deleting build data",
    .orders = DBKI_ORDERS_BUILD,
    .together = DBKI_TWO_PASSES,
    .lock = &dbki_lock_build,
    .access = DBKI_ACCESS_EXISTING,
    .frees_space = true,
    .bind = delete_bind,
    .read = delete_read,
    .deliver = dbki_write_deliver,
};

int dbk_delete_build_data(struct dbk_store *store, int64_t buildid, const char *name,
                          const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "name", name, 0, false);
    if (check.status)
        return check.status;
    return dbki_write_submit(store, &DELETE_KIND, buildid, dbki_text(name), call, done, user);
}

/* --------------------------------------------------------------------------------- keeping ---- */

struct dbk_build_data *dbk_build_data_dup(const struct dbk_build_data *data)
{
    void *value;
    if (!data)
        return NULL;
    struct dbk_build_data *copy = dbki_record_dup(&dbki_build_data_record, data,
                                                  data->value ? data->value_len + 1 : 0, &value);
    if (copy && data->value) {
        memcpy(value, data->value, data->value_len);
        copy->value = value;
    }
    return copy;
}

void dbk_build_data_free(struct dbk_build_data *data)
{
    dbki_free(data);
}
