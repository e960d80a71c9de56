/*
 * get_prev_successful_build of one builder with many builds and with a hundred times as many: the answer must not
 * cost more for the builds that lie between.
 */
#include "more.h"

#include <sqlite3.h>
#include <string.h>

enum { FEW = 10000, MANY = 1000000, MANY_QUICK = 100000, AT_ONCE = 64 };

/* The lineages: `main` has all builds but two, `far` the first one alone, `near` the last one. */
static const char *const BRANCHES[] = {"main", "far", "near", "none"};
enum { MAIN, FAR, NEAR, NONE };

struct question {
    struct dbk_store *store;
    struct dbk_codebase codebase;
    int64_t number, expected; /* DBK_NONE: no build */
    int left, outstanding;
};

static void note_recorded(void *user, const struct dbk_error *error, int64_t buildid,
                          int64_t number)
{
    (void)buildid;
    (void)number;
    if (error)
        bench_fail("%s", error->message);
    --*(int *)user;
}

/* A build of each lineage, so that the library makes parents and hashes. */
static void record_lineages(struct dbk_store *store)
{
    static const int order[] = {FAR, MAIN, NEAR};
    for (int i = 0; i < 3; i++) {
        struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
        const struct dbk_sourcestamp_key *keys[] = {&key};
        struct dbk_new_build build = DBK_NEW_BUILD_INIT;
        int outstanding = 1;
        key.repository = "git://bench";
        key.branch = BRANCHES[order[i]];
        build.builder = "bench";
        build.results = DBK_SUCCESS;
        build.started_at = build.complete_at = 1700000000 + i;
        build.sourcestamps = keys;
        build.sourcestamp_count = 1;
        if (dbk_record_build(store, &build, NULL, note_recorded, &outstanding))
            bench_fail("a build was refused");
        more_wait(store, &outstanding);
    }
}

/* The third build, of `near`, goes to the end, and those of `main` fill the numbers between. */
static void fill(const char *path, int64_t count)
{
    sqlite3 *db;
    char sql[2048];
    snprintf(sql, sizeof sql,
             "BEGIN; UPDATE builds SET number = %lld, complete_at = 1800000000 WHERE number = 3;"
             "UPDATE daybook_lineage SET number = %lld, complete_at = 1800000000 WHERE number = 3;"
             "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %lld)"
             " INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid,"
             " started_at, complete_at, locks_duration_s, state_string, results)"
             " SELECT i, b.builderid, b.buildrequestid, NULL, b.masterid, 1700000000 + i,"
             " 1700000000 + i, 0, 'build successful', 0 FROM n, builds b WHERE b.number = 2;"
             "INSERT INTO daybook_lineage (builderid, lineage_hash, complete_at, number, buildid)"
             " SELECT b.builderid, l.lineage_hash, b.complete_at, b.number, b.id FROM builds b,"
             " daybook_lineage l WHERE l.number = 2 AND b.number > 2 AND b.number < %lld; COMMIT",
             (long long)count, (long long)count, (long long)count, (long long)count);
    if (sqlite3_open(path, &db) || sqlite3_exec(db, sql, NULL, NULL, NULL))
        bench_fail("filling the file: %s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static struct dbk_store *make(const char *path, int64_t count)
{
    struct dbk_store *store = more_open(path, true);
    record_lineages(store);
    dbk_close_wait(store);
    fill(path, count);
    return more_open(path, false);
}

static void note_build(void *user, const struct dbk_error *error, const struct dbk_build *build);

static void ask(struct question *question)
{
    if (!question->left)
        return;
    question->left--;
    question->outstanding++;
    if (dbk_get_prev_successful_build(question->store, 1, question->number, &question->codebase, 1,
                                      NULL, note_build, question))
        bench_fail("a question was refused");
}

static void note_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct question *question = user;
    if (error || (build ? build->number : DBK_NONE) != question->expected)
        bench_fail("the answer is wrong: %s", error ? error->message : "another build");
    question->outstanding--;
    ask(question);
}

/* Result: microseconds a question. */
static double measure(struct dbk_store *store, int branch, int64_t number, int64_t expected,
                      int count)
{
    struct question question = {.store = store,
                                .codebase = {"git://bench", BRANCHES[branch], ""},
                                .number = number,
                                .expected = expected,
                                .left = count};
    double start = bench_seconds();
    for (int i = 0; i < AT_ONCE; i++)
        ask(&question);
    more_wait(store, &question.outstanding);
    return (bench_seconds() - start) * 1e6 / count;
}

void lineage_measure(const struct more_options *options)
{
    enum { QUESTIONS = 100000, QUESTIONS_MIDDLE = 3 };
    int64_t many_count = options->is_quick ? MANY_QUICK : MANY;
    const char *few_path = more_path(options, "few"), *many_path = more_path(options, "many");
    struct dbk_store *few = make(few_path, FEW), *many = make(many_path, many_count);
    static const struct {
        const char *name;
        int branch;
    } CASES[] = {{"prev_successful, no match", NONE},
                 {"prev_successful, near match", NEAR},
                 {"prev_successful, far match", FAR}};
    for (int i = 0; i < 3; i++) {
        struct more_line line = {.name = CASES[i].name,
                                 .other_words = "us of 10,000",
                                 .ours_words = "us of many",
                                 .mark = 1.5,
                                 .is_most = true};
        int branch = CASES[i].branch;
        for (int round = -1; round < options->rounds; round++) {
            double a = measure(few, branch, FEW + 1,
                               branch == NONE  ? DBK_NONE
                               : branch == FAR ? 1
                                               : FEW,
                               QUESTIONS);
            double b = measure(many, branch, many_count + 1,
                               branch == NONE  ? DBK_NONE
                               : branch == FAR ? 1
                                               : many_count,
                               QUESTIONS);
            if (round >= 0)
                more_add(&line, a, b);
        }
        more_print(&line);
    }
    struct more_line middle = {.name = "prev_successful, from the middle",
                               .other_words = "us of 10,000",
                               .ours_words = "us of many"};
    for (int round = 0; round < options->rounds; round++)
        more_add(&middle, measure(few, MAIN, FEW / 2, FEW / 2 - 1, QUESTIONS_MIDDLE),
                 measure(many, MAIN, many_count / 2, many_count / 2 - 1, QUESTIONS_MIDDLE));
    more_print(&middle);
    dbk_close_wait(few);
    dbk_close_wait(many);
    seed_remove(few_path);
    seed_remove(many_path);
}
