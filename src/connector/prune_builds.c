/*
 * Deleting what is in builds that were found (prune_walk.c), and the builds themselves: children first. Of a build
 * that has more in it than fits into a turn, a part; what hangs on what is left waits for a later turn.
 */
#include "connector/event.h"
#include "connector/prune.h"
#include "store/store.h"

enum { DAY_S = 24 * 60 * 60 };
enum {
    VALUES_SIZE = 4000000,
    VALUES_SIZE_MIN = 64000
}; /* bytes in a turn; of one build at least */

enum {
    ASKED_NOTHING, /* that is counted */
    ASKED_SIZE,
    ASKED_LOGS,
    ASKED_TESTS,
    ASKED_PROPERTIES,
    ASKED_VALUES,
    ASKED_CHUNKS_SIZE,
    ASKED_CHUNKS,
    ASKED_RESULTS,
    ASKED_LOG,
    ASKED_TEST_SET,
    ASKED_STEPS,
    ASKED_BUILD,
    ASKED_REQUEST,
    ASKED_SET
};

#define ASK(what, limit, statement, ...)                                                           \
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){doomed, what, limit}), statement,           \
                   __VA_ARGS__)

static bool is_emptied(const struct dbki_doomed *doomed)
{
    return doomed->fate != DBKI_FATE_VALUES;
}

/* Runs a function for each build that is not kept. */
static void for_each(struct dbki_prune *prune, struct dbki_binder *binder,
                     void (*bind)(struct dbki_prune *, struct dbki_binder *, struct dbki_doomed *))
{
    for (int i = 0; i < prune->doomed_count; i++)
        if (!prune->doomed[i].is_kept)
            bind(prune, binder, &prune->doomed[i]);
}

/* -------------------------------------------------------------------------------------- sizes ---- */

/* The values that fit, by id: the last of them, how many they are and how long; and how many there are in all. */
#define FITS "CASE WHEN v.before < ? THEN "
static const struct dbki_statement SIZE[] = DBKI_BY_VALUES(
    "SELECT max(" FITS "v.id END), count(" FITS "1 END), coalesce(sum(" FITS "v.size END), 0),"
    " count(*) FROM (SELECT d.id, length(d.value) AS size, sum(length(d.value)) OVER (ORDER BY "
    "d.id)"
    " - length(d.value) AS before FROM build_data d WHERE d.buildid = ?",
    "d.", ") v");
static const struct dbki_statement SIZE_OF_ONE = {
    .sql = "SELECT max(d.id), count(*), coalesce(sum(length(d.value)), 0), count(*)"
           " FROM build_data d WHERE d.buildid = ? AND d.name = ?"};
static const struct dbki_statement LOGS = {
    .sql = "SELECT l.id FROM steps s JOIN logs l ON l.stepid = s.id WHERE s.buildid = ?"
           " ORDER BY l.id LIMIT ?"};
static const struct dbki_statement TEST_SETS = {
    .sql = "SELECT id FROM test_result_sets WHERE buildid = ? ORDER BY id LIMIT ?"};

static void bind_sizes(struct dbki_prune *prune, struct dbki_binder *binder,
                       struct dbki_doomed *doomed)
{
    int64_t share = VALUES_SIZE / prune->doomed_count;
    struct dbki_value most = dbki_int(share > VALUES_SIZE_MIN ? share : VALUES_SIZE_MIN);
    struct dbki_value id = dbki_int(doomed->id);
    if (prune->single_name.type == DBKI_TEXT)
        ASK(ASKED_SIZE, 0, &SIZE_OF_ONE, id, prune->single_name);
    else
        ASK(ASKED_SIZE, 0, &SIZE[doomed->values], most, most, most, id);
    if (!is_emptied(doomed) || dbki_prune_is_own(prune))
        return;
    ASK(ASKED_LOGS, 0, &LOGS, id, dbki_int(DBKI_FOLDERS_MAX));
    ASK(ASKED_TESTS, 0, &TEST_SETS, id, dbki_int(DBKI_FOLDERS_MAX));
}

static void sizes_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    for_each(prune, binder, bind_sizes);
}

static void add_folder(struct dbki_doomed *doomed, enum dbki_folder kind, int64_t id)
{
    if (doomed->folder_counts[kind] < DBKI_FOLDERS_MAX)
        doomed->folders[kind][doomed->folder_counts[kind]++] = id;
    doomed->is_unfinished |= doomed->folder_counts[kind] == DBKI_FOLDERS_MAX;
}

static int sizes_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                     const struct dbki_value *cells)
{
    struct dbki_doomed *doomed = asked->doomed;
    int64_t number = dbki_value_int(&cells[0]);
    if (asked->what == ASKED_LOGS) {
        add_folder(doomed, DBKI_FOLDER_LOGS, number);
    } else if (asked->what == ASKED_TESTS) {
        add_folder(doomed, DBKI_FOLDER_TESTS, number);
    } else {
        doomed->last_valueid = number;
        doomed->value_count = dbki_value_int(&cells[1]);
        doomed->is_unfinished |= doomed->value_count < dbki_value_int(&cells[3]);
        dbki_prune_add(prune, DBKI_SUM_VALUES, 0, dbki_value_int(&cells[2]));
    }
    return DBK_OK;
}

static int sizes_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)prune;
    (void)bound;
    return DBKI_PASS_LEAVES;
}

const struct dbki_prune_pass dbki_prune_sizes = {sizes_bind, sizes_row, sizes_read};

/* ------------------------------------------------------------------------------------- leaves ---- */

static const struct dbki_statement DELETE_PROPERTIES = {
    .sql = "DELETE FROM build_properties WHERE buildid = ?"};
static const struct dbki_statement VALUE_EVENTS[] = DBKI_BY_VALUES(
    "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
    " SELECT ?, 'data', 'deleted', b.builderid, d.buildid, NULL, d.name FROM build_data d"
    " JOIN builds b ON b.id = d.buildid WHERE d.buildid = ? AND d.id <= ?",
    "d.", "");
static const struct dbki_statement DELETE_VALUES[] =
    DBKI_BY_VALUES("DELETE FROM build_data WHERE buildid = ? AND id <= ?", "", "");
static const struct dbki_statement VALUE_EVENT = {
    .sql = "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
           " SELECT ?, 'data', 'deleted', builderid, id, NULL, ? FROM builds WHERE id = ?"};
static const struct dbki_statement DELETE_VALUE = {
    .sql = "DELETE FROM build_data WHERE buildid = ? AND name = ?"};
#define CHUNKS_PAGE                                                                                \
    "(SELECT first_line, length(content) AS size FROM logchunks WHERE logid = ?"                   \
    " ORDER BY first_line LIMIT ?) page"
static const struct dbki_statement CHUNKS_SIZE = {.sql = "SELECT sum(size) FROM " CHUNKS_PAGE};
static const struct dbki_statement DELETE_CHUNKS = {
    .sql = "DELETE FROM logchunks WHERE logid = ?"
           " AND first_line <= (SELECT max(first_line) FROM " CHUNKS_PAGE ")"};
static const struct dbki_statement DELETE_RESULTS = {
    .sql = "DELETE FROM test_results WHERE test_result_setid = ? AND id <= (SELECT max(id) FROM"
           " (SELECT id FROM test_results WHERE test_result_setid = ? ORDER BY id LIMIT ?) page)"};

static void bind_values(struct dbki_prune *prune, struct dbki_binder *binder,
                        struct dbki_doomed *doomed)
{
    struct dbki_value id = dbki_int(doomed->id), last = dbki_int(doomed->last_valueid),
                      now = dbki_int(prune->now);
    bool has_events = dbki_has_events(&prune->work.op) && !is_emptied(doomed);
    if (!doomed->value_count)
        return;
    if (prune->single_name.type == DBKI_TEXT) {
        if (has_events)
            ASK(ASKED_NOTHING, 0, &VALUE_EVENT, now, prune->single_name, id);
        ASK(ASKED_VALUES, 0, &DELETE_VALUE, id, prune->single_name);
        return;
    }
    if (has_events)
        ASK(ASKED_NOTHING, 0, &VALUE_EVENTS[doomed->values], now, id, last);
    ASK(ASKED_VALUES, 0, &DELETE_VALUES[doomed->values], id, last);
}

static void bind_leaves(struct dbki_prune *prune, struct dbki_binder *binder,
                        struct dbki_doomed *doomed)
{
    int64_t most = dbki_prune_rows_of_one(prune);
    bind_values(prune, binder, doomed);
    if (!is_emptied(doomed))
        return;
    ASK(ASKED_PROPERTIES, 0, &DELETE_PROPERTIES, dbki_int(doomed->id));
    for (int i = 0; i < doomed->folder_counts[DBKI_FOLDER_LOGS]; i++) {
        struct dbki_value log = dbki_int(doomed->folders[DBKI_FOLDER_LOGS][i]);
        ASK(ASKED_CHUNKS_SIZE, 0, &CHUNKS_SIZE, log, dbki_int(most));
        ASK(ASKED_CHUNKS, most, &DELETE_CHUNKS, log, log, dbki_int(most));
    }
    for (int i = 0; i < doomed->folder_counts[DBKI_FOLDER_TESTS]; i++) {
        struct dbki_value set = dbki_int(doomed->folders[DBKI_FOLDER_TESTS][i]);
        ASK(ASKED_RESULTS, most, &DELETE_RESULTS, set, set, dbki_int(most));
    }
}

static void leaves_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    for_each(prune, binder, bind_leaves);
}

static int leaves_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                      const struct dbki_value *cells)
{
    if (asked->what == ASKED_CHUNKS_SIZE && cells[0].type == DBKI_INT)
        dbki_prune_add(prune, DBKI_SUM_CHUNKS, 0, cells[0].number);
    return DBK_OK;
}

static enum dbki_sum sum_of(int what)
{
    static const enum dbki_sum sums[] = {
        [ASKED_NOTHING] = DBKI_SUM_NOTHING,
        [ASKED_SIZE] = DBKI_SUM_NOTHING,
        [ASKED_LOGS] = DBKI_SUM_NOTHING,
        [ASKED_TESTS] = DBKI_SUM_NOTHING,
        [ASKED_PROPERTIES] = DBKI_SUM_PROPERTIES,
        [ASKED_VALUES] = DBKI_SUM_VALUES,
        [ASKED_CHUNKS_SIZE] = DBKI_SUM_NOTHING,
        [ASKED_CHUNKS] = DBKI_SUM_CHUNKS,
        [ASKED_RESULTS] = DBKI_SUM_TESTS,
        [ASKED_LOG] = DBKI_SUM_LOGS,
        [ASKED_TEST_SET] = DBKI_SUM_TEST_SETS,
        [ASKED_STEPS] = DBKI_SUM_STEPS,
        [ASKED_BUILD] = DBKI_SUM_BUILDS,
        [ASKED_REQUEST] = DBKI_SUM_REQUESTS,
        [ASKED_SET] = DBKI_SUM_SETS,
    };
    return sums[what];
}

/* Counts what went. A statement that reached its limit has left something. */
static void take_changes(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    for (int i = 0; i < prune->asked_count; i++) {
        const struct dbki_asked *asked = &prune->asked[i];
        enum dbki_sum sum = sum_of(asked->what);
        if (sum == DBKI_SUM_NOTHING || bound[i].changed <= 0)
            continue;
        dbki_prune_add(prune, sum, bound[i].changed, 0);
        asked->doomed->is_touched = true;
        asked->doomed->is_unfinished |= asked->limit && bound[i].changed >= asked->limit;
        asked->doomed->is_request_gone |= asked->what == ASKED_REQUEST;
    }
}

static int leaves_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    take_changes(prune, bound);
    return DBKI_PASS_BRANCHES;
}

const struct dbki_prune_pass dbki_prune_leaves = {leaves_bind, leaves_row, leaves_read};

/* ----------------------------------------------------------------------------------- branches ---- */

/* Where there are chunks or results left, the log or the set stays for a later turn. */
static const struct dbki_statement DELETE_LOG = {
    .sql = "DELETE FROM logs WHERE id = ?"
           " AND NOT EXISTS (SELECT 1 FROM logchunks c WHERE c.logid = logs.id)"};
static const struct dbki_statement DELETE_TEST_SET = {
    .sql = "DELETE FROM test_result_sets WHERE id = ? AND NOT EXISTS"
           " (SELECT 1 FROM test_results r WHERE r.test_result_setid = test_result_sets.id)"};
static const struct dbki_statement DELETE_STEPS = {
    .sql = "DELETE FROM steps WHERE buildid = ? AND number <= (SELECT max(number) FROM"
           " (SELECT number FROM steps WHERE buildid = ? ORDER BY number LIMIT ?) page)"};

static void bind_branches(struct dbki_prune *prune, struct dbki_binder *binder,
                          struct dbki_doomed *doomed)
{
    int64_t most = dbki_prune_rows_of_one(prune);
    if (!is_emptied(doomed))
        return;
    for (int i = 0; i < doomed->folder_counts[DBKI_FOLDER_LOGS]; i++)
        ASK(ASKED_LOG, 0, &DELETE_LOG, dbki_int(doomed->folders[DBKI_FOLDER_LOGS][i]));
    for (int i = 0; i < doomed->folder_counts[DBKI_FOLDER_TESTS]; i++)
        ASK(ASKED_TEST_SET, 0, &DELETE_TEST_SET, dbki_int(doomed->folders[DBKI_FOLDER_TESTS][i]));
    if (!doomed->is_unfinished)
        ASK(ASKED_STEPS, most, &DELETE_STEPS, dbki_int(doomed->id), dbki_int(doomed->id),
            dbki_int(most));
}

static void branches_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    for_each(prune, binder, bind_branches);
}

static int branches_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    take_changes(prune, bound);
    return DBKI_PASS_ROOTS;
}

const struct dbki_prune_pass dbki_prune_branches = {branches_bind, NULL, branches_read};

/* -------------------------------------------------------------------------------------- roots ---- */

static const struct dbki_statement FORGET_PARENT = {
    .sql = "UPDATE buildsets SET parent_buildid = NULL WHERE parent_buildid = ?"};
static const struct dbki_statement FORGET_REBUILT = {
    .sql = "UPDATE buildsets SET rebuilt_buildid = NULL WHERE rebuilt_buildid = ?"};
/* It may say what the commands were. */
static const struct dbki_statement FORGET_STATE = {
    .sql = "UPDATE builds SET state_string = '' WHERE id = ?"};
static const struct dbki_statement LEAVE_LINEAGE = {
    .sql = "DELETE FROM daybook_lineage WHERE buildid = ?"};
static const struct dbki_statement DELETE_BUILD = {.sql = "DELETE FROM builds WHERE id = ?"};
/* A request and a buildset go when nothing is left of them, and they are complete and a day old. In a store of our own
 * nobody waits for one: there being complete does not count. */
#define IS_OVER(alias)                                                                             \
    "(" alias "complete = 1 OR ? = 1) AND coalesce(" alias "complete_at, " alias "submitted_at) "  \
    "< ?"
static const struct dbki_statement DELETE_CLAIMS = {
    .sql = "DELETE FROM buildrequest_claims WHERE brid = ? AND NOT EXISTS"
           " (SELECT 1 FROM builds b WHERE b.buildrequestid = buildrequest_claims.brid)"
           " AND EXISTS (SELECT 1 FROM buildrequests q WHERE q.id = buildrequest_claims.brid AND"
           " " IS_OVER("q.") ")"};
static const struct dbki_statement DELETE_REQUEST = {
    .sql = "DELETE FROM buildrequests WHERE id = ? AND " IS_OVER(
        "") " AND NOT EXISTS (SELECT 1 FROM builds b WHERE b.buildrequestid = buildrequests.id)"};

static void bind_build_event(struct dbki_prune *prune, struct dbki_binder *binder,
                             struct dbki_doomed *doomed, const char *verb)
{
    int before = binder->count;
    dbki_event_bind_build(
        &prune->work.op, binder,
        (struct dbki_event){
            .kind = "build", .verb = verb, .buildid = doomed->id, .stepid = DBK_NONE});
    if (binder->count > before)
        dbki_prune_note(prune, binder, (struct dbki_asked){doomed, ASKED_NOTHING, 0});
}

static void bind_roots(struct dbki_prune *prune, struct dbki_binder *binder,
                       struct dbki_doomed *doomed)
{
    struct dbki_value id = dbki_int(doomed->id), request = dbki_int(doomed->requestid),
                      is_own = dbki_int(dbki_prune_is_own(prune)),
                      day_ago = dbki_int(prune->now - DAY_S);
    if (doomed->is_unfinished || doomed->fate == DBKI_FATE_VALUES)
        return;
    if (doomed->fate == DBKI_FATE_EMPTIED) {
        if (prune->single != DBK_NONE)
            ASK(ASKED_NOTHING, 0, &FORGET_STATE, id);
        if (doomed->is_touched || prune->single != DBK_NONE)
            bind_build_event(prune, binder, doomed, "updated");
        return;
    }
    bind_build_event(prune, binder, doomed, "deleted");
    ASK(ASKED_NOTHING, 0, &FORGET_PARENT, id);
    if (!dbki_prune_is_own(
            prune)) /* ours have no index for it, and keep the number of what was rebuilt */
        ASK(ASKED_NOTHING, 0, &FORGET_REBUILT, id);
    ASK(ASKED_NOTHING, 0, &LEAVE_LINEAGE, id);
    ASK(ASKED_BUILD, 0, &DELETE_BUILD, id);
    ASK(ASKED_NOTHING, 0, &DELETE_CLAIMS, request, is_own, day_ago);
    ASK(ASKED_REQUEST, 0, &DELETE_REQUEST, request, is_own, day_ago);
}

static void roots_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    for_each(prune, binder, bind_roots);
}

static int roots_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    take_changes(prune, bound);
    return DBKI_PASS_SETS;
}

const struct dbki_prune_pass dbki_prune_roots = {roots_bind, NULL, roots_read};

/* --------------------------------------------------------------------------------------- sets ---- */

#define OF_EMPTY_SET                                                                               \
    " WHERE buildsetid = ? AND EXISTS (SELECT 1 FROM buildsets s WHERE s.id = ? AND " IS_OVER(     \
        "s.") ") AND NOT EXISTS (SELECT 1 FROM buildrequests q WHERE q.buildsetid = ?)"
static const struct dbki_statement DELETE_SET_PROPERTIES = {
    .sql = "DELETE FROM buildset_properties" OF_EMPTY_SET};
static const struct dbki_statement DELETE_SET_SOURCESTAMPS = {
    .sql = "DELETE FROM buildset_sourcestamps" OF_EMPTY_SET};
static const struct dbki_statement DELETE_SET = {
    .sql = "DELETE FROM buildsets WHERE id = ? AND " IS_OVER(
        "") " AND NOT EXISTS (SELECT 1 FROM buildrequests q WHERE q.buildsetid = buildsets.id)"};

static void bind_set(struct dbki_prune *prune, struct dbki_binder *binder,
                     struct dbki_doomed *doomed)
{
    struct dbki_value set = dbki_int(doomed->setid), is_own = dbki_int(dbki_prune_is_own(prune)),
                      day_ago = dbki_int(prune->now - DAY_S);
    if (!doomed->is_request_gone || doomed->setid == DBK_NONE)
        return;
    ASK(ASKED_NOTHING, 0, &DELETE_SET_PROPERTIES, set, set, is_own, day_ago, set);
    ASK(ASKED_NOTHING, 0, &DELETE_SET_SOURCESTAMPS, set, set, is_own, day_ago, set);
    ASK(ASKED_SET, 0, &DELETE_SET, set, is_own, day_ago);
}

static void sets_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    for_each(prune, binder, bind_set);
}

/* The turn's end: the next one begins at the first build that is not done with. */
static int sets_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    take_changes(prune, bound);
    if (prune->single != DBK_NONE) {
        prune->next.stage = prune->doomed[0].is_unfinished ? DBKI_STAGE_BUILDS : DBKI_STAGE_SPACE;
        return DBKI_PASS_END;
    }
    prune->next.number = prune->looked_at;
    for (int i = prune->doomed_count - 1; i >= 0; i--)
        if (prune->doomed[i].is_unfinished && !prune->doomed[i].is_kept)
            prune->next.number = prune->doomed[i].number - 1;
    return DBKI_PASS_END;
}

const struct dbki_prune_pass dbki_prune_sets = {sets_bind, NULL, sets_read};
