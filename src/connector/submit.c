/*
 * Operation keys; see submit.h.
 *
 * A write with a key is wrapped: a first pass looks the key up. When it is there, with the same call and
 * arguments, its result is given and nothing is done; with others it is a conflict. When it is not, the
 * operation runs with its own passes, and a last one keeps its result. All of that is one transaction,
 * so a key is there exactly when its write is; and since one writer runs the operations in their order,
 * a second one with the key of one that is outstanding finds it. What was refused leaves no key.
 *
 * Calls and arguments are compared by a hash over the parameters that the operation binds, with the clock at 0.
 */
#include "connector/submit.h"

#include "connector/lineage.h"

#include "base/hash.h"
#include "base/text.h"
#include "store/store.h"

enum { KEY_MAX = 128, HASH_SIZE = 16 };
enum stage { LOOKING, RUNNING, KEEPING };

struct dbki_key {
    struct dbki_value scope, key;
    unsigned char hash[HASH_SIZE];
    enum stage stage;
    bool is_found, is_same;
};

/* This week's, last week's, and next week's, for clocks that were ahead. */
#define FIND_IN_WEEK                                                                               \
    "SELECT arguments_hash, result, result_number, result_text FROM daybook_operations"            \
    " WHERE week = ? AND key = ? AND scope = ?"
static const struct dbki_statement FIND = {.sql = FIND_IN_WEEK " UNION ALL " FIND_IN_WEEK
                                                               " UNION ALL " FIND_IN_WEEK};
static const struct dbki_statement KEEP = {
    .sql = "INSERT INTO daybook_operations (week, key, scope, arguments_hash, result,"
           " result_number, result_text) VALUES (?, ?, ?, ?, ?, ?, ?)"};

/* ------------------------------------------------------------------------------ the passes ---- */

int64_t dbki_key_week(int64_t now)
{
    return now / (7 * 24 * 60 * 60);
}

static int give_kept(struct dbki_op *op, const struct dbki_value cells[3])
{
    op->result[0] = dbki_value_int(&cells[0]);
    op->result[1] = dbki_value_int(&cells[1]);
    if (cells[2].type != DBKI_TEXT)
        return DBK_OK;
    const char *text = dbki_arena_copy(&op->arena, cells[2].text, cells[2].len);
    op->result_text = dbki_text_n(text, cells[2].len);
    return text ? DBK_OK : DBK_NO_MEMORY;
}

static void keyed_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_key *key = op->key;
    key->stage = LOOKING;
    key->is_found = key->is_same = false;
    int64_t week = dbki_key_week(op->now);
    DBKI_BIND(binder, &FIND, dbki_int(week), key->key, key->scope, dbki_int(week - 1), key->key,
              key->scope, dbki_int(week + 1), key->key, key->scope);
}

static int keyed_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_key *key = op->key;
    if (key->stage == LOOKING) {
        key->is_found = true;
        key->is_same = cells[0].type == DBKI_BLOB && cells[0].len == HASH_SIZE &&
                       !memcmp(cells[0].blob, key->hash, HASH_SIZE);
        return key->is_same ? give_kept(op, cells + 1) : DBK_OK;
    }
    if (key->stage != RUNNING || !op->kind->row)
        return DBK_OK;
    op->pass--; /* its own count of passes does not know of the first one */
    int status = op->kind->row(op, index, cells, cell_count);
    op->pass++;
    return status;
}

static void run_own_pass(struct dbki_op *op, const struct dbki_bound *bound,
                         struct dbki_binder *more)
{
    if (!op->kind->read)
        return;
    op->pass--;
    op->kind->read(op, bound, more);
    op->pass++;
}

static void keyed_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more)
{
    struct dbki_key *key = op->key;
    if (key->stage == LOOKING) {
        if (key->is_found && !key->is_same)
            dbki_error_set(&op->error, DBK_CONFLICT,
                           "the operation key '%.80s' was used for another call or other arguments",
                           key->key.text);
        if (key->is_found)
            return;
        key->stage = RUNNING;
        op->kind->bind(op, more);
        return;
    }
    if (key->stage == KEEPING)
        return;
    int before = more->count;
    run_own_pass(op, bound, more);
    if (op->error.status != DBK_OK || more->count > before || op->is_turn_over)
        return;
    key->stage = KEEPING;
    DBKI_BIND(more, &KEEP, dbki_int(dbki_key_week(op->now)), key->key, key->scope,
              dbki_blob(key->hash, HASH_SIZE), dbki_int(op->result[0]), dbki_int(op->result[1]),
              op->result_text);
}

static const struct dbki_opkind KEYED = {
    .action = "using an operation key",
    .bind = keyed_bind,
    .row = keyed_row,
    .read = keyed_read,
};

/* ------------------------------------------------------------------------------ submitting ---- */

static uint64_t hash_value(uint64_t hash, const struct dbki_value *value)
{
    hash = dbki_hash_number(hash, (uint64_t)value->type);
    switch (value->type) {
    case DBKI_NULL:
        return hash;
    case DBKI_INT:
        return dbki_hash_number(hash, (uint64_t)value->number);
    case DBKI_SOURCE: /* its bytes are not read twice: where they are and how many must do */
        hash = dbki_hash_number(hash, (uint64_t)value->source->offset);
        return dbki_hash_number(hash, value->len);
    default:
        return dbki_hash_block(hash, value->text, value->len);
    }
}

/* Two hashes of 64 bits, begun differently, over the call and its statements' parameters. */
static bool hash_arguments(struct dbki_op *op, unsigned char out_hash[HASH_SIZE])
{
    struct dbki_binder binder;
    dbki_binder_init(&binder);
    (op->kind->bind_arguments ? op->kind->bind_arguments : op->kind->bind)(op, &binder);
    for (uint64_t i = 0; i < 2; i++) {
        const char *call = op->kind->action;
        uint64_t hash = dbki_hash_block(i + 1, call, strlen(call));
        for (int j = 0; j < binder.count; j++)
            for (int k = 0; k < binder.bound[j].param_count; k++)
                hash = hash_value(hash, &binder.bound[j].params[k]);
        memcpy(out_hash + 8 * i, &hash, sizeof hash);
    }
    bool is_whole = !binder.is_out_of_memory;
    dbki_binder_fini(&binder);
    return is_whole;
}

static int attach_key(struct dbk_store *store, struct dbki_op *op, const struct dbk_call *call)
{
    struct dbki_check check = {.call = call};
    const char *scope = call->scope ? call->scope : "";
    dbki_check_that(&check, op->kind->access != DBKI_ACCESS_READ,
                    "an operation key is for writes: a read can be asked again");
    dbki_check_text(&check, "the operation key", call->key, 0, false);
    dbki_check_text(&check, "the operation key's scope", scope, 0, false);
    dbki_check_that(&check,
                    check.status ||
                        (call->key[0] && strlen(call->key) <= KEY_MAX && strlen(scope) <= KEY_MAX),
                    "an operation key has 1 to 128 bytes, its scope at most 128");
    if (!check.status && !store->schema.has_keys)
        check.status = dbki_refuse(
            call, DBK_UNSUPPORTED, "%s",
            store->schema.is_own
                ? "the store's table for operation keys is missing: `daybook upgrade` makes it "
                  "again"
                : "operation keys need daybook's tables, which this Buildbot database has not: "
                  "`daybook adopt` adds them");
    if (check.status)
        return check.status;
    op->key = dbki_op_take(op, sizeof *op->key);
    if (!op->key || op->is_out_of_memory)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    memset(op->key, 0, sizeof *op->key);
    op->key->scope = dbki_op_text(op, scope);
    op->key->key = dbki_op_text(op, call->key);
    op->store = store;
    op->arguments_end = dbki_arena_mark(&op->arena);
    dbki_op_begin_anew(op);
    if (!hash_arguments(op, op->key->hash))
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->wrapper = &KEYED;
    return DBK_OK;
}

/* Where nobody else writes, every build is in its lineage as it is finished. */
static const struct dbki_opkind *const OWN_CHORES[] = {&dbki_trim, NULL};
static const struct dbki_opkind *const ADOPTED_CHORES[] = {&dbki_trim, &dbki_gather, NULL};

int dbki_submit(struct dbk_store *store, struct dbki_op *op, const struct dbk_call *call)
{
    if (call && call->key) {
        int status = attach_key(store, op, call);
        if (status) {
            dbki_op_free(op);
            return status;
        }
    }
    if (op->kind->access != DBKI_ACCESS_READ && store->schema.has_events && store->schema.has_keys)
        atomic_store_explicit(&store->housekeeping,
                              store->schema.is_own ? OWN_CHORES : ADOPTED_CHORES,
                              memory_order_relaxed);
    if (op->kind->access != DBKI_ACCESS_READ && store->engine->is_server) {
        atomic_store_explicit(&store->batch_words,
                              store->schema.has_batches ? &dbki_batch_names : NULL,
                              memory_order_relaxed);
        atomic_store_explicit(&store->after_writes,
                              store->schema.has_events ? &dbki_place_events : NULL,
                              memory_order_relaxed);
    }
    return dbki_enqueue(store, op, call);
}
