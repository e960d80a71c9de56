/*
 * Looking at a master's builds: see watch.h.
 */
#include "watch.h"

#include "feed.h"

#include <stdlib.h>
#include <string.h>

/* From one look to the next. */
#define LOOK_MS 500

struct watch {
    struct dbk_watch *seen; /* NULL: nobody wants to know */
    struct event *timer;
    struct dbk_op op; /* the look */
    bool is_looking, is_fed;
    watch_finished_fn *take; /* NULL: nobody */
    void *user;
};

static void look(evutil_socket_t fd, short what, void *user);

static bool is_wanted(const struct watch *watch)
{
    return watch->is_fed || watch->take;
}

/* The time counts from the beginning of the last look, so that a slow one is followed at once. */
static void set_timer(struct watch *watch)
{
    const struct timeval pause = {0, LOOK_MS * 1000};
    event_add(watch->timer, &pause);
}

static void tell_finished(struct watch *watch, const struct dbk_event *const *events,
                          const struct dbk_look *found)
{
    size_t count = 0;
    const struct dbk_event **builds = malloc((found->count + 1) * sizeof(*builds));
    for (size_t i = 0; builds && i < found->count; i++)
        if (!strcmp(events[i]->kind, "build") && !strcmp(events[i]->verb, "finished"))
            builds[count++] = events[i];
    if (count || found->is_lost || !builds)
        watch->take(watch->user, builds, count, found->is_lost || !builds);
    free(builds);
}

static void take_look(void *user, const struct dbk_error *error,
                      const struct dbk_event *const *events, const struct dbk_look *found)
{
    struct server *server = user;
    struct watch *watch = server->watch;
    watch->is_looking = false;
    if (!is_wanted(watch)) {
        dbk_watch_free(watch->seen);
        watch->seen = NULL;
        return;
    }
    if (error) /* the next look goes on from before */
        return;
    if (watch->take)
        tell_finished(watch, events, found);
    if (watch->is_fed)
        feed_take(server, events, found->count, found->is_lost);
}

static void look(evutil_socket_t fd, short what, void *user)
{
    struct server *server = user;
    struct watch *watch = server->watch;
    struct dbk_call call = DBK_CALL_INIT;
    (void)fd;
    (void)what;
    if (!is_wanted(watch) || server->is_stopping)
        return;
    set_timer(watch);
    if (watch->is_looking)
        return;
    if (!watch->seen && dbk_watch_new(NULL, &watch->seen))
        return;
    call.timeout_ms = SERVER_OPERATION_MS;
    call.out_op = &watch->op;
    watch->is_looking = !dbk_watch_look(server->store, watch->seen, &call, take_look, server);
}

bool watch_init(struct server *server)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    server->watch = watch;
    if (watch)
        watch->timer = evtimer_new(server->base, look, server);
    return watch && watch->timer;
}

void watch_fini(struct server *server)
{
    struct watch *watch = server->watch;
    if (!watch)
        return;
    if (watch->timer)
        event_free(watch->timer);
    dbk_watch_free(watch->seen);
    free(watch);
}

bool watch_is_needed(const struct server *server)
{
    return !dbk_get_info(server->store)->is_own;
}

void watch_begin(struct server *server)
{
    struct watch *watch = server->watch;
    watch->is_fed = true;
    if (!evtimer_pending(watch->timer, NULL))
        look(-1, 0, server);
}

/* The timer finds out by itself that nobody wants to know: begun anew at once, it is no sooner than before. */
void watch_end(struct server *server)
{
    struct watch *watch = server->watch;
    watch->is_fed = false;
    if (is_wanted(watch))
        return;
    if (watch->is_looking) {
        dbk_cancel(server->store, watch->op);
        return;
    }
    dbk_watch_free(watch->seen);
    watch->seen = NULL;
}

bool watch_is_busy(const struct server *server)
{
    return server->watch->is_looking;
}

int watch_finished(struct server *server, const char *position, watch_finished_fn *take, void *user)
{
    struct watch *watch = server->watch;
    int status = dbk_watch_new(position, &watch->seen);
    if (status)
        return status;
    watch->take = take;
    watch->user = user;
    look(-1, 0, server);
    return DBK_OK;
}

const char *watch_position(struct server *server)
{
    return server->watch->seen ? dbk_watch_position(server->watch->seen) : "";
}
