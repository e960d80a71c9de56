/*
 * A value of build data in pieces, over one open handle (store/pieces.h).
 *
 * While the handle's snapshot lasts, the pieces are of one value without more ado. After it was taken away, what
 * was given so far is read again and its hash compared: if it is still the value's beginning, and the value as
 * long as before, then all the pieces together are the value as it is now. Otherwise it was changed, and
 * the operation says so.
 */
#include "base/hash.h"
#include "connector/event.h"
#include "connector/records.h"
#include "store/pieces.h"

/* Large enough that handing it over costs little beside reading it, and small beside a processor's cache. */
enum { PIECE_SIZE = 256 * 1024 };

struct pieces_op {
    struct dbki_op op;
    struct dbki_pieces pieces;
    int64_t buildid;
    struct dbki_value name;
    int64_t start, end; /* the part that is wanted; end may be past the value's */
    dbk_piece_fn *take;

    int64_t given;       /* up to here the caller has it */
    uint64_t given_hash; /* of what he has */
    int64_t length;      /* of the value that he has the beginning of */

    int64_t checked; /* up to here the value was compared in this run; `given`: all of it was */
    uint64_t checked_hash;
    int64_t wanted;               /* bytes that the statement asked for */
    bool has_row;                 /* the statement found the value */
    bool is_shorter;              /* than what was given */
    struct dbk_build_data *piece; /* what came after that; NULL: nothing */
    uint64_t piece_hash;          /* of what was given and this piece */
};

static const struct dbki_statement PART = {
    .sql = "SELECT t.id, t.buildid, t.name, t.length, t.source, daybook_range(t.id, ?, ?)"
           " FROM build_data t WHERE t.buildid = ? AND t.name = ?",
    .is_one_row = true};
enum { LENGTH_CELL = 3, RECORD_CELLS = 5 };

static void bind_next(struct pieces_op *self, struct dbki_binder *binder)
{
    bool is_check = self->checked < self->given;
    int64_t from = is_check ? self->checked : self->given;
    int64_t left = (is_check ? self->given : self->end) - from;
    self->wanted = left < PIECE_SIZE ? left : PIECE_SIZE;
    self->has_row = false;
    DBKI_BIND(binder, &PART, dbki_int(from), dbki_int(self->wanted), dbki_int(self->buildid),
              self->name);
}

static void pieces_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct pieces_op *self = (struct pieces_op *)op;
    self->checked = self->pieces.is_other ? self->start : self->given;
    self->checked_hash = 0;
    self->is_shorter = false;
    self->piece = NULL;
    bind_next(self, binder);
}

/* A part of what was given already. */
static int check_part(struct pieces_op *self, const struct dbki_value *cells)
{
    const struct dbki_value *part = &cells[RECORD_CELLS];
    self->is_shorter =
        (int64_t)part->len < self->wanted || dbki_value_int(&cells[LENGTH_CELL]) != self->length;
    self->checked += self->wanted;
    self->checked_hash = dbki_hash_block(self->checked_hash, part->blob, part->len);
    return DBK_OK;
}

static int pieces_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    struct pieces_op *self = (struct pieces_op *)op;
    const struct dbki_value *part = &cells[RECORD_CELLS];
    (void)index;
    (void)cell_count;
    self->has_row = true;
    if (self->checked < self->given)
        return check_part(self, cells);
    struct dbk_build_data *piece =
        dbki_record_new(op, &dbki_build_data_record, NULL, cells, RECORD_CELLS);
    void *bytes = piece ? dbki_op_take(op, part->len + 1) : NULL;
    if (!bytes)
        return DBK_NO_MEMORY;
    if (part->len)
        memcpy(bytes, part->blob, part->len);
    piece->value = bytes;
    piece->value_len = part->len;
    self->piece_hash = dbki_hash_block(self->given_hash, bytes, part->len);
    self->piece = piece;
    return DBK_OK;
}

static void say_changed(struct dbki_op *op)
{
    struct pieces_op *self = (struct pieces_op *)op;
    dbki_error_set(
        &op->error, DBK_CONFLICT,
        "the data '%.80s' was changed while it was read: read it again from its beginning",
        self->name.text);
    op->error.is_retryable = true;
}

static void pieces_read(struct dbki_op *op, const struct dbki_bound *bound,
                        struct dbki_binder *more)
{
    struct pieces_op *self = (struct pieces_op *)op;
    bool has_some = self->given > self->start;
    (void)bound;
    if (!self->has_row && !has_some) { /* there is none */
        self->pieces.is_last = true;
    } else if (self->piece) {
        if (has_some && self->piece->length != self->length)
            say_changed(op);
        self->pieces.is_last = (int64_t)self->piece->value_len < self->wanted ||
                               self->given + self->wanted >= self->end;
    } else if (!self->has_row || self->is_shorter ||
               (self->checked == self->given && self->checked_hash != self->given_hash)) {
        say_changed(op);
    } else if (!dbki_pieces_end_early(op)) {
        bind_next(self, more);
    }
}

/* A piece, or the end: then what is known of the value goes along, without its bytes. */
static void pieces_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    struct pieces_op *self = (struct pieces_op *)op;
    struct dbk_build_data *piece = self->piece;
    if (error || self->pieces.is_over) {
        if (piece) {
            piece->value = NULL;
            piece->value_len = 0;
        }
        ((dbk_build_data_fn *)op->done)(op->user, error, error ? NULL : piece);
        return;
    }
    if (!piece || !piece->value_len)
        return;
    int64_t offset = self->given;
    self->given += (int64_t)piece->value_len;
    self->given_hash = self->piece_hash;
    self->length = piece->length;
    self->pieces.is_paused = !self->take(op->user, piece, offset);
}

static const struct dbki_opkind PIECES = {
    .action = "reading build data in pieces",
    .access = DBKI_ACCESS_READ,
    .bind = pieces_bind,
    .row = pieces_row,
    .read = pieces_read,
    .deliver = pieces_deliver,
};

int dbk_read_build_data(struct dbk_store *store, int64_t buildid, const char *name, int64_t offset,
                        int64_t length, const struct dbk_call *call, dbk_piece_fn *piece,
                        dbk_build_data_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && piece && done, "store, piece and done must not be NULL");
    dbki_check_text(&check, "name", name, 0, false);
    dbki_check_that(&check, offset >= 0 && length >= 0, "offset and length must not be negative");
    if (check.status)
        return check.status;
    struct pieces_op *op =
        dbki_op_new(&PIECES, sizeof *op, strlen(name) + 1, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->op.pieces = &op->pieces;
    op->buildid = buildid;
    op->name = dbki_op_text(&op->op, name);
    op->start = op->given = offset;
    op->end = length < INT64_MAX - offset ? offset + length : INT64_MAX;
    op->take = piece;
    return dbki_submit(store, &op->op, call);
}
