/*
 * get_prev_successful_build in an adopted database, while another writer finishes builds beside us by plain SQL,
 * as a Buildbot master does: held against a plain walk over the tables.
 */
#include "adoption.h"

#include <stdio.h>

enum { HISTORIES = 200, STEPS = 10, SETS = 6, HOUR_S = 3600, FIRST_BUILDER = 1001 };

/* A generator of the test's own, so that each run has the same histories. */
static uint64_t seed = 20260101;

static int64_t draw(int64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((seed >> 33) % (uint64_t)below);
}

/* The sets, and each one's requests; the last one is empty, and the fourth has one member twice. */
static const struct dbk_codebase MEMBERS[SETS][3] = {
    {{"git://a", "main", ""}},
    {{"git://a", NULL, ""}},
    {{"git://a", "main", ""}, {"git://b", "main", "b"}},
    {{"git://a", "main", ""}, {"git://b", "main", "b"}},
    {{"git://b", "dev", "b"}},
};
static const size_t MEMBER_COUNT[SETS] = {1, 1, 2, 2, 1, 0};

/* How many are lived through: on MariaDB each statement takes longer. */
static int histories(struct buildbot *b)
{
    return b->engine->words == IN_MARIADB ? HISTORIES / 4 : HISTORIES;
}

/* Whose rows cost nothing to keep. */
static void hold(struct buildbot *b)
{
    buildbot_hold(b);
    buildbot_change(
        b, in_words_of(b, "PRAGMA synchronous = OFF", "SET synchronous_commit = off", "DO 0"));
}

static const char *quote(const char *text)
{
    return text ? test_format("'%s'", text) : "NULL";
}

/* Sourcestamps and buildsets 5001 on, one a set; the fourth has a second stamp that is the same to a lineage. */
static void make_sets(struct buildbot *b)
{
    int64_t stamp = 7000;
    for (int set = 0; set < SETS; set++) {
        buildbot_change(
            b, test_format("INSERT INTO buildsets (id, submitted_at) VALUES (%d, 1)", 5001 + set));
        for (size_t i = 0; i < MEMBER_COUNT[set] + (set == 3); i++) {
            const struct dbk_codebase *m = &MEMBERS[set][i % MEMBER_COUNT[set]];
            stamp++;
            buildbot_change(
                b, test_format("INSERT INTO sourcestamps (id, ss_hash, branch, revision,"
                               " repository, codebase, project, created_at) VALUES (%lld,"
                               " 'hash %lld', %s, 'r%lld', %s, %s, '', 1);"
                               " INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid)"
                               " VALUES (%d, %lld)",
                               (long long)stamp, (long long)stamp, quote(m->branch),
                               (long long)stamp, quote(m->repository), quote(m->codebase),
                               5001 + set, (long long)stamp));
        }
    }
}

/* A builder with a request for each set: requests are builderid * 10 + set. */
static void make_builder(struct buildbot *b, int64_t builderid)
{
    buildbot_change(b,
                    test_format("INSERT INTO builders (id, name, name_hash) VALUES (%lld, 'b%lld',"
                                " 'hash %lld')",
                                (long long)builderid, (long long)builderid, (long long)builderid));
    for (int set = 0; set < SETS; set++)
        buildbot_change(
            b, test_format("INSERT INTO buildrequests (id, buildsetid, builderid, submitted_at)"
                           " VALUES (%lld, %d, %lld, 1)",
                           (long long)builderid * 10 + set, 5001 + set, (long long)builderid));
}

/* Some of the builder's newest builds are gone: their numbers come again, and perhaps their ids. */
static void forget_builds(struct buildbot *b, int64_t builderid)
{
    buildbot_change(b, test_format("DELETE FROM builds WHERE builderid = %lld AND number >="
                                   " (SELECT max(number) - %d FROM builds WHERE builderid = %lld)",
                                   (long long)builderid, (int)draw(4), (long long)builderid));
}

/* The newest build gets a higher number. */
static void renumber(struct buildbot *b, int64_t builderid)
{
    buildbot_change(
        b, test_format("UPDATE builds SET number = number + 2 WHERE builderid = %lld AND number ="
                       " (SELECT max(number) FROM builds WHERE builderid = %lld)",
                       (long long)builderid, (long long)builderid));
}

/* As the master does it: the number by itself, the end in one UPDATE, by a clock that differs by hours. */
static void step_of_master(struct buildbot *b, int64_t builderid)
{
    switch (draw(16)) {
    case 0:
        forget_builds(b, builderid);
        break;
    case 1:
        renumber(b, builderid);
        break;
    }
    if (draw(3))
        buildbot_change(
            b, test_format("INSERT INTO builds (number, builderid, buildrequestid, masterid,"
                           " started_at, locks_duration_s, state_string) SELECT"
                           " coalesce(max(number), 0) + 1, %lld, %lld, 1, 1, 0, '' FROM builds"
                           " WHERE builderid = %lld",
                           (long long)builderid, (long long)(builderid * 10 + draw(SETS)),
                           (long long)builderid));
    const char *end =
        draw(20) ? test_format("%lld", (long long)(b->now - draw(22 * HOUR_S))) : "NULL";
    buildbot_change(
        b, test_format("UPDATE builds SET complete_at = %s, results = %d WHERE id ="
                       " (SELECT id FROM builds WHERE builderid = %lld ORDER BY number DESC"
                       " LIMIT 1 OFFSET %d)",
                       end, draw(3) ? 0 : 2, (long long)builderid, (int)draw(3)));
}

static void step_of_ours(struct buildbot *b, int64_t builderid)
{
    struct answer a;
    assert_int_equal(ASK(&a, b->store, on_added_build, dbk_add_build, builderid,
                         builderid * 10 + draw(SETS), DBK_NONE, 1, ""),
                     DBK_OK);
    int64_t buildid = draw(2)
                          ? a.id
                          : buildbot_int(b, test_format("SELECT id FROM builds WHERE builderid ="
                                                        " %lld ORDER BY number DESC LIMIT 1"
                                                        " OFFSET %d",
                                                        (long long)builderid, 0));
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, buildid, draw(3) ? 0 : 2),
                     DBK_OK);
}

/* The members of a buildset's set, as a text. */
static const char *set_of(struct buildbot *b, const char *buildsetid)
{
    static const char OF[] = "buildset_sourcestamps x JOIN sourcestamps s ON s.id ="
                             " x.sourcestampid WHERE x.buildsetid =";
    const char *parts =
        in_words_of(b,
                    "group_concat(part, ';') FROM (SELECT DISTINCT quote(s.repository) ||"
                    " quote(s.branch) || quote(s.codebase) AS part FROM",
                    "string_agg(DISTINCT concat(quote_nullable(s.repository),"
                    " quote_nullable(s.branch), quote_nullable(s.codebase)), ';') FROM",
                    "group_concat(DISTINCT BINARY concat(quote(s.repository), quote(s.branch),"
                    " quote(s.codebase)) ORDER BY 1 SEPARATOR ';') FROM");
    return test_format("(SELECT %s %s %s%s)", parts, OF, buildsetid,
                       in_words_of(b, " ORDER BY 1)", "", ""));
}

/* By the words of the header: every successful build of the builder is looked at. */
static int64_t walk(struct buildbot *b, int64_t builderid, int64_t number, int set)
{
    const char *own = set_of(b, "q.buildsetid");
    const char *wanted = set_of(b, test_format("%d", 5001 + set));
    return buildbot_int(
        b, test_format("SELECT coalesce((SELECT b.id FROM builds b JOIN buildrequests q"
                       " ON q.id = b.buildrequestid WHERE b.builderid = %lld AND b.number < %lld"
                       " AND b.results = 0 AND %s %s %s"
                       " ORDER BY coalesce(b.complete_at, -1) DESC, b.number DESC LIMIT 1), 0)",
                       (long long)builderid, (long long)number, own,
                       in_words_of(b, "IS", "IS NOT DISTINCT FROM", "<=>"), wanted));
}

static int64_t ask(struct buildbot *b, int64_t builderid, int64_t number, int set)
{
    struct answer a;
    if (ASK(&a, b->store, on_build, dbk_get_prev_successful_build, builderid, number, MEMBERS[set],
            MEMBER_COUNT[set]))
        fail_msg("%s", a.error.message);
    return a.build ? a.build->id : 0;
}

static void adopt_and_open(struct buildbot *b)
{
    struct reports r = {.count = 0};
    if (long_run_alone(b, &r, dbk_adopt))
        fail_msg("%s", r.answer.error.message);
    buildbot_open(b, "?writes=master");
}

/* How often was asked, and how often there was something to be found. */
struct tally {
    int64_t asked, found;
};

static void compare(struct buildbot *b, int64_t builderid, struct tally *tally)
{
    int64_t number = draw(2) ? 1000 : draw(STEPS);
    int set = (int)draw(SETS);
    int64_t expected = walk(b, builderid, number, set);
    int64_t given = ask(b, builderid, number, set);
    if (given != expected)
        fail_msg("builder %lld, below %lld, set %d: %lld instead of %lld", (long long)builderid,
                 (long long)number, set, (long long)given, (long long)expected);
    tally->asked++;
    tally->found += expected != 0;
}

static void get_prev_successful_build__beside_another_writer_is_what_a_walk_finds(void **state)
{
    struct buildbot *b = *state;
    struct tally tally = {0};
    adopt_and_open(b);
    hold(b);
    make_sets(b);
    for (int64_t builderid = FIRST_BUILDER; builderid < FIRST_BUILDER + histories(b); builderid++) {
        make_builder(b, builderid);
        for (int step = 0; step < STEPS; step++) {
            b->now += draw(4 * HOUR_S);
            if (draw(6))
                step_of_master(b, builderid);
            else
                step_of_ours(b, builderid);
            compare(b, builderid, &tally);
        }
    }
    assert_true(tally.found > tally.asked / 8);
    /* Many were brought in by the writer between its batches. */
    assert_true(buildbot_int(b,
                             "SELECT count(*) FROM daybook_lineage l WHERE l.builderid > 1000"
                             " AND NOT EXISTS (SELECT 1 FROM daybook_events e WHERE"
                             " e.buildid = l.buildid AND e.verb = 'finished')") > histories(b) / 2);
}

/* Nobody brings anything in: what was there at the adoption is in the table, all else is found beside it. */
static void
get_prev_successful_build__where_nobody_of_ours_writes_is_what_a_walk_finds(void **state)
{
    struct buildbot *b = *state;
    struct tally tally = {0};
    hold(b);
    buildbot_change(b, "BEGIN");
    make_sets(b);
    for (int64_t builderid = FIRST_BUILDER; builderid < FIRST_BUILDER + histories(b); builderid++) {
        make_builder(b, builderid);
        for (int step = 0; step < STEPS; step++)
            step_of_master(b, builderid);
    }
    buildbot_change(b, "COMMIT");
    buildbot_let_go(b);
    adopt_and_open(b);
    buildbot_close(b);
    buildbot_open(b, "?mode=ro");
    hold(b);
    int64_t kept = buildbot_int(b, "SELECT count(*) FROM daybook_lineage WHERE builderid > 1000");
    for (int step = 0; step < STEPS; step++) {
        b->now += draw(12 * HOUR_S);
        for (int64_t builderid = FIRST_BUILDER; builderid < FIRST_BUILDER + histories(b);
             builderid++) {
            step_of_master(b, builderid);
            compare(b, builderid, &tally);
        }
    }
    assert_true(tally.found > tally.asked / 4);
    assert_true(kept > histories(b));
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM daybook_lineage WHERE builderid > 1000"),
                     kept);
}

static void get_prev_successful_build__a_reader_sees_what_nobody_brought_in(void **state)
{
    struct buildbot *b = *state;
    adopt_and_open(b);
    buildbot_hold(b);
    make_sets(b);
    make_builder(b, 1001);
    buildbot_close(b);
    buildbot_open(b, "");
    buildbot_change(
        b, test_format("INSERT INTO builds (id, number, builderid, buildrequestid, masterid,"
                       " started_at, locks_duration_s, state_string, complete_at, results)"
                       " VALUES (90001, 1, 1001, 10010, 1, 1, 0, '', %lld, 0)",
                       (long long)b->now));
    assert_int_equal(ask(b, 1001, 10, 0), 90001);
    assert_int_equal(ask(b, 1001, 10, 1), 0);
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM daybook_lineage WHERE buildid = 90001"),
                     0);
}

static void get_prev_successful_build__a_candidate_is_read_again_from_builds(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    adopt_and_open(b);
    buildbot_hold(b);
    make_sets(b);
    make_builder(b, 1001);
    assert_int_equal(ASK(&a, b->store, on_added_build, dbk_add_build, 1001, 10010, DBK_NONE, 1, ""),
                     DBK_OK);
    int64_t buildid = a.id;
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, buildid, 0), DBK_OK);
    assert_int_equal(ask(b, 1001, 10, 0), buildid);
    buildbot_change(
        b, test_format("UPDATE builds SET results = 2 WHERE id = %lld", (long long)buildid));
    assert_int_equal(ask(b, 1001, 10, 0), 0);
    buildbot_change(
        b, test_format("UPDATE builds SET results = 0 WHERE id = %lld", (long long)buildid));
    assert_int_equal(ask(b, 1001, 10, 0), buildid);
    /* Gone, and its id given to another builder's. */
    buildbot_change(b, test_format("UPDATE builds SET builderid = 1, number = 5000 WHERE id = %lld",
                                   (long long)buildid));
    assert_int_equal(ask(b, 1001, 10, 0), 0);
}

static void get_prev_successful_build__a_thousand_codebases_in_any_database(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    struct dbk_codebase *many = test_take(1000 * sizeof *many);
    for (int i = 0; i < 1000; i++)
        many[i] = (struct dbk_codebase){"git://a", test_format("branch %d", i), ""};
    buildbot_open(b, "");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            ASK(&a, b->store, on_build, dbk_get_prev_successful_build, 1, 100, many, 1000), DBK_OK);
        assert_null(a.build);
        buildbot_close(b);
        adopt_and_open(b);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_prev_successful_build__beside_another_writer_is_what_a_walk_finds),
        cmocka_unit_test(
            get_prev_successful_build__where_nobody_of_ours_writes_is_what_a_walk_finds),
        cmocka_unit_test(get_prev_successful_build__a_reader_sees_what_nobody_brought_in),
        cmocka_unit_test(get_prev_successful_build__a_candidate_is_read_again_from_builds),
        cmocka_unit_test(get_prev_successful_build__a_thousand_codebases_in_any_database),
    };
    return buildbot_run("lineages beside another writer", argc > 1 ? argv[1] : NULL, tests,
                        COUNT_OF(tests));
}
