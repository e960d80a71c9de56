/* Builds added on a server; see server_load.h. */
#include "server_load.h"

#include "seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

_Atomic int load_done_count;

int load_scale(void)
{
    const char *text = getenv("DAYBOOK_TEST_SCALE");
    return text && atoi(text) > 0 ? atoi(text) : 1;
}

struct dbk_store *load_open(const char *url, bool is_created)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    options.is_created = is_created;
    if (dbk_open(url, &options, &store, &error)) {
        fprintf(stderr, "%s: %s\n", url, error.message);
        return NULL;
    }
    return store;
}

static void on_load_added(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    struct server_load *load = user;
    (void)id;
    (void)number;
    load->outstanding--;
    if (error && !load->failed++)
        load->error = *error;
    load->done += !error;
    load_done_count = load->done;
    load_submit_next(load);
}

void load_submit_next(struct server_load *load)
{
    if (!load->left)
        return;
    load->left--;
    load->outstanding++;
    if (dbk_add_build(load->store, load->builderids[load->left % LOAD_BUILDERS], load->requestid,
                      DBK_NONE, load->masterid, "x", NULL, on_load_added, load) != DBK_OK)
        abort();
}

void load_run(struct server_load *load, int count)
{
    load->left = count;
    for (int i = 0; i < LOAD_OUTSTANDING; i++)
        load_submit_next(load);
    while (load->outstanding)
        dbk_wait(load->store, 1000);
}

void load_make_ground(const char *url, struct server_load *out_load)
{
    struct seed seed;
    *out_load = (struct server_load){.store = load_open(url, true)};
    assert_non_null(out_load->store);
    seed_make(out_load->store, &seed);
    for (int i = 0; i < LOAD_BUILDERS; i++)
        out_load->builderids[i] = seed_builder(out_load->store, test_format("b%d", i));
    out_load->requestid = seed.buildrequestid;
    out_load->masterid = seed.masterid;
    dbk_close_wait(out_load->store);
    out_load->store = NULL;
}

static int64_t look_int(const struct engine *engine, const char *url, const char *sql)
{
    const char *text = engine->look(url, sql);
    return text ? strtoll(text, NULL, 10) : DBK_NONE;
}

void load_expect_builds(const struct engine *engine, const char *url, int64_t count)
{
    assert_int_equal(look_int(engine, url, "SELECT count(*) FROM builds"), count);
    assert_int_equal(look_int(engine, url,
                              "SELECT count(*) FROM (SELECT builderid FROM builds GROUP BY"
                              " builderid HAVING max(number) <> count(*)"
                              " OR min(number) <> 1) wrong"),
                     0);
    assert_int_equal(
        look_int(engine, url, "SELECT count(*) FROM daybook_events WHERE kind = 'build'"), count);
    assert_int_equal(look_int(engine, url,
                              "SELECT count(*) FROM daybook_events WHERE kind = 'build'"
                              " AND NOT EXISTS (SELECT 1 FROM builds WHERE id = buildid)"),
                     0);
}

static int run_child(const char *url, struct server_load load, int count)
{
    struct dbk_stats stats;
    load.store = load_open(url, false);
    if (!load.store)
        return 2;
    load_run(&load, count);
    dbk_get_stats(load.store, &stats, sizeof stats);
    if (load.failed)
        fprintf(stderr, "%d failed: %s\n", load.failed, load.error.message);
    fprintf(stderr, "%d builds in %lld transactions, %lld of them begun again\n", load.done,
            (long long)stats.commit_count, (long long)stats.retry_count);
    dbk_close_wait(load.store);
    return load.failed ? 1 : 0;
}

void load_run_processes(const char *url, const struct server_load *load, int processes, int count)
{
    load_run_processes_at(&url, 1, load, processes, count);
}

void load_run_processes_at(const char *const *urls, int url_count, const struct server_load *load,
                           int processes, int count)
{
    pid_t *children = test_take((size_t)processes * sizeof *children);
    for (int i = 0; i < processes; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(run_child(urls[i % url_count], *load, count));
    }
    for (int i = 0; i < processes; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
}

int64_t load_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
