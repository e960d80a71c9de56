/* See trouble.h. */
#include "trouble.h"

#include <grp.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOBODY = 65534, TIMEOUT_MS = 2000 };

struct listed {
    struct outcome *outcome;
    bool is_done;
};

static void listed(void *user, const struct dbk_error *error, const struct dbk_build *const *builds,
                   const struct dbk_page *page)
{
    struct listed *listed = user;
    (void)builds;
    listed->is_done = true;
    if (error) {
        listed->outcome->read_error = *error;
        listed->outcome->read_status = error->status;
    } else {
        listed->outcome->build_count = (int64_t)page->count;
    }
}

static void try_read(struct dbk_store *store, struct outcome *outcome)
{
    struct dbk_call call = DBK_CALL_INIT;
    struct listed result = {outcome, false};
    call.timeout_ms = TIMEOUT_MS;
    int status =
        dbk_get_builds(store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, NULL, &call, listed, &result);
    GROUND_NEED(!status, "get_builds refused");
    while (!result.is_done)
        dbk_wait(store, -1);
}

struct outcome trouble_try(const char *url, int what)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct outcome outcome = {.build_count = -1};
    struct dbk_store *store;
    options.is_created = what & TRY_CREATE;
    outcome.open_status = dbk_open(url, &options, &store, &outcome.open_error);
    if (outcome.open_status)
        return outcome;
    outcome.is_read_only = dbk_get_info(store)->is_read_only;
    if (what & TRY_READ)
        try_read(store, &outcome);
    if (what & TRY_WRITE) {
        int64_t number = ground_add_build(store, 1, TIMEOUT_MS, &outcome.write_error);
        outcome.write_status = number > 0 ? DBK_OK : (int)-number;
    }
    dbk_close_wait(store);
    return outcome;
}

struct outcome trouble_try_as_nobody(const char *url, int what)
{
    struct outcome outcome = {0};
    int fds[2];
    GROUND_NEED(pipe(fds) == 0, "pipe");
    fflush(NULL);
    pid_t pid = fork();
    GROUND_NEED(pid >= 0, "fork");
    if (pid == 0) {
        ground_is_child();
        if (geteuid() == 0)
            GROUND_NEED(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY), "setuid");
        outcome = trouble_try(url, what);
        ground_write_all(fds[1], &outcome, sizeof outcome);
        _exit(0);
    }
    close(fds[1]);
    bool is_read = ground_read_all(fds[0], &outcome, sizeof outcome);
    close(fds[0]);
    GROUND_NEED(ground_reap(pid) == 0 && is_read, "the child failed");
    return outcome;
}

struct holder trouble_hold(const char *path)
{
    struct holder holder;
    int fds[2], ready[2];
    char byte;
    GROUND_NEED(pipe(fds) == 0 && pipe(ready) == 0, "pipe");
    fflush(NULL);
    holder.pid = fork();
    GROUND_NEED(holder.pid >= 0, "fork");
    if (holder.pid == 0) {
        ground_is_child();
        close(fds[1]);
        struct dbk_store *store = ground_open(path, false);
        GROUND_NEED(ground_add_build(store, 1, 0, NULL) > 0, "add_build");
        ground_write_all(ready[1], "r", 1);
        ground_read_all(fds[0], &byte, 1);
        dbk_close_wait(store);
        _exit(0);
    }
    close(fds[0]);
    close(ready[1]);
    GROUND_NEED(ground_read_all(ready[0], &byte, 1), "the holder failed");
    close(ready[0]);
    holder.fd = fds[1];
    return holder;
}

void trouble_let_go(struct holder holder)
{
    close(holder.fd);
    GROUND_NEED(ground_reap(holder.pid) == 0, "the holder failed");
}

void trouble_expect(const struct dbk_error *error, enum dbk_status status, const char *const *words)
{
    bool is_good = error->status == status && error->action[0] && error->outcome == DBK_NOT_DONE;
    while (*words && strstr(error->message, *words))
        words++;
    print_message("    %s, %s: %s\n", dbk_status_name(error->status), error->action,
                  error->message);
    if (!is_good || *words)
        print_message("    expected %s, not done, with '%s'\n", dbk_status_name(status),
                      *words ? *words : "an action");
    assert_true(is_good);
    assert_null(*words);
}
