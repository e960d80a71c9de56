/* Opening and freeing stores. */
#include "store/worker.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { READERS_DEFAULT = 2, QUEUE_DEFAULT = 10000, QUEUE_LIMIT = 1000000 };

/* ------------------------------------------------------------------------------------ fork ---- */

static _Atomic unsigned fork_generation;

static void count_fork(void)
{
    atomic_fetch_add(&fork_generation, 1);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

unsigned dbki_fork_generation(void)
{
    return atomic_load_explicit(&fork_generation, memory_order_relaxed);
}

/* --------------------------------------------------------------------------------- opening ---- */

static int64_t system_clock(void *user)
{
    (void)user;
    return dbki_clock_s();
}

static int check_options(const struct dbk_options *options, struct dbk_error *error)
{
    if (options->size < offsetof(struct dbk_options, clock_user) + sizeof options->clock_user)
        return dbki_error_set(error, DBK_INVALID, "the options do not begin with DBK_OPTIONS_INIT");
    if (options->reader_count < 0 || options->reader_count > DBKI_READERS_MAX)
        return dbki_error_set(error, DBK_INVALID, "reader_count must be 0 to %d", DBKI_READERS_MAX);
    if (options->queue_max < 0 || options->queue_max > QUEUE_LIMIT)
        return dbki_error_set(error, DBK_INVALID, "queue_max must be 0 to %d", QUEUE_LIMIT);
    return DBK_OK;
}

static int open_descriptors(struct dbk_store *store, struct dbk_error *error)
{
    if (store->engine->listen)
        store->listener.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    store->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    store->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if ((store->engine->listen && store->listener.stop_fd < 0) || store->event_fd < 0 ||
        store->timer_fd < 0 || store->poll_fd < 0 ||
        epoll_ctl(store->poll_fd, EPOLL_CTL_ADD, store->event_fd, &event) ||
        epoll_ctl(store->poll_fd, EPOLL_CTL_ADD, store->timer_fd, &event))
        return dbki_error_set(error, DBK_NO_MEMORY, "no descriptors for the store: %s",
                              strerror(errno));
    return DBK_OK;
}

/* Ends a long read whose deadline passed. Runs on the reader's thread, within its query. */
static bool is_read_late(void *user)
{
    const struct dbki_worker *worker = user;
    const struct dbki_op *op = worker->current;
    return op && op->deadline_ns && dbki_clock_ns() > op->deadline_ns;
}

/* The same for engines that can give up whatever they run: a batch of a server's. */
static bool is_batch_late(void *user)
{
    const struct dbki_worker *worker = user;
    return (worker->late_at_ns && dbki_clock_ns() > worker->late_at_ns) || is_read_late(user);
}

struct dbki_conn_options dbki_worker_options(const struct dbk_store *store,
                                             struct dbki_worker *worker)
{
    return (struct dbki_conn_options){.is_writer = worker->is_writer,
                                      .is_stopped = store->engine->is_server ? is_batch_late
                                                    : worker->is_writer      ? NULL
                                                                             : is_read_late,
                                      .user = worker};
}

static struct dbki_worker *add_worker(struct dbk_store *store, struct dbki_conn *conn,
                                      bool is_writer, bool is_reader)
{
    struct dbki_worker *worker = &store->workers[store->worker_count++];
    worker->store = store;
    worker->conn = conn;
    worker->is_writer = is_writer;
    worker->is_reader = is_reader;
    worker->queue = is_writer ? &store->writes[store->writer_count++] : NULL;
    dbki_binder_init(&worker->binders[0]);
    dbki_binder_init(&worker->binders[1]);
    return worker;
}

static int connect_reader(struct dbk_store *store, struct dbk_error *error)
{
    struct dbki_worker *worker = &store->workers[store->worker_count];
    struct dbki_conn_options options = dbki_worker_options(store, worker);
    struct dbki_conn *conn;
    int status = store->engine->open(&store->url, &options, &conn, error);
    if (!status)
        add_worker(store, conn, false, true);
    return status;
}

/* Makes the tables if that is wanted and there are none. Needs a connection that writes. `place` says which worker
 * it will be of. */
static int connect_writer(struct dbk_store *store, bool is_created, int place,
                          struct dbki_conn **out_conn, struct dbk_error *error)
{
    struct dbki_conn_options options = dbki_worker_options(store, &store->workers[place]);
    options.is_writer = true;
    options.is_created = is_created;
    if (!store->engine->is_server)
        options.is_stopped = NULL;
    int status = store->engine->open(&store->url, &options, out_conn, error);
    if (status)
        return status;
    struct dbki_conn *conn = *out_conn;
    status = dbki_schema_inspect(conn, &store->schema, error);
    if (!status && store->schema.is_empty) {
        if (is_created || conn->is_single)
            status = dbki_schema_create(conn, store->is_copied_into, error);
        else
            status = dbki_error_set(error, DBK_SCHEMA,
                                    "the database is empty: `daybook init` makes a store of it");
        if (!status)
            status = dbki_schema_inspect(conn, &store->schema, error);
    }
    if (status) {
        store->engine->close(conn);
        *out_conn = NULL;
    }
    return status;
}

static bool may_write(const struct dbk_store *store)
{
    return !store->url.is_read_only && !store->no_writes[0] && !store->schema.moved_to[0] &&
           (!store->schema.is_older || store->is_exclusive) &&
           (store->schema.is_own || store->url.writes != DBKI_WRITES_NONE);
}

/* What only work that is_exclusive may go on with. */
static int refuse_tables(const struct dbk_store *store, const struct dbk_options *options,
                         struct dbk_error *error)
{
    if (store->schema.is_older && !options->takes_older)
        return dbki_error_set(error, DBK_SCHEMA,
                              "daybook's tables are of an older version than this daybook (%s) "
                              "reads: `daybook upgrade` brings them up",
                              DBK_VERSION);
    if (store->schema.is_spoilt)
        return dbki_error_set(error, DBK_SCHEMA,
                              "a copy into this store was given up, since its source was written "
                              "to meanwhile: it is not whole, and cannot be gone on with; copy "
                              "into an empty database");
    if (store->schema.is_copying)
        return dbki_error_set(error, DBK_SCHEMA,
                              "records are being copied into this store, and not all are there: "
                              "`daybook copy` from the same source goes on with it");
    return DBK_OK;
}

/*
 * A database that is there is looked at through a connection that cannot write, and gets a writer only
 * when writing is allowed: so nothing is touched of one that is not ours.
 */
static int connect(struct dbk_store *store, const struct dbk_options *options,
                   struct dbk_error *error)
{
    struct dbki_conn *writer = NULL;
    int status = connect_reader(store, error);
    if (!status && store->workers[0].conn->is_single) {
        store->engine->close(store->workers[0].conn);
        store->worker_count = 0;
        status = connect_writer(store, true, 0, &writer, error);
        if (!status)
            add_worker(store, writer, true, true);
        return status;
    }
    if (!status)
        status = dbki_schema_inspect(store->workers[0].conn, &store->schema, error);
    if (!status && !options->is_exclusive && refuse_tables(store, options, error))
        return error->status;
    /* Not there; or its making was cut off, which whoever may write undoes and begins anew. */
    bool is_unmade = status == DBK_NOT_FOUND || status == DBK_DENIED;
    bool may_change = !store->url.is_read_only;
    /* An adoption that was cut off in a commit is undone by the writer's connection, too. */
    bool is_cut_off = status == DBK_DENIED && options->is_exclusive;
    if (status && !(may_change && (is_cut_off || (is_unmade && options->is_created))))
        return status;
    dbki_error_clear(error);
    status = DBK_OK;
    if (options->is_exclusive && may_change) {
        store->is_exclusive = true;
        for (int i = 0; i < store->worker_count; i++)
            store->engine->close(store->workers[i].conn);
        store->worker_count = 0;
        status = connect_writer(store, options->is_created, 0, &writer, error);
        if (!status)
            add_worker(store, writer, true, true);
        return status;
    }
    int reader_count = options->reader_count ? options->reader_count : READERS_DEFAULT;
    if (is_unmade || store->schema.is_empty || may_write(store))
        status = connect_writer(store, options->is_created, reader_count, &writer, error);
    /* The readers' connections come after the tables. */
    while (!status && store->worker_count < reader_count)
        status = connect_reader(store, error);
    bool has_writers = writer != NULL;
    if (writer)
        add_worker(store, writer, true, false);
    while (!status && has_writers && store->writer_count < store->engine->writer_count) {
        struct dbki_conn *other;
        struct dbki_conn_options wanted =
            dbki_worker_options(store, &store->workers[store->worker_count]);
        wanted.is_writer = true;
        status = store->engine->open(&store->url, &wanted, &other, error);
        if (!status)
            add_worker(store, other, true, false);
    }
    if (writer && !status && store->schema.is_own && store->engine->keep_reserve)
        store->engine->keep_reserve(writer);
    return status;
}

static void disconnect(struct dbk_store *store)
{
    for (int i = 0; i < store->worker_count; i++) {
        if (store->workers[i].conn)
            store->engine->close(store->workers[i].conn);
        dbki_binder_fini(&store->workers[i].binders[0]);
        dbki_binder_fini(&store->workers[i].binders[1]);
    }
    store->worker_count = store->writer_count = 0;
}

/* On a full disk even the files that readers share cannot be made: then a reserve is there for them. */
static int connect_or_make_room(struct dbk_store *store, const struct dbk_options *options,
                                struct dbk_error *error)
{
    int status = connect(store, options, error);
    if (status != DBK_FULL || store->url.is_read_only || !store->engine->release_reserve ||
        !store->engine->release_reserve(&store->url))
        return status;
    disconnect(store);
    dbki_error_clear(error);
    return connect(store, options, error);
}

static bool is_writer_read_only(const struct dbk_store *store)
{
    const struct dbki_worker *last = &store->workers[store->worker_count - 1];
    return last->is_writer && last->conn->is_read_only;
}

/*
 * Beside a running master a commit of ours can meet a checkpoint of its connections, which SQLite before 3.51.3
 * does not survive. The drop-in (?writes=master) sees to it that the master makes none.
 */
static int refuse_beside_master(struct dbk_store *store, struct dbk_error *error)
{
    struct dbki_conn *conn = store->workers[0].conn;
    struct dbki_master master;
    if (store->url.writes != DBKI_WRITES_EXISTING || store->is_forced || store->is_exclusive ||
        store->url.is_master_stopped || !dbki_schema_is_unsafe(conn))
        return DBK_OK;
    int status = dbki_schema_find_master(conn, store->clock(store->clock_user), &master, error);
    if (!status && master.is_found)
        snprintf(
            store->no_writes, sizeof store->no_writes,
            "the Buildbot master %.60s seems to run, and beside it SQLite %s (before 3.51.3) can "
            "damage the file: stop it, or say master=stopped in the URL if it has",
            master.name, conn->version);
    return status;
}

/* Finds what must keep us from writing, and what an operator should know. */
static int look_around(struct dbk_store *store, struct dbk_error *error)
{
    const struct dbki_schema *schema = &store->schema;
    if (schema->revision[0] && !schema->is_revision_known)
        snprintf(store->warning, sizeof store->warning,
                 "the database's revision %s is not one that this daybook knows: all the columns "
                 "that it reads are there, so it goes on",
                 schema->revision);
    if (schema->untransacted[0])
        snprintf(store->no_writes, sizeof store->no_writes,
                 "the table %.40s is not kept by InnoDB, and so in no transactions: nothing is "
                 "written; `ALTER TABLE %.40s ENGINE=InnoDB`, and so each other table of the "
                 "master's, changes that",
                 schema->untransacted, schema->untransacted);
    if (schema->is_own || store->url.is_read_only || store->no_writes[0])
        return DBK_OK;
    if (schema->needed_column[0])
        snprintf(store->no_writes, sizeof store->no_writes,
                 "the column %s must have a value, and this daybook (%s) does not know which: "
                 "nothing is written; use a newer one",
                 schema->needed_column, DBK_VERSION);
    return store->no_writes[0] ? DBK_OK : refuse_beside_master(store, error);
}

static int fill_info(struct dbk_store *store, struct dbk_error *error)
{
    const struct dbki_conn *conn = store->workers[0].conn;
    size_t path_size = conn->path ? strlen(conn->path) + 1 : 0;
    store->path = path_size ? dbki_malloc(path_size) : NULL;
    if (path_size && !store->path)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    if (path_size)
        memcpy(store->path, conn->path, path_size);
    if (conn->warning[0])
        snprintf(store->warning, sizeof store->warning, "%s", conn->warning);
    store->value_max = dbki_value_max(conn);
    store->text_max = conn->text_max;
    store->has_narrow_texts = conn->has_narrow_texts;
    snprintf(store->engine_version, sizeof store->engine_version, "%s", conn->version);
    store->info = (struct dbk_info){
        .engine = store->engine->name,
        .url = store->url.shown,
        .engine_version = store->engine_version,
        .is_own = store->schema.is_own,
        .is_adopted = store->schema.is_adopted,
        .is_read_only = !may_write(store) || is_writer_read_only(store),
        .has_events = store->schema.has_events,
        .buildbot_version = store->schema.revision[0] ? store->schema.revision : NULL,
        .warning = store->warning[0] ? store->warning : NULL,
        .path = store->path,
    };
    return DBK_OK;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* The threads take no signal: those of the program go to its own threads. */
static int start_threads(struct dbk_store *store, struct dbk_error *error)
{
    sigset_t all, before;
    int failed = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&store->lock);
    for (int i = 0; i < store->worker_count && !failed; i++) {
        failed =
            pthread_create(&store->workers[i].thread, NULL, dbki_worker_run, &store->workers[i]);
        if (!failed) {
            pthread_setname_np(store->workers[i].thread,
                               store->workers[i].is_writer ? "daybook-write" : "daybook-read");
            store->live_workers++;
        }
    }
    if (!failed && store->engine->listen)
        failed = dbki_listener_start_locked(store);
    if (failed)
        store->is_closing = true;
    pthread_mutex_unlock(&store->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed)
        return DBK_OK;
    for (int i = 0; i < store->live_workers; i++)
        pthread_join(store->workers[i].thread, NULL);
    store->live_workers = 0;
    return dbki_error_set(error, DBK_NO_MEMORY, "no threads for the store: %s", strerror(failed));
}

/* Everything but the threads. */
static void release(struct dbk_store *store)
{
    dbki_close_snapshots(store);
    disconnect(store);
    int fds[] = {store->poll_fd, store->timer_fd, store->event_fd, store->listener.stop_fd};
    for (int i = 0; i < 4; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    pthread_cond_destroy(&store->reads.wake);
    for (int i = 0; i < DBKI_WRITERS_MAX; i++)
        pthread_cond_destroy(&store->writes[i].wake);
    pthread_cond_destroy(&store->dispatched);
    pthread_cond_destroy(&store->listener.wake);
    pthread_mutex_destroy(&store->lock);
    dbki_url_fini(&store->url);
    dbki_free(store->path);
    dbki_free(store);
}

void dbki_store_free(struct dbk_store *store)
{
    for (int i = 0; i < store->worker_count; i++)
        pthread_join(store->workers[i].thread, NULL);
    if (store->listener.is_started)
        pthread_join(store->listener.thread, NULL);
    while (atomic_load(&store->waker_count))
        sched_yield();
    release(store);
}

static struct dbk_store *new_store(const struct dbk_options *options)
{
    struct dbk_store *store = dbki_calloc(1, sizeof *store);
    if (!store)
        return NULL;
    store->event_fd = store->timer_fd = store->poll_fd = store->listener.stop_fd = -1;
    store->queue_max = options->queue_max ? options->queue_max : QUEUE_DEFAULT;
    store->clock = options->clock ? options->clock : system_clock;
    store->clock_user = options->clock_user;
    store->is_forced = options->is_forced;
    store->is_copied_into = options->is_copied_into;
    store->fork_generation = dbki_fork_generation();
    if (getrandom(store->batch_names, sizeof store->batch_names, 0) !=
        (ssize_t)sizeof store->batch_names)
        store->batch_names[0] = (uint64_t)dbki_clock_ns() ^ (uint64_t)getpid();
    pthread_mutex_init(&store->lock, NULL);
    dbki_list_init(&store->ready);
    dbki_list_init(&store->reads.waiting);
    dbki_list_init(&store->asleep.waiting);
    dbki_list_init(&store->resting.waiting);
    dbki_list_init(&store->paused.waiting);
    dbki_list_init(&store->parked);
    dbki_list_init(&store->idle);
    init_condition(&store->reads.wake);
    for (int i = 0; i < DBKI_WRITERS_MAX; i++) {
        dbki_list_init(&store->writes[i].waiting);
        init_condition(&store->writes[i].wake);
    }
    init_condition(&store->dispatched);
    init_condition(&store->listener.wake);
    return store;
}

int dbk_open(const char *url, const struct dbk_options *options, struct dbk_store **out_store,
             struct dbk_error *out_error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const struct dbk_options defaults = DBK_OPTIONS_INIT;
    struct dbk_error error;
    struct dbk_store *store = NULL;
    pthread_once(&once, watch_forks);
    dbki_error_clear(&error);
    struct dbk_options wanted = defaults;
    if (options) {
        memcpy(&wanted, options, options->size < sizeof wanted ? options->size : sizeof wanted);
        wanted.size = options->size; /* also of one that is shorter than that */
    }
    options = &wanted;
    int status = out_store ? check_options(options, &error)
                           : dbki_error_set(&error, DBK_INVALID, "out_store must not be NULL");
    if (!status) {
        store = new_store(options);
        if (!store)
            status = dbki_error_set(&error, DBK_NO_MEMORY, "out of memory");
    }
    if (!status)
        status = dbki_url_parse(url, &store->url, &error);
    if (!status) {
        store->engine = dbki_engine_find(store->url.scheme, &error);
        status = store->engine ? open_descriptors(store, &error) : (int)error.status;
    }
    if (!status)
        status = connect_or_make_room(store, options, &error);
    if (!status)
        status = look_around(store, &error);
    if (!status)
        status = fill_info(store, &error);
    if (!status)
        status = start_threads(store, &error);
    if (!status) {
        *out_store = store;
        return DBK_OK;
    }
    if (store)
        release(store);
    dbki_error_action(&error, "opening the database");
    if (out_error)
        *out_error = error;
    return status;
}

const struct dbk_info *dbk_get_info(const struct dbk_store *store)
{
    return store ? &store->info : NULL;
}

void dbk_get_stats(struct dbk_store *store, struct dbk_stats *out_stats, size_t stats_size)
{
    struct dbk_stats stats = {0};
    if (!store || !out_stats)
        return;
    memset(out_stats, 0, stats_size);
    if (store->fork_generation != dbki_fork_generation())
        return;
    pthread_mutex_lock(&store->lock);
    stats.waiting_count =
        store->reads.count + store->asleep.count + store->resting.count + store->paused.count;
    for (int i = 0; i < store->writer_count; i++)
        stats.waiting_count += store->writes[i].count;
    stats.running_count = store->running_count;
    stats.ready_count = store->ready_count;
    stats.read_count = store->read_count;
    stats.write_count = store->write_count;
    stats.failed_count = store->failed_count;
    pthread_mutex_unlock(&store->lock);
    stats.commit_count = atomic_load(&store->commit_count);
    stats.retry_count = atomic_load(&store->retry_count);
    stats.checkpoint_count = atomic_load(&store->checkpoint_count);
    stats.lock_wait_ms = atomic_load(&store->lock_wait_ns) / 1000000;
    memcpy(out_stats, &stats, stats_size < sizeof stats ? stats_size : sizeof stats);
}
