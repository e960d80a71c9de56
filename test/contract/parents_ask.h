/*
 * What the contract tests of parents and events share: a store for each test, on a file and in
 * memory; a clock that stands still; and blocking calls. A call's answer is kept, with copies of
 * its records.
 */
#ifndef PARENTS_ASK_H
#define PARENTS_ASK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <daybook.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines.h"

/* Each test file uses some of this. */
#pragma GCC diagnostic ignored "-Wunused-function"

enum { ITEMS_MAX = 64, KEPT_BYTES_MAX = 1 << 16 };

/* The answer to the last ASK(). */
static struct {
    bool is_refused, is_done;
    struct dbk_error error; /* status DBK_OK: none */
    int64_t id;
    bool is_found;
    size_t count;
    struct dbk_page page;
    char next_cursor[512]; /* "": none */
    union {
        struct dbk_builder builders[ITEMS_MAX];
        struct dbk_worker workers[ITEMS_MAX];
        struct dbk_master masters[ITEMS_MAX];
        struct dbk_sourcestamp sourcestamps[ITEMS_MAX];
        struct dbk_buildset buildsets[ITEMS_MAX];
        struct dbk_buildrequest buildrequests[ITEMS_MAX];
        struct dbk_change changes[ITEMS_MAX];
        struct dbk_event events[ITEMS_MAX];
    };
    char kept[KEPT_BYTES_MAX];
    size_t kept_len;
} answer;

static struct dbk_call call;

/* The store of this test. path is "" for one that is in no file. */
static struct dbk_store *store;
static char folder[64], path[96];
static bool is_file;
static const struct engine *on_server; /* NULL: on none */
static int64_t now;

static int64_t clock_now(void *user)
{
    (void)user;
    return now;
}

/* ------------------------------------------------------------------------------- callbacks ---- */

static const char *keep(const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    if (answer.kept_len + size > sizeof answer.kept)
        return "(no room to keep it)";
    char *copy = memcpy(answer.kept + answer.kept_len, text, size);
    answer.kept_len += size;
    return copy;
}

static void note(const struct dbk_error *error)
{
    if (error)
        answer.error = *error;
    answer.is_done = true;
}

static void on_id(void *user, const struct dbk_error *error, int64_t id)
{
    (void)user;
    answer.id = id;
    note(error);
}

static void note_page(const struct dbk_page *page)
{
    if (!page)
        return;
    answer.page = *page;
    answer.count = page->count;
    if (page->next_cursor)
        snprintf(answer.next_cursor, sizeof answer.next_cursor, "%s", page->next_cursor);
}

/* on_<noun>s(): keeps a list; `texts` keeps the texts of `item`. */
#define ON_LIST(noun, texts)                                                                       \
    static void on_##noun##s(void *user, const struct dbk_error *error,                            \
                             const struct dbk_##noun *const *items, const struct dbk_page *page)   \
    {                                                                                              \
        (void)user;                                                                                \
        note_page(page);                                                                           \
        for (size_t i = 0; page && i < page->count && i < ITEMS_MAX; i++) {                        \
            struct dbk_##noun *item = &answer.noun##s[i];                                          \
            *item = *items[i];                                                                     \
            texts;                                                                                 \
        }                                                                                          \
        note(error);                                                                               \
    }

/* on_<noun>(): keeps one. */
#define ON_ONE(noun)                                                                               \
    static void on_##noun(void *user, const struct dbk_error *error, const struct dbk_##noun *one) \
    {                                                                                              \
        struct dbk_page page = {.count = one ? 1 : 0};                                             \
        answer.is_found = one;                                                                     \
        on_##noun##s(user, error, &one, &page);                                                    \
    }

#define KEEP(member) item->member = keep(item->member)

ON_LIST(builder, (KEEP(name), KEEP(description)))
ON_LIST(worker, (KEEP(name), KEEP(info), KEEP(pause_reason)))
ON_LIST(master, (KEEP(name)))
ON_LIST(sourcestamp,
        (KEEP(branch), KEEP(revision), KEEP(repository), KEEP(codebase), KEEP(project)))
ON_LIST(buildset, (KEEP(external_idstring), KEEP(reason), KEEP(parent_relationship)))
ON_LIST(buildrequest, (void)item)
ON_LIST(change, (KEEP(author), KEEP(committer), KEEP(comments), KEEP(branch), KEEP(revision),
                 KEEP(revlink), KEEP(category), KEEP(repository), KEEP(codebase), KEEP(project)))
ON_LIST(event, (KEEP(kind), KEEP(verb), KEEP(name)))
ON_ONE(builder)
ON_ONE(worker)
ON_ONE(master)
ON_ONE(sourcestamp)
ON_ONE(buildset)
ON_ONE(buildrequest)
ON_ONE(change)

/* ---------------------------------------------------------------------------------- asking ---- */

static void begin_ask(void)
{
    memset(&answer, 0, sizeof answer);
    answer.id = DBK_NONE;
    call = (struct dbk_call)DBK_CALL_INIT;
    call.out_refusal = &answer.error;
}

static void finish_ask(struct dbk_store *asked, int status)
{
    answer.is_refused = status != DBK_OK;
    if (answer.is_refused) {
        assert_int_equal(answer.error.status, status);
        return;
    }
    while (!answer.is_done)
        assert_true(dbk_wait(asked, 20000) > 0);
}

/* Submits (the expression has &call, NULL for user) and waits for the answer. */
#define ASK(expression)                                                                            \
    do {                                                                                           \
        begin_ask();                                                                               \
        finish_ask(store, (expression));                                                           \
    } while (0)

#define assert_ok()                                                                                \
    do {                                                                                           \
        if (answer.error.status != DBK_OK)                                                         \
            fail_msg("%s: %s", dbk_status_name(answer.error.status), answer.error.message);        \
    } while (0)

/* The operation ended with that status, and its message has the words. */
#define assert_failed(expected, words)                                                             \
    do {                                                                                           \
        assert_string_equal(dbk_status_name(answer.error.status), #expected);                      \
        assert_int_equal(answer.id, DBK_NONE);                                                     \
        if (!strstr(answer.error.message, words))                                                  \
            fail_msg("'%s' does not say '%s'", answer.error.message, words);                       \
    } while (0)

/* Submitting was refused so. */
#define assert_refused(expected, words)                                                            \
    do {                                                                                           \
        assert_true(answer.is_refused);                                                            \
        assert_failed(expected, words);                                                            \
    } while (0)

static struct dbk_spec *spec_of(const char *text)
{
    struct dbk_spec *spec;
    struct dbk_error error;
    if (dbk_spec_parse(text, &spec, &error))
        fail_msg("%s: %s", text, error.message);
    return spec;
}

/* ASK() with a spec in text form, as `spec`. */
#define ASK_SPEC(text, expression)                                                                 \
    do {                                                                                           \
        struct dbk_spec *spec = spec_of(text);                                                     \
        ASK(expression);                                                                           \
        dbk_spec_free(spec);                                                                       \
    } while (0)

/* ------------------------------------------------------------------------------ the stores ---- */

static struct dbk_store *open_store(const char *url)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *opened;
    struct dbk_error error;
    options.is_created = true;
    options.clock = clock_now;
    if (dbk_open(url, &options, &opened, &error))
        fail_msg("%s", error.message);
    return opened;
}

static int setup(void **state)
{
    (void)state;
    now = 1700000000;
    path[0] = folder[0] = '\0';
    if (is_file) {
        snprintf(folder, sizeof folder, "/tmp/daybook-parents-XXXXXX");
        if (!mkdtemp(folder))
            return -1;
        snprintf(path, sizeof path, "%s/store.sqlite", folder);
    }
    store = open_store(is_file ? path : on_server ? on_server->place() : "sqlite://");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dbk_close_wait(store);
    store = NULL;
    test_end();
    DIR *files = folder[0] ? opendir(folder) : NULL;
    for (struct dirent *file; files && (file = readdir(files));) {
        char name[400];
        snprintf(name, sizeof name, "%s/%s", folder, file->d_name);
        if (file->d_name[0] != '.')
            unlink(name);
    }
    if (files)
        closedir(files);
    return folder[0] ? rmdir(folder) : 0;
}

/* The rest is for tests that look beside the library, so they need a file. */

/* Runs SQL on the test's file. */
static void run_sql(const char *sql)
{
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

/* Opens the test's store anew, after `sql` changed its file, with what the URL may end in. */
static void reopen(const char *sql, const char *url_end)
{
    char url[200];
    dbk_close_wait(store);
    run_sql(sql);
    snprintf(url, sizeof url, "sqlite:///%s%s", path, url_end);
    store = open_store(url);
}

/* Makes the file look like a Buildbot master's. */
#define AS_BUILDBOT                                                                                \
    "DROP TABLE daybook_schema; DROP TABLE daybook_events; DROP TABLE daybook_operations;"         \
    "DROP TABLE daybook_lineage; CREATE TABLE alembic_version (version_num TEXT);"                 \
    "INSERT INTO alembic_version VALUES ('a0b1c2')"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* main(): `both` run on a store in memory, on a file and on each server, `on_file` on a file. */
#define RUN_TESTS(noun, both, on_file)                                                             \
    int main(void)                                                                                 \
    {                                                                                              \
        int failed = cmocka_run_group_tests_name(noun " in memory", both, NULL, NULL);             \
        is_file = true;                                                                            \
        failed += cmocka_run_group_tests_name(noun " on a file", both, NULL, NULL);                \
        failed += cmocka_run_group_tests_name(noun " beside others", on_file, NULL, NULL);         \
        is_file = false;                                                                           \
        for (size_t i = 0; i < ENGINE_COUNT; i++) {                                                \
            on_server = &ENGINES[i];                                                               \
            bool is_one = on_server->is_persistent && !on_server->is_file && !on_server->is_extra; \
            if (is_one && on_server->place())                                                      \
                failed += cmocka_run_group_tests_name(noun " on a server", both, NULL, NULL);      \
        }                                                                                          \
        return failed;                                                                             \
    }

/* ---------------------------------------------------------------------------------- making ---- */

/* Records that a test needs and is not about. */

static int64_t builder(const char *name)
{
    ASK(dbk_find_builder_id(store, name, true, &call, on_id, NULL));
    assert_ok();
    return answer.id;
}

/* A sourcestamp of that branch and revision. */
static int64_t sourcestamp(const char *branch, const char *revision)
{
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    key.branch = branch;
    key.revision = revision;
    key.repository = "https://git.example/hiredis.git";
    ASK(dbk_find_sourcestamp_id(store, &key, true, &call, on_id, NULL));
    assert_ok();
    return answer.id;
}

static int64_t buildset(const char *reason, const int64_t *sourcestampids, size_t count)
{
    struct dbk_new_buildset new_one = DBK_NEW_BUILDSET_INIT;
    new_one.reason = reason;
    new_one.sourcestampids = sourcestampids;
    new_one.sourcestamp_count = count;
    ASK(dbk_add_buildset(store, &new_one, &call, on_id, NULL));
    assert_ok();
    return answer.id;
}

static int64_t buildrequest(int64_t buildsetid, int64_t builderid, int64_t priority)
{
    ASK(dbk_add_buildrequest(store, buildsetid, builderid, priority, false, &call, on_id, NULL));
    assert_ok();
    return answer.id;
}

static void on_build(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    (void)number;
    on_id(user, error, id);
}

/* A build with all that it hangs on. */
static int64_t build(void)
{
    int64_t builderid = builder("linux");
    int64_t requestid = buildrequest(buildset("why", NULL, 0), builderid, 0);
    ASK(dbk_find_master_id(store, "ci", true, &call, on_id, NULL));
    int64_t masterid = answer.id;
    ASK(dbk_add_build(store, builderid, requestid, DBK_NONE, masterid, "", &call, on_build, NULL));
    assert_ok();
    return answer.id;
}

/* How many events there are after a position; answer.events has the first ones. */
static size_t events_after(int64_t position)
{
    ASK(dbk_get_events(store, position, NULL, &call, on_events, NULL));
    assert_ok();
    return answer.count;
}

/* The position of the last event. */
static int64_t last_position(void)
{
    size_t count = events_after(0);
    assert_true(count <= ITEMS_MAX);
    return count ? answer.events[count - 1].id : 0;
}

/* A text of `count` times `piece`, in a buffer of its own until the next call. */
static const char *text_of(size_t count, const char *piece)
{
    static char text[4096];
    size_t len = strlen(piece);
    assert_true(count * len < sizeof text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * len, piece, len);
    text[count * len] = '\0';
    return text;
}

#endif
