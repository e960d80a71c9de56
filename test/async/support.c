/* See support.h. */
#include "support.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

/* ---------------------------------------------------------------------- the test's own SQL ---- */

sqlite3 *raw_open(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    /* Checkpoints are the library's alone. */
    sqlite3_wal_autocheckpoint(db, 0);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_busy_timeout(db, 60000);
    return db;
}

void raw_exec(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

int64_t raw_int(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

void file_exec(const char *path, const char *sql)
{
    sqlite3 *db = raw_open(path);
    raw_exec(db, sql);
    sqlite3_close(db);
}

int64_t file_int(const char *path, const char *sql)
{
    sqlite3 *db = raw_open(path);
    int64_t number = raw_int(db, sql);
    sqlite3_close(db);
    return number;
}

/* --------------------------------------------------------------------------------- fixture ---- */

static const char SEED[] =
    "BEGIN;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8)"
    " INSERT INTO builders (name, name_hash) SELECT 'builder' || i, 'hash' || i FROM n;"
    "INSERT INTO masters (name, name_hash, active, last_active) VALUES ('master', 'hash', 1, 1);"
    "INSERT INTO workers (name, info) VALUES ('worker', '{}');"
    "INSERT INTO sourcestamps (ss_hash, branch, repository, codebase, project, created_at)"
    " VALUES ('hash', 'main', 'repository', '', '', 1);"
    "INSERT INTO buildsets (reason, submitted_at) VALUES ('test', 1);"
    "INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid) VALUES (1, 1);"
    "INSERT INTO buildrequests (buildsetid, builderid, submitted_at)"
    " SELECT 1, id, 1 FROM builders;"
    "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at,"
    " locks_duration_s, state_string) SELECT 1, id, id, 1, 1, 1, 0, 'seeded' FROM builders;"
    "COMMIT";

void fixture_open(struct fixture *fixture, const struct dbk_options *options)
{
    struct dbk_options created = DBK_OPTIONS_INIT;
    struct dbk_error error;
    if (options)
        created = *options;
    created.is_created = true;
    fixture->store = NULL;
    fixture->path = test_format("%s/test.sqlite", test_folder());
    if (dbk_open(fixture->path, &created, &fixture->store, &error))
        fail_msg("%s", error.message);
    file_exec(fixture->path, SEED);
}

void fixture_close(struct fixture *fixture)
{
    write_gate_open(); /* a test that failed may have left them closed */
    inner_gate_open();
    if (fixture->store)
        assert_int_equal(dbk_close_wait(fixture->store), DBK_OK);
    fixture->store = NULL;
    assert_int_equal(file_int(fixture->path, "SELECT count(*) = 1 AND max(integrity_check) = 'ok'"
                                             " FROM pragma_integrity_check"),
                     1);
}

/* ----------------------------------------------------------------------------------- gates ---- */

static sqlite3 *write_gate;

void write_gate_close(const struct fixture *fixture)
{
    write_gate = raw_open(fixture->path);
    raw_exec(write_gate, "BEGIN IMMEDIATE");
}

void write_gate_open(void)
{
    sqlite3_close(write_gate); /* rolls back */
    write_gate = NULL;
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_closed;
    int standing;
} inner_gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void stand(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    pthread_mutex_lock(&inner_gate.lock);
    inner_gate.standing++;
    pthread_cond_broadcast(&inner_gate.changed);
    while (inner_gate.is_closed)
        pthread_cond_wait(&inner_gate.changed, &inner_gate.lock);
    inner_gate.standing--;
    pthread_mutex_unlock(&inner_gate.lock);
    sqlite3_result_value(context, values[0]);
}

static int add_function(sqlite3 *db, char **message, const void *api)
{
    (void)message;
    (void)api;
    return sqlite3_create_function(db, "test_gate", 1, SQLITE_UTF8 | SQLITE_INNOCUOUS, NULL, stand,
                                   NULL, NULL);
}

void inner_gate_install(void)
{
    sqlite3_auto_extension((void (*)(void))(uintptr_t)add_function);
}

void inner_gate_close(void)
{
    pthread_mutex_lock(&inner_gate.lock);
    inner_gate.is_closed = true;
    pthread_mutex_unlock(&inner_gate.lock);
}

void inner_gate_await(void)
{
    pthread_mutex_lock(&inner_gate.lock);
    while (!inner_gate.standing)
        pthread_cond_wait(&inner_gate.changed, &inner_gate.lock);
    pthread_mutex_unlock(&inner_gate.lock);
}

void inner_gate_open(void)
{
    pthread_mutex_lock(&inner_gate.lock);
    inner_gate.is_closed = false;
    pthread_cond_broadcast(&inner_gate.changed);
    pthread_mutex_unlock(&inner_gate.lock);
}

void gate_builds(const struct fixture *fixture)
{
    file_exec(fixture->path,
              "PRAGMA legacy_alter_table = ON; ALTER TABLE builds RENAME TO real_builds;"
              "CREATE VIEW builds AS SELECT test_gate(id) AS id, number, builderid,"
              " buildrequestid, workerid, masterid, started_at, complete_at,"
              " locks_duration_s, state_string, results FROM real_builds");
}

/* --------------------------------------------------------------------------------- answers ---- */

int answers_turn;
static _Thread_local bool is_dispatching;

struct answer *on_any(void *user, const struct dbk_error *error)
{
    struct answer *answer = user;
    answer->count++;
    answer->turn = ++answers_turn;
    answer->is_outside = answer->is_outside || !is_dispatching;
    answer->is_error = error;
    if (error)
        answer->error = *error;
    return answer;
}

void on_done(void *user, const struct dbk_error *error)
{
    on_any(user, error);
}

void on_id(void *user, const struct dbk_error *error, int64_t id)
{
    on_any(user, error)->id = id;
}

void on_count(void *user, const struct dbk_error *error, int64_t count)
{
    on_any(user, error)->size = count;
}

void on_size(void *user, const struct dbk_error *error, int64_t count, int64_t size)
{
    struct answer *answer = on_any(user, error);
    answer->id = count;
    answer->size = size;
}

void on_added_build(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    struct answer *answer = on_any(user, error);
    answer->id = buildid;
    answer->number = number;
}

void on_added_step(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                   const char *name)
{
    struct answer *answer = on_any(user, error);
    answer->id = stepid;
    answer->number = number;
    snprintf(answer->text, sizeof answer->text, "%s", name ? name : "");
}

void on_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct answer *answer = on_any(user, error);
    answer->id = build ? build->id : DBK_NONE;
    answer->number = build ? build->number : DBK_NONE;
    snprintf(answer->text, sizeof answer->text, "%s", build ? build->state_string : "");
}

void on_builds(void *user, const struct dbk_error *error, const struct dbk_build *const *builds,
               const struct dbk_page *page)
{
    struct answer *answer = on_any(user, error);
    (void)builds;
    answer->size = page ? (int64_t)page->count : DBK_NONE;
    answer->number = page ? page->total : DBK_NONE;
}

void on_properties(void *user, const struct dbk_error *error,
                   const struct dbk_property *const *properties, const struct dbk_page *page)
{
    struct answer *answer = on_any(user, error);
    answer->size = page ? (int64_t)page->count : DBK_NONE;
    snprintf(answer->text, sizeof answer->text, "%s",
             page && page->count ? properties[0]->value : "");
}

void on_data(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    struct answer *answer = on_any(user, error);
    size_t len = data && data->value ? data->value_len : 0;
    answer->size = data ? data->length : DBK_NONE;
    if (len >= sizeof answer->text)
        len = sizeof answer->text - 1;
    if (len)
        memcpy(answer->text, data->value, len);
    answer->text[len] = '\0';
}

/* ------------------------------------------------------------------------------ dispatching ---- */

int dispatch(struct dbk_store *store)
{
    bool was_dispatching = is_dispatching;
    is_dispatching = true;
    int count = dbk_dispatch(store);
    is_dispatching = was_dispatching;
    return count;
}

int dispatch_wait(struct dbk_store *store, int timeout_ms)
{
    bool was_dispatching = is_dispatching;
    is_dispatching = true;
    int count = dbk_wait(store, timeout_ms);
    is_dispatching = was_dispatching;
    return count;
}

void await(struct dbk_store *store, const struct answer *answers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        while (!answers[i].count)
            if (!dispatch_wait(store, NO_LIMIT_MS))
                fail_msg("nothing is outstanding, and answer %zu of %zu did not come", i, count);
}

bool await_readable(struct dbk_store *store, int timeout_ms)
{
    struct pollfd fd = {.fd = dbk_fd(store), .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1 && fd.revents & POLLIN;
}

void add_build(struct dbk_store *store, int64_t builderid, struct answer *answer)
{
    assert_int_equal(
        dbk_add_build(store, builderid, 1, 1, 1, "starting", NULL, on_added_build, answer), DBK_OK);
}

void set_state(struct dbk_store *store, int64_t buildid, const char *state, struct answer *answer)
{
    assert_int_equal(dbk_set_build_state_string(store, buildid, state, NULL, on_done, answer),
                     DBK_OK);
}

void get_state(struct dbk_store *store, int64_t buildid, struct answer *answer)
{
    assert_int_equal(dbk_get_build(store, buildid, NULL, on_build, answer), DBK_OK);
}

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_librarys(const char *tid)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", tid);
    FILE *file = fopen(path, "r");
    if (file && fgets(name, sizeof name, file))
        name[strcspn(name, "\n")] = '\0';
    if (file)
        fclose(file);
    return !strncmp(name, "daybook-", 8);
}

int for_each_thread(void (*visit)(const char *tid, void *user), void *user)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && is_librarys(entry->d_name)) {
            if (visit)
                visit(entry->d_name, user);
            count++;
        }
    closedir(folder);
    return count;
}
