/*
 * The store in libuv's loop, with callbacks all the way: runs a command and records it as a build that is
 * open while it runs.
 * usage: libuv [DATABASE]
 */
#include "reply.h"

#include <uv.h>

static struct dbk_store *store;
static uv_poll_t store_poll;
static uv_process_t process;
static int64_t build;

/* Read from the bottom up: each part begins in the callback of the one before it. */

static void store_closed(void *user, const struct dbk_error *error)
{
    (void)user, (void)error;
    uv_close((uv_handle_t *)&store_poll, NULL); /* the descriptor is open until this returns */
}

static void build_finished(void *user, const struct dbk_error *error)
{
    (void)user;
    check(error);
    check_submitted(dbk_close(store, store_closed, NULL));
}

static void exited(uv_process_t *exited_process, int64_t status, int signal)
{
    int64_t results = signal ? DBK_EXCEPTION : status ? DBK_FAILURE : DBK_SUCCESS;
    uv_close((uv_handle_t *)exited_process, NULL);
    check_submitted(dbk_finish_build(store, build, results, NULL, build_finished, NULL));
}

static void build_added(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    char *words[] = {(char *)"sleep", (char *)"0.1", NULL};
    uv_process_options_t options = {.file = words[0], .args = words, .exit_cb = exited};
    (void)user, (void)number;
    check(error);
    build = id;
    int failed = uv_spawn(uv_default_loop(), &process, &options);
    if (failed)
        errx(1, "uv_spawn: %s", uv_strerror(failed));
}

static void readable(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
    dbk_dispatch(store);
}

int main(int argc, char **argv)
{
    struct dbk_new_build new_build = DBK_NEW_BUILD_INIT; /* without results: it stays open */
    new_build.builder = "example";
    new_build.state_string = "sleep 0.1";
    store = open_store(argc, argv);
    if (uv_poll_init(uv_default_loop(), &store_poll, dbk_fd(store)) ||
        uv_poll_start(&store_poll, UV_READABLE, readable))
        errx(1, "the store's descriptor cannot be polled");
    check_submitted(dbk_record_build(store, &new_build, NULL, build_added, NULL));
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
