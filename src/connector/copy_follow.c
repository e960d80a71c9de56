/*
 * Following the source of a copy while others write it. Triggers in the source note the key of each row that is
 * changed (schema/journal.h), from before the first row is copied; a round takes the notes that there are, and puts
 * the rows of those keys, as they are then, in the place of what the target has of them: in one snapshot of the source
 * and one transaction of the target. Then the notes are taken out: cut off before that, they are done once more, which
 * changes nothing. After a round that took all notes, the target is what the source was in that snapshot.
 *
 * Notes are taken out by their ids, one by one: on a server, one with a lower id may become visible later.
 * Events are not noted: their positions rise in the order in which they become visible.
 */
#include "connector/copy_follow.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "connector/marks.h"
#include "connector/submit.h"
#include "connector/object_change.h"
#include "schema/journal.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOTES_MAX = 4096, KEYS_AT_ONCE = 64, WORD_MAX = 520 };
enum { CLOSE_TRIES = 30 };

struct note {
    int64_t id, key;
    int table;          /* index in the layout; -1: one that is not known */
    char *word, *scope; /* NULL of most */
};

struct notes {
    struct dbki_follow *follow;
    struct note *list;
    int count;
};

/* ------------------------------------------------------------------------------- beginning ---- */

int dbki_follow_init(struct dbki_follow *follow, struct dbki_op *op,
                     const struct dbki_copy_source *source, const struct dbki_layout *layout,
                     const char *target)
{
    const struct dbki_conn_options options = {.is_writer = true};
    *follow = (struct dbki_follow){
        .op = op, .source = source, .layout = layout, .target = target, .token = follow->token};
    int status = source->conn->engine->open(&source->url, &options, &follow->writer, &op->error);
    if (!status && follow->writer->is_read_only)
        status = dbki_error_set(&op->error, DBK_READ_ONLY,
                                "the source cannot be written: to be followed it gets triggers, "
                                "which note what is changed");
    return status;
}

void dbki_follow_fini(struct dbki_follow *follow)
{
    dbki_copy_rows_fini(&follow->rows);
    if (follow->writer)
        follow->writer->engine->close(follow->writer);
    follow->writer = NULL;
}

/* Result: DBK_CONFLICT when the source is not followed for this copy. */
static int check_following(struct dbki_follow *follow, const struct dbki_following *following,
                           bool is_begun)
{
    struct dbk_error *error = &follow->op->error;
    if (following->is_there && following->token != follow->token)
        return dbki_error_set(error, DBK_CONFLICT,
                              "the source is followed into another store: go on there, or end that "
                              "with `daybook copy --unmove`");
    if (!following->is_there && is_begun)
        return dbki_error_set(error, DBK_CONFLICT,
                              "the source was let go of since this copy was begun, and what was "
                              "written then is not known: begin again, into an empty database");
    return DBK_OK;
}

static int keep_follower(struct dbki_follow *follow, struct dbki_conn *conn)
{
    static const struct dbki_statement add = {
        .sql = "INSERT INTO daybook_move (token, is_closed, target) VALUES (?, 0, ?)"};
    const struct dbki_value values[] = {dbki_int(follow->token), dbki_text(follow->target)};
    return dbki_copy_run(conn, &add, values, 2, NULL, NULL, NULL, &follow->op->error);
}

/* What makes tables may end the transaction: who follows is kept in one of its own. */
static int make_journal(struct dbki_follow *follow, bool is_begun)
{
    struct dbki_op *op = follow->op;
    struct dbki_conn *conn = follow->writer;
    struct dbki_patience patience;
    struct dbki_following following;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_journal_look(conn, &following, &op->error);
    if (!status)
        status = check_following(follow, &following, is_begun);
    if (!status && !following.is_there)
        status = dbki_journal_make(conn, &op->error);
    status = dbki_change_end(op, conn, &patience, status);
    if (status || following.is_there || (status = dbki_change_begin(op, conn, &patience)))
        return status;
    status = keep_follower(follow, conn);
    return dbki_change_end(op, conn, &patience, status);
}

/* Again, while others have the table. */
static bool is_in_the_way(struct dbki_follow *follow, int status, int tries)
{
    if (status != DBK_BUSY || tries >= CLOSE_TRIES || follow->op->is_cancelled)
        return false;
    dbki_error_clear(&follow->op->error);
    return true;
}

static int arm_table(struct dbki_follow *follow, bool is_begun, bool *out_is_armed)
{
    struct dbki_op *op = follow->op;
    struct dbki_patience patience;
    int status;
    for (int tries = 0;; tries++) {
        if ((status = dbki_change_begin(op, follow->writer, &patience)))
            return status;
        status = dbki_journal_arm(follow->writer, &follow->layout->tables[follow->armed],
                                  out_is_armed, &op->error);
        if (!status && is_begun && !*out_is_armed)
            status = dbki_error_set(&op->error, DBK_CONFLICT,
                                    "a trigger of the source was taken out since this copy was "
                                    "begun: begin again, into an empty database");
        status = dbki_change_end(op, follow->writer, &patience, status);
        if (!is_in_the_way(follow, status, tries))
            return status;
    }
}

int dbki_follow_arm(struct dbki_follow *follow, bool is_begun, bool *out_is_over)
{
    bool is_armed = true;
    int status = follow->armed ? DBK_OK : make_journal(follow, is_begun);
    while (!status && is_armed && follow->armed < follow->layout->count) {
        status = arm_table(follow, is_begun, &is_armed);
        follow->armed += !status && is_armed;
    }
    *out_is_over = !status && follow->armed == follow->layout->count;
    return status;
}

/* ---------------------------------------------------------------------------------- the notes ---- */

static int take_note(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct notes *notes = owner;
    struct note *note = &notes->list[notes->count++];
    struct dbki_follow *follow = notes->follow;
    (void)index;
    (void)cell_count;
    const struct dbki_table *table =
        cells[1].type == DBKI_TEXT ? dbki_layout_find(follow->layout, cells[1].text) : NULL;
    *note = (struct note){.id = dbki_value_int(&cells[0]),
                          .key = dbki_value_int(&cells[2]),
                          .table = table ? (int)(table - follow->layout->tables) : -1};
    if (cells[3].type != DBKI_TEXT || cells[4].type != DBKI_TEXT)
        return DBK_OK;
    note->word = dbki_malloc(cells[3].len + 1);
    note->scope = dbki_malloc(cells[4].len + 1);
    if (!note->word || !note->scope)
        return dbki_error_set(&follow->op->error, DBK_NO_MEMORY, "out of memory");
    memcpy(note->word, cells[3].text, cells[3].len + 1);
    memcpy(note->scope, cells[4].text, cells[4].len + 1);
    return DBK_OK;
}

static void free_notes(struct notes *notes)
{
    for (int i = 0; i < notes->count; i++) {
        dbki_free(notes->list[i].word);
        dbki_free(notes->list[i].scope);
    }
    dbki_free(notes->list);
}

static int compare_texts(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

/* By table and by what they are about. */
static int compare_notes(const void *left, const void *right)
{
    const struct note *a = left, *b = right;
    int order = (a->table > b->table) - (a->table < b->table);
    if (!order)
        order = (a->key > b->key) - (a->key < b->key);
    if (!order)
        order = compare_texts(a->word, b->word);
    return order ? order : compare_texts(a->scope, b->scope);
}

static int read_notes(struct dbki_follow *follow, struct notes *notes)
{
    static const struct dbki_statement get = {
        .sql = "SELECT id, name, at, word, scope FROM daybook_changed ORDER BY id LIMIT ?"};
    struct dbki_value max = dbki_int(NOTES_MAX);
    *notes = (struct notes){.follow = follow, .list = dbki_calloc(NOTES_MAX, sizeof *notes->list)};
    if (!notes->list)
        return dbki_error_set(&follow->op->error, DBK_NO_MEMORY, "out of memory");
    return dbki_copy_run(follow->source->conn, &get, &max, 1, notes, take_note, NULL,
                         &follow->op->error);
}

/* -------------------------------------------------------------------------------------- rows ---- */

/* Rows that are known by these values, out of the target and in again as the source has them. */
static int replace(struct dbki_follow *follow, struct dbki_conn *to, const char *where,
                   const struct dbki_value *params, int count)
{
    struct dbk_error *error = &follow->op->error;
    const char *table = follow->rows.table->name;
    struct dbki_buf out = {0}, in = {0};
    dbki_buf_addf(&out, "DELETE FROM %s WHERE %s", table, where);
    dbki_buf_addf(&in, "SELECT %s FROM %s WHERE %s", follow->rows.columns.text, table, where);
    const struct dbki_statement drop = {.sql = out.text, .is_made = true};
    const struct dbki_statement get = {.sql = in.text, .is_made = true, .is_streamed = true};
    int status = out.is_out_of_memory || in.is_out_of_memory
                     ? dbki_error_set(error, DBK_NO_MEMORY, "out of memory")
                     : dbki_copy_run(to, &drop, params, count, NULL, NULL, NULL, error);
    if (!status)
        status = dbki_copy_rows_some(&follow->rows, follow->source->conn, to, &get, params, count,
                                     error);
    dbki_buf_fini(&out);
    dbki_buf_fini(&in);
    return status;
}

/* Keys of one table, always so many to a statement: of fewer the last one is there again. */
static int replace_keys(struct dbki_follow *follow, struct dbki_conn *to, struct dbki_value *params,
                        int count)
{
    const struct dbki_table *table = follow->rows.table;
    char where[DBKI_WORD_SIZE + 3 * KEYS_AT_ONCE + 8];
    int len = snprintf(where, sizeof where, "%s IN (?", table->columns[table->key].name);
    for (int i = 1; i < KEYS_AT_ONCE; i++)
        len += snprintf(where + len, sizeof where - (size_t)len, ", ?");
    snprintf(where + len, sizeof where - (size_t)len, ")");
    for (int i = count; i < KEYS_AT_ONCE; i++)
        params[i] = params[count - 1];
    return replace(follow, to, where, params, KEYS_AT_ONCE);
}

static int replace_words(struct dbki_follow *follow, struct dbki_conn *to, const struct note *note)
{
    const struct dbki_value params[] = {dbki_int(note->key), dbki_text(note->word),
                                        dbki_text(note->scope)};
    return replace(follow, to, "week = ? AND key = ? AND scope = ?", params, 3);
}

/* The notes of one table, which stand side by side. */
static int bring_table(struct dbki_follow *follow, struct dbki_conn *to, const struct note *notes,
                       int count)
{
    struct dbki_value keys[KEYS_AT_ONCE];
    int key_count = 0;
    int status = dbki_copy_rows_init(&follow->rows, &follow->layout->tables[notes[0].table], NULL,
                                     &follow->op->error);
    for (int i = 0; i < count && !status; i++) {
        if (i && !compare_notes(&notes[i], &notes[i - 1]))
            continue;
        if (notes[i].word) {
            status = replace_words(follow, to, &notes[i]);
            continue;
        }
        keys[key_count++] = dbki_int(notes[i].key);
        if (key_count == KEYS_AT_ONCE) {
            status = replace_keys(follow, to, keys, key_count);
            key_count = 0;
        }
    }
    if (!status && key_count)
        status = replace_keys(follow, to, keys, key_count);
    dbki_copy_rows_fini(&follow->rows);
    return status;
}

static int bring(struct dbki_follow *follow, struct dbki_conn *to, const struct notes *notes)
{
    struct dbki_op *op = follow->op;
    struct dbki_patience patience;
    int status = dbki_change_begin(op, to, &patience);
    if (status)
        return status;
    for (int i = 0, next; i < notes->count && !status; i = next) {
        for (next = i; next < notes->count && notes->list[next].table == notes->list[i].table;)
            next++;
        if (notes->list[i].table >= 0)
            status = bring_table(follow, to, notes->list + i, next - i);
    }
    return dbki_change_end(op, to, &patience, status);
}

/* They are done. */
static int drop_notes(struct dbki_follow *follow, const struct notes *notes)
{
    struct dbki_op *op = follow->op;
    struct dbki_patience patience;
    struct dbki_value ids[KEYS_AT_ONCE];
    struct dbki_buf sql = {0};
    dbki_buf_add(&sql, "DELETE FROM daybook_changed WHERE id IN (?");
    for (int i = 1; i < KEYS_AT_ONCE; i++)
        dbki_buf_add(&sql, ", ?");
    dbki_buf_add(&sql, ")");
    const struct dbki_statement drop = {.sql = sql.text, .is_made = true};
    int status = sql.is_out_of_memory ? dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory")
                                      : dbki_change_begin(op, follow->writer, &patience);
    bool is_begun = !status;
    for (int i = 0; i < notes->count && !status; i += KEYS_AT_ONCE) {
        for (int j = 0; j < KEYS_AT_ONCE; j++)
            ids[j] = dbki_int(notes->list[i + j < notes->count ? i + j : notes->count - 1].id);
        status =
            dbki_copy_run(follow->writer, &drop, ids, KEYS_AT_ONCE, NULL, NULL, NULL, &op->error);
    }
    if (is_begun)
        status = dbki_change_end(op, follow->writer, &patience, status);
    dbki_buf_fini(&sql);
    return status;
}

int dbki_follow_round(struct dbki_follow *follow, struct dbki_conn *to, bool *out_is_over)
{
    struct dbki_conn *from = follow->source->conn;
    struct notes notes;
    int status = from->engine->begin(from, DBKI_READ, NULL, &follow->op->error);
    if (status)
        return status;
    status = read_notes(follow, &notes);
    *out_is_over = notes.count < NOTES_MAX;
    if (!status && notes.count) {
        qsort(notes.list, (size_t)notes.count, sizeof *notes.list, compare_notes);
        status = bring(follow, to, &notes);
    }
    from->engine->rollback(from);
    if (!status && notes.count)
        status = drop_notes(follow, &notes);
    free_notes(&notes);
    return status;
}

/* ------------------------------------------------------------------------------------ events ---- */

int dbki_follow_events(struct dbki_follow *follow, struct dbki_conn *to,
                       struct dbki_copy_state *state)
{
    struct dbki_op *op = follow->op;
    struct dbki_conn *from = follow->source->conn;
    const struct dbki_table *table = dbki_layout_find(follow->layout, "daybook_events");
    int status =
        follow->source->schema.is_server ? dbki_place_events.work(op, follow->writer) : DBK_OK;
    if (!status)
        status = dbki_copy_rows_init(&follow->rows, table, NULL, &op->error);
    follow->rows.limit = NOTES_MAX;
    for (bool is_whole = false; !status && !is_whole;) {
        struct dbki_patience patience;
        struct dbki_copy_state after = *state;
        if ((status = from->engine->begin(from, DBKI_READ, NULL, &op->error)))
            break;
        if (!(status = dbki_change_begin(op, to, &patience))) {
            status = dbki_copy_rows_move(&follow->rows, from, to, &after, &op->error);
            is_whole = after.is_whole;
            after.is_whole = true; /* as far as the first copy is concerned */
            if (!status)
                status = dbki_copy_target_keep(op, to, table->name, state, &after);
            status = dbki_change_end(op, to, &patience, status);
        }
        from->engine->rollback(from);
        if (!status)
            *state = after;
    }
    dbki_copy_rows_fini(&follow->rows);
    return status;
}

/* -------------------------------------------------------------------------------- the switch ---- */

int dbki_follow_close(struct dbki_follow *follow)
{
    struct dbki_op *op = follow->op;
    struct dbki_patience patience;
    char text[384];
    snprintf(text, sizeof text, DBKI_MOVED_WORDS, follow->target);
    for (int tries = 0;; tries++) {
        int status = dbki_change_begin(op, follow->writer, &patience);
        if (status)
            return status;
        status = dbki_journal_close(follow->writer, text, &op->error);
        status = dbki_change_end(op, follow->writer, &patience, status);
        if (!is_in_the_way(follow, status, tries))
            return status;
    }
}

/* Marks are few: all of them again, but for the one that is its database's own. */
static int bring_marks(struct dbki_follow *follow, struct dbki_conn *to)
{
    const struct dbki_table *table = dbki_layout_find(follow->layout, "daybook_marks");
    struct dbki_copy_state state = {.at = DBK_NONE};
    char sql[128];
    snprintf(sql, sizeof sql, "DELETE FROM daybook_marks WHERE %s", dbki_copy_condition(table));
    const struct dbki_statement drop = {.sql = sql, .is_made = true};
    struct dbk_error *error = &follow->op->error;
    int status = dbki_copy_run(to, &drop, NULL, 0, NULL, NULL, NULL, error);
    if (!status)
        status = dbki_copy_rows_init(&follow->rows, table, NULL, error);
    if (!status)
        status = dbki_copy_rows_move(&follow->rows, follow->source->conn, to, &state, error);
    dbki_copy_rows_fini(&follow->rows);
    return status;
}

int dbki_follow_rest(struct dbki_follow *follow, struct dbki_conn *to)
{
    static const struct dbki_statement trim = {
        .sql = "DELETE FROM daybook_events WHERE position <= ?"};
    struct dbki_op *op = follow->op;
    struct dbki_conn *from = follow->source->conn;
    struct dbki_patience patience;
    struct dbki_value mark = dbki_text(DBKI_MARK_EVENTS_TRIMMED);
    int64_t trimmed = DBK_NONE;
    int status = from->engine->begin(from, DBKI_READ, NULL, &op->error);
    if (status)
        return status;
    status = dbki_copy_ask(from, "SELECT value FROM daybook_marks WHERE name = ?", &mark, &trimmed,
                           &op->error);
    if (!status && !(status = dbki_change_begin(op, to, &patience))) {
        struct dbki_value last = dbki_int(trimmed);
        status = bring_marks(follow, to);
        if (!status && trimmed != DBK_NONE)
            status = dbki_copy_run(to, &trim, &last, 1, NULL, NULL, NULL, &op->error);
        status = dbki_change_end(op, to, &patience, status);
    }
    from->engine->rollback(from);
    return status;
}
