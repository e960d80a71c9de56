/* Operations: making them, and checking what a call was given; see op.h. */
#include "store/op.h"

#include "base/alloc.h"
#include "base/text.h"
#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BOUND_MIN = 8 };
enum { AFTER_ERROR = offsetof(struct dbki_op, error) + sizeof(struct dbk_error) };

void dbki_binder_init(struct dbki_binder *binder)
{
    *binder = (struct dbki_binder){0};
    dbki_arena_init(&binder->arena, NULL, 0);
}

void dbki_binder_fini(struct dbki_binder *binder)
{
    dbki_arena_fini(&binder->arena);
    dbki_free(binder->bound);
    *binder = (struct dbki_binder){0};
}

void dbki_binder_clear(struct dbki_binder *binder)
{
    binder->count = 0;
    binder->is_out_of_memory = false;
    dbki_arena_reset(&binder->arena);
}

void dbki_bind(struct dbki_binder *binder, const struct dbki_statement *statement,
               const struct dbki_value *params, int param_count)
{
    if (binder->count == binder->max) {
        int max = binder->max ? 2 * binder->max : BOUND_MIN;
        void *grown = dbki_realloc(binder->bound, (size_t)max * sizeof *binder->bound);
        if (!grown) {
            binder->is_out_of_memory = true;
            return;
        }
        binder->bound = grown;
        binder->max = max;
    }
    size_t size = (size_t)param_count * sizeof *params;
    struct dbki_value *copy = dbki_arena_take(&binder->arena, size);
    if (!copy) {
        binder->is_out_of_memory = true;
        return;
    }
    if (size)
        memcpy(copy, params, size);
    binder->bound[binder->count++] =
        (struct dbki_bound){.statement = statement, .params = copy, .param_count = param_count};
}

void *dbki_op_new(const struct dbki_opkind *kind, size_t size, size_t room, dbki_callback *done,
                  void *user)
{
    size = (size + 7) & ~(size_t)7;
    struct dbki_op *op = dbki_malloc(size + room);
    if (!op)
        return NULL;
    memset(op, 0, offsetof(struct dbki_op, error));
    memset((char *)op + AFTER_ERROR, 0, size - AFTER_ERROR);
    op->kind = kind;
    op->done = done;
    op->user = user;
    dbki_arena_init(&op->arena, (char *)op + size, room);
    dbki_error_clear(&op->error);
    return op;
}

void dbki_op_free(struct dbki_op *op)
{
    if (!op)
        return;
    if (op->kind->fini)
        op->kind->fini(op);
    dbki_arena_fini(&op->arena);
    dbki_free(op);
}

void *dbki_op_copy(struct dbki_op *op, const void *bytes, size_t len)
{
    char *copy = dbki_arena_copy(&op->arena, bytes, len);
    if (!copy)
        op->is_out_of_memory = true;
    return copy;
}

struct dbki_value dbki_op_text_n(struct dbki_op *op, const char *text, size_t len)
{
    return dbki_text_n(text ? dbki_op_copy(op, text, len) : NULL, len);
}

struct dbki_value dbki_op_text(struct dbki_op *op, const char *text)
{
    return dbki_op_text_n(op, text, text ? strlen(text) : 0);
}

struct dbki_value dbki_op_blob(struct dbki_op *op, const void *bytes, size_t len)
{
    return dbki_blob(dbki_op_copy(op, bytes, len), len);
}

void dbki_op_begin_anew(struct dbki_op *op)
{
    dbki_arena_rewind(&op->arena, op->arguments_end);
    op->pass = 0;
    op->is_settled = op->is_turn_over = false;
    if (op->error.status != DBK_OK)
        dbki_error_clear(&op->error);
    op->result[0] = op->result[1] = DBK_NONE;
    op->result_text = dbki_text(NULL);
    memcpy(op->progress, op->progress_committed, sizeof op->progress);
}

static void fill_refusal(const struct dbk_call *call, const struct dbk_error *error)
{
    if (call && call->out_refusal)
        *call->out_refusal = *error;
}

int dbki_refuse(const struct dbk_call *call, enum dbk_status status, const char *format, ...)
{
    struct dbk_error error;
    char message[sizeof error.message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    dbki_error_clear(&error);
    dbki_error_set(&error, status, "%s", message);
    fill_refusal(call, &error);
    return status;
}

void dbki_check_that(struct dbki_check *check, bool is_right, const char *sentence)
{
    if (!check->status && !is_right)
        check->status = dbki_refuse(check->call, DBK_INVALID, "%s", sentence);
}

void dbki_check_id(struct dbki_check *check, const char *field, int64_t id)
{
    if (!check->status && id < 0)
        check->status = dbki_refuse(check->call, DBK_INVALID, "%s must be an id, 1 or more", field);
}

void dbki_check_text(struct dbki_check *check, const char *field, const char *text,
                     size_t max_chars, bool may_be_null)
{
    size_t chars, len;
    if (check->status || (!text && may_be_null))
        return;
    if (!text) {
        check->status = dbki_refuse(check->call, DBK_INVALID, "%s must not be NULL", field);
    } else if (!dbki_text_is_valid(text, len = strlen(text), &chars)) {
        check->status = dbki_refuse(check->call, DBK_INVALID, "%s is not valid UTF-8", field);
    } else if (max_chars && chars > max_chars) {
        check->status =
            dbki_refuse(check->call, DBK_INVALID, "%s has %zu characters; the limit is %zu", field,
                        chars, max_chars);
    } else if (len > DBKI_TEXT_BYTES_MAX) {
        check->status = dbki_refuse(check->call, DBK_INVALID, "%s has %zu bytes; the limit is %d",
                                    field, len, DBKI_TEXT_BYTES_MAX);
    }
}

void dbki_check_kept_text(struct dbki_check *check, const struct dbk_store *store,
                          const char *field, const char *text)
{
    if (check->status || store->schema.is_own)
        return;
    size_t len = strlen(text);
    if (store->text_max && len > (size_t)store->text_max)
        check->status = dbki_refuse(check->call, DBK_INVALID,
                                    "%s has %zu bytes; the limit of this database is %lld", field,
                                    len, (long long)store->text_max);
    for (size_t i = 0; i < len && store->has_narrow_texts && !check->status; i++)
        if ((unsigned char)text[i] >= 0xF0) /* what begins a character of four bytes */
            check->status = dbki_refuse(check->call, DBK_INVALID,
                                        "%s has a character that the character set of this "
                                        "database cannot hold",
                                        field);
}

void dbki_check_kept_results(struct dbki_check *check, const struct dbk_store *store,
                             int64_t results)
{
    if (check->status || store->schema.is_own)
        dbki_check_results(check, results);
    else if (results < 0 || results > INT32_MAX)
        check->status = dbki_refuse(check->call, DBK_INVALID, "results must be 0 to %d", INT32_MAX);
}

void dbki_check_results(struct dbki_check *check, int64_t results)
{
    if (!check->status && !dbk_results_name(results))
        check->status =
            dbki_refuse(check->call, DBK_INVALID, "results must be 0 (success) to 6 (cancelled)");
}
