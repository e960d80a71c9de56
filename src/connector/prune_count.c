/* What pruning would delete, counted for a dry run: of each build that was found (prune_walk.c). */
#include "connector/prune.h"
#include "store/store.h"

#define OF_LOGS(what, from)                                                                        \
    "SELECT count(*)" what " FROM steps s JOIN logs l ON l.stepid = s.id" from                     \
    " WHERE s.buildid = ?"

static const struct dbki_statement COUNT_PROPERTIES = {
    .sql = "SELECT count(*) FROM build_properties WHERE buildid = ?"};
static const struct dbki_statement COUNT_STEPS = {
    .sql = "SELECT count(*) FROM steps WHERE buildid = ?"};
static const struct dbki_statement COUNT_VALUES[] =
    DBKI_BY_VALUES("SELECT count(*), coalesce(sum(length(d.value)), 0) FROM build_data d"
                   " WHERE d.buildid = ?",
                   "d.", "");
static const struct dbki_statement COUNT_LOGS = {.sql = OF_LOGS("", "")};
static const struct dbki_statement COUNT_CHUNKS = {
    .sql = OF_LOGS(", coalesce(sum(length(c.content)), 0)", " JOIN logchunks c ON c.logid = l.id")};
static const struct dbki_statement COUNT_TEST_SETS = {
    .sql = "SELECT count(*) FROM test_result_sets WHERE buildid = ?"};
static const struct dbki_statement COUNT_TESTS = {
    .sql = "SELECT count(*) FROM test_result_sets t JOIN test_results r"
           " ON r.test_result_setid = t.id WHERE t.buildid = ?"};
/* A request goes with the last of its builds, a buildset with the last of its requests: of one that has several, it is
 * taken that the others go too. */
static const struct dbki_statement COUNT_REQUEST = {
    .sql = "SELECT count(*) FROM buildrequests q WHERE q.id = ? AND (q.complete = 1 OR ? = 1)"
           " AND NOT EXISTS (SELECT 1 FROM builds b WHERE b.buildrequestid = q.id AND b.id > ?)"};
static const struct dbki_statement COUNT_SET = {
    .sql = "SELECT count(*) FROM buildsets s WHERE s.id = ? AND (s.complete = 1 OR ? = 1)"
           " AND NOT EXISTS (SELECT 1 FROM buildrequests q WHERE q.buildsetid = s.id AND q.id > ?)"
           " AND NOT EXISTS (SELECT 1 FROM builds b WHERE b.buildrequestid = ? AND b.id > ?)"};

#define ASK(sum, statement, ...)                                                                   \
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){doomed, sum, 0}), statement, __VA_ARGS__)

static void bind_contents(struct dbki_prune *prune, struct dbki_binder *binder,
                          struct dbki_doomed *doomed)
{
    struct dbki_value id = dbki_int(doomed->id);
    ASK(DBKI_SUM_PROPERTIES, &COUNT_PROPERTIES, id);
    ASK(DBKI_SUM_STEPS, &COUNT_STEPS, id);
    if (dbki_prune_is_own(prune))
        return;
    ASK(DBKI_SUM_LOGS, &COUNT_LOGS, id);
    ASK(DBKI_SUM_CHUNKS, &COUNT_CHUNKS, id);
    ASK(DBKI_SUM_TEST_SETS, &COUNT_TEST_SETS, id);
    ASK(DBKI_SUM_TESTS, &COUNT_TESTS, id);
}

static void bind_build(struct dbki_prune *prune, struct dbki_binder *binder,
                       struct dbki_doomed *doomed)
{
    struct dbki_value id = dbki_int(doomed->id), is_own = dbki_int(dbki_prune_is_own(prune)),
                      request = dbki_int(doomed->requestid);
    ASK(DBKI_SUM_VALUES, &COUNT_VALUES[doomed->values], id);
    if (doomed->fate != DBKI_FATE_VALUES)
        bind_contents(prune, binder, doomed);
    if (doomed->fate != DBKI_FATE_DELETED)
        return;
    dbki_prune_add(prune, DBKI_SUM_BUILDS, 1, 0);
    ASK(DBKI_SUM_REQUESTS, &COUNT_REQUEST, request, is_own, id);
    ASK(DBKI_SUM_SETS, &COUNT_SET, dbki_int(doomed->setid), is_own, request, request, id);
}

static void counts_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    for (int i = 0; i < prune->doomed_count; i++)
        if (!prune->doomed[i].is_kept)
            bind_build(prune, binder, &prune->doomed[i]);
}

static int counts_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                      const struct dbki_value *cells)
{
    bool has_size = asked->what == DBKI_SUM_VALUES || asked->what == DBKI_SUM_CHUNKS;
    dbki_prune_add(prune, asked->what, dbki_value_int(&cells[0]),
                   has_size ? dbki_value_int(&cells[1]) : 0);
    return DBK_OK;
}

static int counts_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    prune->next.number = prune->looked_at;
    return DBKI_PASS_END;
}

const struct dbki_prune_pass dbki_prune_counts = {counts_bind, counts_row, counts_read};
