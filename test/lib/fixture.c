/* A store for each test of a contract suite; see fixture.h. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static const struct engine *current; /* under test; cmocka gives a setup nothing of ours */

static int64_t read_clock(void *user)
{
    return ((const struct fixture *)user)->now;
}

static void open_store(struct fixture *f, bool is_created)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    options.is_created = is_created;
    options.clock = read_clock;
    options.clock_user = f;
    if (dbk_open(f->url, &options, &f->store, &error))
        fail_msg("%s: %s", f->url, error.message);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return 1;
    f->engine = current;
    f->url = current->place();
    f->path = current->is_file ? f->url + strlen("sqlite:///") : NULL;
    f->now = CLOCK_START;
    open_store(f, true);
    seed_make(f->store, &f->seed);
    skip_events(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    dbk_close_wait(f->store);
    test_end();
    free(f);
    return 0;
}

static bool is_wanted(const struct engine *engine)
{
    const char *wanted = getenv("DAYBOOK_TEST_ENGINE");
    return wanted ? !strcmp(wanted, engine->name) : !engine->is_extra;
}

static bool is_there(const struct engine *engine)
{
    bool is = engine->place() != NULL;
    test_end();
    if (!is)
        fprintf(stderr, "%s is not on this machine: skipped\n", engine->name);
    return is;
}

int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        struct CMUnitTest *all = calloc(count, sizeof *all);
        if (!all)
            return 1;
        memcpy(all, tests, count * sizeof *all);
        for (size_t j = 0; j < count; j++) {
            all[j].setup_func = set_up;
            all[j].teardown_func = tear_down;
        }
        char group[80];
        current = &ENGINES[i];
        if (!is_wanted(current) || !is_there(current)) {
            free(all);
            continue;
        }
        snprintf(group, sizeof group, "%s on %s", name, current->name);
        failed += _cmocka_run_group_tests(group, all, count, NULL, NULL);
        free(all);
    }
    return failed;
}

void fixture_reopen(struct fixture *f)
{
    assert_true(f->engine->is_persistent);
    assert_int_equal(dbk_close_wait(f->store), DBK_OK);
    f->store = NULL;
    open_store(f, false);
}

int64_t add_build_to(struct fixture *f, int64_t builderid)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_added_build, dbk_add_build, builderid,
                         f->seed.buildrequestid, f->seed.workerid, f->seed.masterid, "starting"),
                     DBK_OK);
    return a.id;
}

int64_t add_build(struct fixture *f)
{
    return add_build_to(f, f->seed.builderid);
}

void finish_build(struct fixture *f, int64_t buildid, int64_t results)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_done, dbk_finish_build, buildid, results), DBK_OK);
}

int64_t add_step(struct fixture *f, int64_t buildid, const char *name)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_added_step, dbk_add_step, buildid, name, "pending"),
                     DBK_OK);
    return a.id;
}

void start_step(struct fixture *f, int64_t stepid)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_done, dbk_start_step, stepid, f->now, false), DBK_OK);
}

void finish_step(struct fixture *f, int64_t stepid, int64_t results)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_done, dbk_finish_step, stepid, results, false), DBK_OK);
}

void set_property(struct fixture *f, int64_t buildid, const char *name, const char *value,
                  const char *source)
{
    struct answer a;
    assert_int_equal(
        ASK(&a, f->store, on_done, dbk_set_build_property, buildid, name, value, source), DBK_OK);
}

void set_data(struct fixture *f, int64_t buildid, const char *name, const char *value,
              const char *source)
{
    struct answer a;
    if (ASK(&a, f->store, on_done, dbk_set_build_data, buildid, name, value, strlen(value), source))
        fail_msg("%s", a.error.message);
}

struct dbk_build *get_build(struct fixture *f, int64_t buildid)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_build, dbk_get_build, buildid), DBK_OK);
    assert_non_null(a.build);
    return a.build;
}

struct dbk_step *get_step(struct fixture *f, int64_t stepid)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_step, dbk_get_step, stepid, DBK_NONE, DBK_NONE, NULL),
                     DBK_OK);
    assert_non_null(a.step);
    return a.step;
}

static void free_spec(void *spec)
{
    dbk_spec_free(spec);
}

struct dbk_spec *new_spec(void)
{
    return test_keep(dbk_spec_new(), free_spec);
}

struct dbk_spec *parse_spec(const char *text)
{
    struct dbk_spec *spec;
    struct dbk_error error;
    if (dbk_spec_parse(text, &spec, &error))
        fail_msg("%s: %s", text, error.message);
    return test_keep(spec, free_spec);
}

const char *names_by_position(struct fixture *f, int64_t buildid)
{
    struct answer a;
    const char *names = "";
    assert_int_equal(ASK(&a, f->store, on_properties, dbk_get_build_properties, buildid,
                         parse_spec("order=position")),
                     DBK_OK);
    for (size_t i = 0; i < a.page.count; i++)
        names = test_format("%s%s ", names, a.properties[i]->name);
    return names;
}

int64_t fixture_look_int(struct fixture *f, const char *sql)
{
    const char *text = fixture_look_text(f, sql);
    return text ? strtoll(text, NULL, 10) : DBK_NONE;
}

const char *fixture_look_text(struct fixture *f, const char *sql)
{
    return f->engine->look(f->url, sql);
}

void fixture_change(struct fixture *f, const char *sql)
{
    f->engine->change(f->url, sql);
}

/* Takes the events since the last look. */
static void take_events(struct fixture *f, struct answer *a)
{
    assert_int_equal(ASK(a, f->store, on_events, dbk_get_events, f->position, NULL), DBK_OK);
    for (size_t i = 0; i < a->page.count; i++) {
        assert_true(a->events[i]->id > f->position);
        f->position = a->events[i]->id;
    }
}

void skip_events(struct fixture *f)
{
    struct answer a;
    take_events(f, &a);
}

void expect_event(struct fixture *f, struct dbk_event expected)
{
    struct answer a;
    take_events(f, &a);
    assert_int_equal(a.page.count, 1);
    const struct dbk_event *event = a.events[0];
    assert_int_equal(event->at, f->now);
    assert_string_equal(event->kind, expected.kind);
    assert_string_equal(event->verb, expected.verb);
    assert_int_equal(event->builderid, expected.builderid);
    assert_int_equal(event->buildid, expected.buildid);
    assert_int_equal(event->stepid, expected.stepid);
    assert_same_text(event->name, expected.name);
}

void expect_no_event(struct fixture *f)
{
    struct answer a;
    take_events(f, &a);
    assert_int_equal(a.page.count, 0);
}

void expect_error(const struct answer *answer, enum dbk_status status, ...)
{
    va_list words;
    if (answer->error.status != status)
        fail_msg("%s, not %s: %s", dbk_status_name(answer->error.status), dbk_status_name(status),
                 answer->error.message);
    va_start(words, status);
    for (const char *word; (word = va_arg(words, const char *));)
        if (!strstr(answer->error.message, word))
            fail_msg("no '%s' in: %s", word, answer->error.message);
    va_end(words);
    assert_int_equal(answer->error.outcome, DBK_NOT_DONE);
}

static void on_busy_write(void *user, const struct dbk_error *error)
{
    struct busy_writer *writer = user;
    writer->has_stopped = error || writer->stops;
    if (writer->has_stopped)
        return;
    writer->writes++;
    dbk_set_build_state_string(writer->f->store, writer->buildid, "busy", NULL, on_busy_write,
                               writer);
}

void busy_writer_begin(struct busy_writer *writer, struct fixture *f, int64_t buildid)
{
    *writer = (struct busy_writer){.f = f, .buildid = buildid};
    on_busy_write(writer, NULL);
}

void busy_writer_end(struct busy_writer *writer)
{
    writer->stops = true;
    while (!writer->has_stopped)
        dbk_wait(writer->f->store, 1000);
}
