/*
 * record_build of a build with 10 steps and 30 properties: beside the bare program, and beside the same build written by
 * single calls, one build at a time: each call in its turn, or as many at once as do not need another's answer.
 */
#include "more.h"

#include "statements.h"

#include <string.h>

struct recording {
    struct dbk_store *store;
    int next, end, outstanding;
    bool is_in_turn; /* of single calls: one after the other */
    int64_t id;      /* the last one that a call gave */
    int64_t stepids[RECORD_STEPS];
};

static void check(const struct dbk_error *error)
{
    if (error)
        bench_fail("%s: %s", error->action, error->message);
}

static void need(int submitted)
{
    if (submitted)
        bench_fail("refused: %s", dbk_status_text((enum dbk_status)submitted));
}

/* ------------------------------------------------------------------------------- whole builds ---- */

static void note_recorded(void *user, const struct dbk_error *error, int64_t buildid,
                          int64_t number);

static void record_next(struct recording *recording)
{
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    const struct dbk_sourcestamp_key *keys[] = {&key};
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_new_property properties[RECORD_PROPERTIES];
    struct dbk_new_step steps[RECORD_STEPS];
    const struct dbk_new_step *step_list[RECORD_STEPS];
    char names[RECORD_PROPERTIES + RECORD_STEPS][BENCH_NAME_SIZE], revision[41];
    if (recording->next == recording->end)
        return;
    snprintf(revision, sizeof revision, "%040d", recording->next++);
    for (int i = 0; i < RECORD_PROPERTIES; i++) {
        snprintf(names[i], sizeof names[i], "property-%d", i);
        properties[i] = (struct dbk_new_property){names[i], "\"a value of some length\"", "bench"};
    }
    for (int i = 0; i < RECORD_STEPS; i++) {
        char *name = names[RECORD_PROPERTIES + i];
        snprintf(name, BENCH_NAME_SIZE, "step-%d", i);
        steps[i] = (struct dbk_new_step)DBK_NEW_STEP_INIT;
        steps[i].name = name;
        steps[i].state_string = "finished";
        steps[i].started_at = steps[i].locks_acquired_at = steps[i].complete_at = 1700000000;
        steps[i].results = DBK_SUCCESS;
        step_list[i] = &steps[i];
    }
    key.repository = "git://bench";
    key.branch = "main";
    key.revision = revision;
    build.builder = "recorded";
    build.worker = "worker";
    build.reason = "bench";
    build.sourcestamps = keys;
    build.sourcestamp_count = 1;
    build.state_string = "build successful";
    build.started_at = build.complete_at = 1700000000;
    build.results = DBK_SUCCESS;
    build.properties = properties;
    build.property_count = RECORD_PROPERTIES;
    build.steps = step_list;
    build.step_count = RECORD_STEPS;
    recording->outstanding++;
    need(dbk_record_build(recording->store, &build, NULL, note_recorded, recording));
}

static void note_recorded(void *user, const struct dbk_error *error, int64_t buildid,
                          int64_t number)
{
    struct recording *recording = user;
    (void)buildid;
    (void)number;
    check(error);
    recording->outstanding--;
    record_next(recording);
}

/* Result: builds a second. */
static double record_whole(struct dbk_store *store, int first, int count, int at_once)
{
    struct recording recording = {.store = store, .next = first, .end = first + count};
    double start = bench_seconds();
    for (int i = 0; i < at_once; i++)
        record_next(&recording);
    more_wait(store, &recording.outstanding);
    return count / (bench_seconds() - start);
}

/* -------------------------------------------------------------------------------- single calls ---- */

static void note_done(void *user, const struct dbk_error *error)
{
    check(error);
    --((struct recording *)user)->outstanding;
}

static void note_id(void *user, const struct dbk_error *error, int64_t id)
{
    struct recording *recording = user;
    note_done(user, error);
    recording->id = id;
}

static void note_build(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    (void)number;
    note_id(user, error, buildid);
}

static void note_step(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                      const char *name)
{
    struct recording *recording = user;
    (void)name;
    note_done(user, error);
    recording->stepids[number] = stepid;
}

#define CALL(recording, call)                                                                      \
    ((recording)->outstanding++, need(call),                                                       \
     more_wait((recording)->store, &(recording)->outstanding), (recording)->id)

/* The parents of a build. Result: the request; the others through the pointers. */
static int64_t add_parents(struct recording *r, int number, int64_t *builderid, int64_t *workerid,
                           int64_t *masterid)
{
    struct dbk_store *store = r->store;
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    struct dbk_new_buildset set = DBK_NEW_BUILDSET_INIT;
    char revision[41];
    snprintf(revision, sizeof revision, "%040d", number);
    key.repository = "git://bench";
    key.branch = "main";
    key.revision = revision;
    *builderid = CALL(r, dbk_find_builder_id(store, "recorded", true, NULL, note_id, r));
    *workerid = CALL(r, dbk_find_worker_id(store, "worker", true, NULL, note_id, r));
    *masterid = CALL(r, dbk_find_master_id(store, "daybook", true, NULL, note_id, r));
    int64_t stampid = CALL(r, dbk_find_sourcestamp_id(store, &key, true, NULL, note_id, r));
    set.reason = "bench";
    set.sourcestampids = &stampid;
    set.sourcestamp_count = 1;
    int64_t setid = CALL(r, dbk_add_buildset(store, &set, NULL, note_id, r));
    return CALL(r, dbk_add_buildrequest(store, setid, *builderid, 0, false, NULL, note_id, r));
}

/* Waits for what was submitted, if each call is to be made after the last one's answer. */
static void pause(struct recording *r)
{
    if (r->is_in_turn)
        more_wait(r->store, &r->outstanding);
}

static void write_build(struct recording *r, int number)
{
    struct dbk_store *store = r->store;
    int64_t builderid, workerid, masterid;
    char name[BENCH_NAME_SIZE];
    int64_t requestid = add_parents(r, number, &builderid, &workerid, &masterid);
    int64_t buildid = CALL(r, dbk_add_build(store, builderid, requestid, workerid, masterid,
                                            "build successful", NULL, note_build, r));
    for (int i = 0; i < RECORD_PROPERTIES; i++, pause(r)) {
        snprintf(name, sizeof name, "property-%d", i);
        r->outstanding++;
        need(dbk_set_build_property(store, buildid, name, "\"a value of some length\"", "bench",
                                    NULL, note_done, r));
    }
    for (int i = 0; i < RECORD_STEPS; i++, pause(r)) {
        snprintf(name, sizeof name, "step-%d", i);
        r->outstanding++;
        need(dbk_add_step(store, buildid, name, "finished", NULL, note_step, r));
    }
    more_wait(store, &r->outstanding);
    for (int i = 0; i < RECORD_STEPS; i++, pause(r)) { /* those of one step keep their order */
        r->outstanding++;
        need(dbk_start_step(store, r->stepids[i], 1700000000, true, NULL, note_done, r));
        pause(r);
        r->outstanding++;
        need(dbk_finish_step(store, r->stepids[i], DBK_SUCCESS, false, NULL, note_done, r));
    }
    more_wait(store, &r->outstanding);
    r->outstanding = 1;
    need(dbk_finish_build(store, buildid, DBK_SUCCESS, NULL, note_done, r));
    more_wait(store, &r->outstanding);
}

static double write_single(struct dbk_store *store, int first, int count, bool is_in_turn)
{
    struct recording recording = {.store = store, .is_in_turn = is_in_turn};
    double start = bench_seconds();
    for (int i = 0; i < count; i++)
        write_build(&recording, first + i);
    return count / (bench_seconds() - start);
}

/* ----------------------------------------------------------------------------------- measuring ---- */

static void compare_statements(const char *bare_path, const char *ours_path)
{
    struct statements bare_statements = {.count = 0}, ours_statements = {.count = 0};
    statements_watch();
    struct record_bare *bare = record_bare_open(bare_path);
    statements_record(&bare_statements);
    record_bare_run(bare, 0, 1, 1);
    statements_record(NULL);
    struct dbk_store *store = more_open(ours_path, false);
    statements_record(&ours_statements);
    record_whole(store, 0, 1, 1);
    statements_record(NULL);
    record_bare_close(bare);
    dbk_close_wait(store);
    statements_unwatch();
    statements_compare(&bare_statements, &ours_statements);
    statements_fini(&bare_statements);
    statements_fini(&ours_statements);
}

static void beside_bare(const struct more_options *options, const char *bare_path,
                        const char *ours_path, int at_once, int count)
{
    struct more_line line = {.name = at_once == 1 ? "record_build, one at a time"
                                                  : "record_build, 64 at once",
                             .other_words = "builds/s bare",
                             .ours_words = "builds/s",
                             .mark = at_once == 1 ? 0 : 0.7};
    static int next = 1;
    struct record_bare *bare = record_bare_open(bare_path);
    struct dbk_store *store = more_open(ours_path, false);
    for (int round = -1; round < options->rounds; round++, next += count) {
        double start = bench_seconds();
        record_bare_run(bare, next, count, at_once);
        double bare_rate = count / (bench_seconds() - start);
        double ours_rate = record_whole(store, next, count, at_once);
        if (round >= 0)
            more_add(&line, bare_rate, ours_rate);
    }
    more_print(&line);
    record_bare_close(bare);
    dbk_close_wait(store);
    seed_compare(bare_path, ours_path);
}

void record_measure(const struct more_options *options)
{
    int part = options->is_quick ? 8 : 1;
    const char *bare_path = more_path(options, "bare"), *ours_path = more_path(options, "ours"),
               *single_path = more_path(options, "single");
    dbk_close_wait(more_open(bare_path, true));
    dbk_close_wait(more_open(ours_path, true));
    compare_statements(bare_path, ours_path);
    beside_bare(options, bare_path, ours_path, 64, 4000 / part);
    beside_bare(options, bare_path, ours_path, 1, 800 / part);
    struct more_line lines[] = {{.name = "record_build, to calls in turn",
                                 .other_words = "builds/s single",
                                 .ours_words = "builds/s",
                                 .mark = 5},
                                {.name = "record_build, to calls at once",
                                 .other_words = "builds/s single",
                                 .ours_words = "builds/s"}};
    struct dbk_store *single = more_open(single_path, true), *ours = more_open(ours_path, false);
    for (int round = 0, next = 1000000; round < options->rounds; round++, next += 800) {
        for (int i = 0; i < 2; i++) {
            double rate = write_single(single, next + 400 * i, 80 / part + 1, i == 0);
            more_add(&lines[i], rate, record_whole(ours, next + 400 * i, 320 / part + 1, 1));
        }
    }
    more_print(&lines[0]);
    more_print(&lines[1]);
    dbk_close_wait(single);
    dbk_close_wait(ours);
    seed_remove(bare_path);
    seed_remove(ours_path);
    seed_remove(single_path);
}
