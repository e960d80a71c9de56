/*
 * Bringing builds into their lineages that another writer finished: in an adopted database a Buildbot master
 * goes on finishing builds by itself.
 *
 * A builder's watermark is the complete_at up to which all was brought in. Clocks of several masters differ, so
 * that what is new is looked for from a day before it on. Until somebody who may write has brought a build in,
 * reads find it by the same rule (lineage.c).
 */
#include "connector/lineage.h"

#include "connector/marks.h"
#include "engine/ask.h"

#include <stdio.h>

enum { PAGE_BUILDS = 200 };

static const struct dbki_statement NEXT_BUILDER = {
    .sql = "SELECT min(id) FROM builders WHERE id >= ?", .is_one_row = true};
static const struct dbki_statement NEWEST = {
    .sql = "SELECT max(complete_at) FROM builds WHERE builderid = ? AND complete_at <= ?",
    .is_one_row = true};
/* A row for each member of each build's set, at least one a build; and whether the build is in the table, but in another
 * place: it was finished anew. The builds that are in the table are counted out: for NOT EXISTS MariaDB reads the whole table
 * of lineages into one of its own, a page after another; and "< 1" since PostgreSQL takes "= 0" to be true of so few that it
 * reads and sorts all of a builder's. */
static const struct dbki_statement PAGE = {
    .sql = "SELECT p.id, p.builderid, p.number, p.complete_at,"
           " (SELECT count(*) FROM daybook_lineage o WHERE o.buildid = p.id),"
           " s.id, s.repository, s.branch, s.codebase FROM"
           " (SELECT b.id, b.builderid, b.number, b.complete_at, b.buildrequestid FROM builds b"
           " WHERE b.builderid = ? AND b.complete_at >= ? AND b.results = 0 AND"
           " (SELECT count(*) FROM daybook_lineage l WHERE l.buildid = b.id"
           " AND l.complete_at = b.complete_at AND l.builderid = b.builderid"
           " AND l.number = b.number) < 1"
           " ORDER BY b.complete_at LIMIT 200) p"
           " LEFT JOIN buildrequests q ON q.id = p.buildrequestid"
           " LEFT JOIN buildset_sourcestamps x ON x.buildsetid = q.buildsetid"
           " LEFT JOIN sourcestamps s ON s.id = x.sourcestampid ORDER BY p.complete_at, p.id"};

/* The same of all builders, by id; nothing is in its lineage yet. */
static const struct dbki_statement FILL_PAGE = {
    .sql = "SELECT p.id, p.builderid, p.number, p.complete_at, 0,"
           " s.id, s.repository, s.branch, s.codebase FROM"
           " (SELECT b.id, b.builderid, b.number, b.complete_at, b.buildrequestid FROM builds b"
           " WHERE b.id > ? AND b.results = 0 AND b.complete_at IS NOT NULL"
           " ORDER BY b.id LIMIT 200) p"
           " LEFT JOIN buildrequests q ON q.id = p.buildrequestid"
           " LEFT JOIN buildset_sourcestamps x ON x.buildsetid = q.buildsetid"
           " LEFT JOIN sourcestamps s ON s.id = x.sourcestampid ORDER BY p.id"};
static const struct dbki_statement FORGET = {
    .sql = "DELETE FROM daybook_marks WHERE name LIKE 'lineage of builder %'"};
static const struct dbki_statement EMPTY = {.sql = "DELETE FROM daybook_lineage"};

/*
 * A page goes into the table by few statements of many rows each: where one has to be answered before the next is sent, as
 * on MariaDB, one of one row costs as much as one of a hundred.
 */
#define TEN(text) FIVE(text) ", " FIVE(text)
#define FIVE(text) text ", " text ", " text ", " text ", " text
#define HUNDRED(text) TEN(TEN(text))
#define PUT_IN(rows)                                                                               \
    {                                                                                              \
        .sql =                                                                                     \
            "INSERT INTO daybook_lineage (builderid, lineage_hash, complete_at, number,"           \
            " buildid) VALUES " rows " ON CONFLICT (builderid, lineage_hash, complete_at, number)" \
            " DO UPDATE SET buildid = excluded.buildid"                                            \
    }
#define ROW "(?, ?, ?, ?, ?)"
enum { ROW_CELLS = 5, CHUNK_MAX = 100 };
static const struct chunk {
    int count;
    struct dbki_statement put_in;
} CHUNKS[] = {
    {CHUNK_MAX, PUT_IN(HUNDRED(ROW))},
    {10, PUT_IN(TEN(ROW))},
    {1, PUT_IN(ROW)},
};

void dbki_lineage_watermark(int64_t builderid, char name[DBKI_WATERMARK_SIZE])
{
    snprintf(name, DBKI_WATERMARK_SIZE, "lineage of builder %lld", (long long)builderid);
}

/* Builds that are to be brought in. */
struct page {
    struct dbki_op *op;
    int count;
    int64_t last_at;
    struct build {
        int64_t id, builderid, number, complete_at;
        bool is_elsewhere;
        struct dbki_lineage_set set;
    } builds[PAGE_BUILDS];
};

static int take_build(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct page *page = owner;
    int64_t id = dbki_value_int(&cells[0]);
    (void)index;
    (void)cell_count;
    if (!page->count || page->builds[page->count - 1].id != id)
        page->builds[page->count++] = (struct build){.id = id,
                                                     .builderid = dbki_value_int(&cells[1]),
                                                     .number = dbki_value_int(&cells[2]),
                                                     .complete_at = dbki_value_int(&cells[3]),
                                                     .is_elsewhere = dbki_value_int(&cells[4]) > 0};
    page->last_at = dbki_value_int(&cells[3]);
    if (dbki_value_int(&cells[5]) == DBK_NONE)
        return DBK_OK;
    return dbki_lineage_row(page->op, &page->builds[page->count - 1].set, cells + 6);
}

/* Runs what was bound, and clears the binder. */
static int run(struct dbki_op *op, struct dbki_conn *conn, struct dbki_binder *binder, void *owner,
               int (*row)(void *, int, const struct dbki_value *, int))
{
    struct dbki_group group = {.bound = binder->bound,
                               .bound_count = binder->count,
                               .owner = owner,
                               .row = row,
                               .error = &op->error};
    struct dbki_group *groups[] = {&group};
    int failed;
    int status = binder->is_out_of_memory
                     ? dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory")
                     : conn->engine->run(conn, groups, 1, &failed);
    dbki_binder_clear(binder);
    return status;
}

static void bind_chunk(struct dbki_op *op, struct dbki_binder *binder, struct build *builds,
                       const struct chunk *chunk)
{
    struct dbki_value rows[CHUNK_MAX * ROW_CELLS];
    for (int i = 0; i < chunk->count; i++) {
        const char *hash = dbki_lineage_hash(op, &builds[i].set);
        if (!hash)
            binder->is_out_of_memory = true;
        if (builds[i].is_elsewhere)
            dbki_lineage_bind_take_out(binder, builds[i].id);
        memcpy(&rows[i * ROW_CELLS],
               (const struct dbki_value[ROW_CELLS]){
                   dbki_int(builds[i].builderid), dbki_text(hash), dbki_int(builds[i].complete_at),
                   dbki_int(builds[i].number), dbki_int(builds[i].id)},
               ROW_CELLS * sizeof *rows);
    }
    dbki_bind(binder, &chunk->put_in, rows, chunk->count * ROW_CELLS);
}

/* Puts the page's builds into their lineages. */
static int put_page(struct page *page, struct dbki_conn *conn, struct dbki_binder *binder)
{
    const struct chunk *chunk = CHUNKS;
    for (int done = 0; done < page->count; done += chunk->count) {
        while (chunk->count > page->count - done)
            chunk++;
        bind_chunk(page->op, binder, page->builds + done, chunk);
    }
    return run(page->op, conn, binder, NULL, NULL);
}

/* Moves the watermark to the end of what was looked at, but not beyond now: a build from the future must not hide
 * those that come. */
static int move_watermark(struct dbki_op *op, struct dbki_conn *conn, struct dbki_binder *binder,
                          const char *name, int64_t builderid, const struct page *page)
{
    int64_t newest = page->last_at;
    int status = DBK_OK;
    if (page->count < PAGE_BUILDS) {
        newest = DBK_NONE;
        DBKI_BIND(binder, &NEWEST, dbki_int(builderid), dbki_int(op->now));
        status = run(op, conn, binder, &newest, dbki_take_int);
    }
    if (status || newest == DBK_NONE)
        return status;
    dbki_mark_bind(binder, name, newest < op->now ? newest : op->now);
    return run(op, conn, binder, NULL, NULL);
}

/* floor: what is before it was looked at in this run; DBK_NONE. Without it each page would go through a day's builds again,
 * from the watermark's slack on, which in a busy builder takes most of the time. */
static int gather_builder(struct dbki_op *op, struct dbki_conn *conn, struct dbki_binder *binder,
                          int64_t builderid, int64_t floor, struct page *page)
{
    char name[DBKI_WATERMARK_SIZE];
    int64_t watermark = DBK_NONE;
    dbki_lineage_watermark(builderid, name);
    dbki_mark_bind_get(binder, name);
    int status = run(op, conn, binder, &watermark, dbki_take_int);
    if (status)
        return status;
    /* Below any time, but not NULL. */
    int64_t from = watermark == DBK_NONE ? -INT64_MAX : watermark - DBKI_LINEAGE_SLACK_S;
    DBKI_BIND(binder, &PAGE, dbki_int(builderid), dbki_int(floor > from ? floor : from));
    status = run(op, conn, binder, page, take_build);
    if (status)
        return status;
    status = put_page(page, conn, binder);
    if (!status)
        status = move_watermark(op, conn, binder, name, builderid, page);
    return status;
}

int dbki_lineage_gather(struct dbki_op *op, struct dbki_conn *conn,
                        struct dbki_lineage_place *place, int64_t *out_count)
{
    struct dbki_binder binder;
    int64_t builderid = DBK_NONE;
    *out_count = 0;
    dbki_binder_init(&binder);
    DBKI_BIND(&binder, &NEXT_BUILDER, dbki_int(place->builderid));
    int status = run(op, conn, &binder, &builderid, dbki_take_int);
    if (!status && builderid != DBK_NONE) {
        struct page *page = dbki_op_take(op, sizeof *page);
        if (page) {
            page->op = op;
            page->count = 0;
            int64_t floor = builderid == place->builderid ? place->looked_at : DBK_NONE;
            status = gather_builder(op, conn, &binder, builderid, floor, page);
            *out_count = page->count;
            if (page->count == PAGE_BUILDS)
                *place = (struct dbki_lineage_place){builderid, page->last_at};
        } else {
            status = dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
        }
    }
    dbki_binder_fini(&binder);
    if (!status && *out_count < PAGE_BUILDS)
        *place =
            (struct dbki_lineage_place){builderid == DBK_NONE ? DBK_NONE : builderid + 1, DBK_NONE};
    return status;
}

/* ----------------------------------------------------------------------------- a new table ---- */

void dbki_lineage_bind_anew(struct dbki_binder *binder)
{
    dbki_bind(binder, &FORGET, NULL, 0);
}

static int fill_page(struct dbki_op *op, struct dbki_conn *conn, struct dbki_binder *binder,
                     int64_t *last_id, bool *out_is_last)
{
    struct dbki_arena_mark before = dbki_arena_mark(&op->arena);
    struct page *page = dbki_op_take(op, sizeof *page);
    if (!page)
        return dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
    page->op = op;
    page->count = 0;
    DBKI_BIND(binder, &FILL_PAGE, dbki_int(*last_id));
    int status = run(op, conn, binder, page, take_build);
    if (!status)
        status = put_page(page, conn, binder);
    *out_is_last = page->count < PAGE_BUILDS;
    if (page->count)
        *last_id = page->builds[page->count - 1].id;
    dbki_arena_rewind(&op->arena, before);
    return status;
}

int dbki_lineage_fill(struct dbki_op *op, struct dbki_conn *conn)
{
    struct dbki_binder binder;
    int64_t last_id = -INT64_MAX;
    bool is_last = false;
    int status = DBK_OK;
    dbki_binder_init(&binder);
    while (!status && !is_last && !op->is_cancelled)
        status = fill_page(op, conn, &binder, &last_id, &is_last);
    dbki_binder_fini(&binder);
    return status || is_last
               ? status
               : dbki_error_set(&op->error, DBK_CANCELLED, "the operation was cancelled");
}

int dbki_lineage_refill(struct dbki_op *op, struct dbki_conn *conn)
{
    struct dbki_binder binder;
    dbki_binder_init(&binder);
    dbki_bind(&binder, &EMPTY, NULL, 0);
    int status = run(op, conn, &binder, NULL, NULL);
    dbki_binder_fini(&binder);
    return status ? status : dbki_lineage_fill(op, conn);
}

/* ----------------------------------------------------------------------------- housekeeping ---- */

/* As housekeeping: builder by builder, until a page's worth was brought in. What is left is the next turn's,
 * which finds the builders done before with nothing new. */
static int gather_work(struct dbki_op *op, struct dbki_conn *conn)
{
    struct dbki_lineage_place place = DBKI_LINEAGE_BEGINNING;
    int64_t sum = 0;
    int status = DBK_OK;
    while (!status && place.builderid != DBK_NONE && sum < PAGE_BUILDS) {
        int64_t count;
        status = dbki_lineage_gather(op, conn, &place, &count);
        sum += count;
    }
    op->is_turn_over = place.builderid != DBK_NONE;
    return status;
}

const struct dbki_opkind dbki_gather = {
    .action = "bringing builds into their lineages",
    .access = DBKI_ACCESS_EXISTING,
    .work = gather_work,
};
