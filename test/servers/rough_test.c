/*
 * A line that delays, tears and breaks by chance, under load: each operation ends by its deadline, and what it said
 * is what the server holds. For 10 seconds; DAYBOOK_TEST_SCALE=N multiplies that. The argument names the engine.
 */
#include "engines.h"
#include "mariadb.h"
#include "postgres.h"
#include "proxy.h"
#include "seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    SECONDS = 10,
    BUILDERS = 4,
    OUTSTANDING = 32,
    TIMEOUT_MS = 400,
    SLACK_MS = 2000,
    WRITES_MAX = 400000
};

/* What became of a write; by its number, which stands in the build that it adds. */
enum fate { FATE_NONE, FATE_DONE, FATE_NOT_DONE, FATE_UNKNOWN };
static unsigned char fates[WRITES_MAX];

struct line {
    struct dbk_store *store;
    int64_t builderids[BUILDERS], requestid, masterid, end_ms;
    int write_count, outstanding, late_count, failed_count, read_count;
    int64_t latest_ms;
    struct dbk_error error; /* one that is none of a bad line's */
};

struct operation {
    struct line *line;
    int number; /* of a write; -1: it reads */
    int64_t began_ms;
};

/* What differs between the servers. */
struct kind {
    const char *name;
    const char *(*socket)(void);
    const char *host; /* the option of a URL that names the socket's folder, or the socket */
    const char *socket_suffix; /* what stands behind the folder there */
    const char *all_states;    /* the states of all builds, with spaces between */
};

static const struct kind KINDS[] = {
    {"postgresql", postgres_socket, "host=", "",
     "SELECT string_agg(state_string, ' ') FROM builds"},
#ifdef DAYBOOK_HAS_MARIADB
    {"mariadb", mariadb_socket, "unix_socket=", "/socket",
     "SELECT group_concat(state_string SEPARATOR ' ') FROM builds"},
#endif
};
static const struct kind *kind;
static const struct engine *engine;

static int64_t look_int(const char *url, const char *sql)
{
    return strtoll(engine->look(url, sql), NULL, 10);
}

static struct dbk_store *open_at(const char *url, bool is_created)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    options.is_created = is_created;
    if (dbk_open(url, &options, &store, &error))
        fail_msg("%s: %s", url, error.message);
    return store;
}

/* The same URL by the proxy's socket. */
static const char *through_proxy(const char *url)
{
    const char *host = strstr(url, kind->host) + strlen(kind->host);
    const char *rest = host + strcspn(host, "&");
    return test_format("%.*s%s%s%s", (int)(host - url), url, proxy_start(kind->socket()),
                       kind->socket_suffix, rest);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void submit(struct operation *operation);

static void finish(struct operation *operation, const struct dbk_error *error)
{
    struct line *line = operation->line;
    int64_t took_ms = now_ms() - operation->began_ms;
    line->outstanding--;
    line->late_count += took_ms > TIMEOUT_MS + SLACK_MS;
    line->latest_ms = took_ms > line->latest_ms ? took_ms : line->latest_ms;
    line->failed_count += error != NULL;
    if (error && error->status != DBK_TIMEOUT && error->status != DBK_UNREACHABLE)
        line->error = *error;
    if (operation->number >= 0)
        fates[operation->number] = !error                           ? FATE_DONE
                                   : error->outcome == DBK_UNKNOWN  ? FATE_UNKNOWN
                                   : error->outcome == DBK_NOT_DONE ? FATE_NOT_DONE
                                                                    : FATE_DONE;
    else
        line->read_count++;
    submit(operation);
}

static void on_added(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    (void)id;
    (void)number;
    finish(user, error);
}

static void on_read(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    (void)build;
    finish(user, error);
}

/* The next one in its place: a read after each third write. */
static void submit(struct operation *operation)
{
    struct line *line = operation->line;
    struct dbk_call call = DBK_CALL_INIT;
    char text[32];
    int status;
    if (now_ms() > line->end_ms || line->write_count == WRITES_MAX)
        return;
    call.timeout_ms = TIMEOUT_MS;
    operation->began_ms = now_ms();
    bool reads = operation->number >= 0 && operation->number % 3 == 0;
    operation->number = reads ? -1 : line->write_count++;
    snprintf(text, sizeof text, "%d", operation->number);
    if (reads)
        status = dbk_get_build(line->store, 1 + line->read_count % 100, &call, on_read, operation);
    else
        status = dbk_add_build(line->store, line->builderids[operation->number % BUILDERS],
                               line->requestid, DBK_NONE, line->masterid, text, &call, on_added,
                               operation);
    if (status)
        abort();
    line->outstanding++;
}

static void make_ground(const char *url, struct line *line)
{
    struct seed seed;
    struct dbk_store *store = open_at(url, true);
    seed_make(store, &seed);
    for (int i = 0; i < BUILDERS; i++)
        line->builderids[i] = seed_builder(store, test_format("b%d", i));
    line->requestid = seed.buildrequestid;
    line->masterid = seed.masterid;
    dbk_close_wait(store);
}

/* Every write is there as often as it said: once, never, or, where nobody knows, at most once. */
static void expect_fates(const char *url, const struct line *line)
{
    int known_count = 0;
    assert_int_equal(look_int(url, "SELECT count(*) - count(DISTINCT state_string) FROM builds"),
                     0);
    char *there = test_take(WRITES_MAX);
    memset(there, 0, WRITES_MAX);
    const char *all = engine->look(url, kind->all_states);
    for (char *c = (char *)(uintptr_t)(all ? all : ""); *c; c += *c == ' ')
        there[strtol(c, &c, 10)] = 1;
    for (int i = 0; i < line->write_count; i++) {
        known_count += fates[i] == FATE_DONE;
        if ((fates[i] == FATE_DONE && !there[i]) || (fates[i] == FATE_NOT_DONE && there[i]) ||
            fates[i] == FATE_NONE)
            fail_msg("write %d: its fate is %d, and it is %s", i, fates[i],
                     there[i] ? "there" : "not there");
    }
    assert_true(known_count > 0);
    assert_int_equal(look_int(url, "SELECT count(*) FROM (SELECT builderid FROM builds GROUP BY"
                                   " builderid HAVING max(number) <> count(*)"
                                   " OR min(number) <> 1) wrong"),
                     0);
    assert_int_equal(look_int(url, "SELECT (SELECT count(*) FROM builds) - (SELECT count(*) FROM"
                                   " daybook_events WHERE kind = 'build')"),
                     0);
}

static void operations__over_a_bad_line_end_in_time_and_say_what_became_of_them(void **state)
{
    const char *url = engine->place(), *scale = getenv("DAYBOOK_TEST_SCALE");
    struct line line = {.write_count = 0};
    struct operation operations[OUTSTANDING];
    (void)state;
    make_ground(url, &line);
    line.store = open_at(through_proxy(url), false);
    int seconds = SECONDS * (scale && atoi(scale) > 0 ? atoi(scale) : 1);
    line.end_ms = now_ms() + 1000 * seconds;
    proxy_set_rough(true);
    for (int i = 0; i < OUTSTANDING; i++) {
        operations[i] = (struct operation){.line = &line, .number = -1};
        submit(&operations[i]);
    }
    while (line.outstanding)
        dbk_wait(line.store, 1000);
    proxy_set_rough(false);
    assert_int_equal(dbk_close_wait(line.store), DBK_OK);
    print_message(
        "%d writes, %d reads, %d failed, %d connections broken, the slowest took %lld ms\n",
        line.write_count, line.read_count, line.failed_count, proxy_broken_count(),
        (long long)line.latest_ms);
    assert_string_equal(line.error.message, "");
    assert_int_equal(line.late_count, 0);
    assert_true(proxy_broken_count() > seconds / 2);
    expect_fates(url, &line);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations__over_a_bad_line_end_in_time_and_say_what_became_of_them),
    };
    for (size_t i = 0; i < COUNT_OF(KINDS) && argc > 1; i++)
        kind = strcmp(KINDS[i].name, argv[1]) ? kind : &KINDS[i];
    for (size_t i = 0; i < ENGINE_COUNT && kind; i++)
        engine = strcmp(ENGINES[i].name, kind->name) ? engine : &ENGINES[i];
    if (!engine)
        return 2;
    if (!engine->place())
        return 77; /* meson's word for a skip */
    test_end();
    return test_run("a bad line to a server", tests, COUNT_OF(tests));
}
