/* Which statements the two sides run; see statements.h. Uses SQLite's trace, on any thread. */
#include "statements.h"

#include "bench.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct statements *recorded;

static bool has(const struct statements *statements, const char *text)
{
    for (int i = 0; i < statements->count; i++)
        if (!strcmp(statements->texts[i], text))
            return true;
    return false;
}

/* Transactions, settings, and the store's housekeeping, which is no operation's and counts against it. */
static bool is_left_out(const char *text)
{
    static const char *const beginnings[] = {"BEGIN", "COMMIT", "ROLLBACK", "PRAGMA"};
    static const char *const parts[] = {"FROM daybook_events", "daybook_operations",
                                        "daybook_marks"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        if (!strncmp(text, beginnings[i], strlen(beginnings[i])))
            return true;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(text, parts[i]))
            return true;
    return false;
}

static int on_statement(unsigned type, void *user, void *statement, void *unused)
{
    (void)type;
    (void)user;
    (void)unused;
    const char *text = sqlite3_sql(statement);
    pthread_mutex_lock(&lock);
    if (recorded && text && !is_left_out(text) && !has(recorded, text)) {
        char *copy = recorded->count < STATEMENTS_MAX ? strdup(text) : NULL;
        if (!copy)
            bench_fail("too many statements");
        recorded->texts[recorded->count++] = copy;
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

static int on_open(sqlite3 *db, char **error, const void *routines)
{
    (void)error;
    (void)routines;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
}

void statements_watch(void)
{
    if (sqlite3_auto_extension((void (*)(void))on_open))
        bench_fail("SQLite does not let its connections be watched");
}

void statements_unwatch(void)
{
    sqlite3_cancel_auto_extension((void (*)(void))on_open);
}

void statements_record(struct statements *statements)
{
    pthread_mutex_lock(&lock);
    recorded = statements;
    pthread_mutex_unlock(&lock);
}

static int count_missing(const struct statements *from, const struct statements *in,
                         const char *side)
{
    int missing = 0;
    for (int i = 0; i < from->count; i++)
        if (!has(in, from->texts[i])) {
            fprintf(stderr, "bench: only %s runs: %s\n", side, from->texts[i]);
            missing++;
        }
    return missing;
}

void statements_compare(const struct statements *bare, const struct statements *ours)
{
    if (count_missing(bare, ours, "the bare program") + count_missing(ours, bare, "daybook"))
        bench_fail("the statements differ: bring bare.c up to src/connector");
}

void statements_fini(struct statements *statements)
{
    for (int i = 0; i < statements->count; i++)
        free(statements->texts[i]);
    *statements = (struct statements){.count = 0};
}
