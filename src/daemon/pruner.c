/* Pruning by a file of rules: see pruner.h. */
#include "pruner.h"

#include "../share/retention_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_S 60 /* after the start, or sooner */
#define TOLD_SIZE 512

struct pruner {
    struct server *server;
    struct dbk_retention *retention;
    int64_t due_at_s; /* by a clock that only goes forward */
    bool is_running, is_stopping;
    struct dbk_op op;
    char told[TOLD_SIZE];   /* what went, in words */
    char failed[TOLD_SIZE]; /* what was said of the last failure: once is enough */
};

static int64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

int pruner_new(struct server *server, struct pruner **out_pruner, char *out_message, size_t size)
{
    const struct serve_options *options = server->options;
    char message[RETENTION_MESSAGE_SIZE];
    *out_pruner = NULL;
    if (!options->retention)
        return DBK_OK;
    struct pruner *pruner = calloc(1, sizeof(*pruner));
    if (!pruner)
        return DBK_NO_MEMORY;
    pruner->server = server;
    pruner->retention = retention_file_read(options->retention, message);
    if (!pruner->retention) {
        snprintf(out_message, size, "%s", message);
        free(pruner);
        return DBK_INVALID;
    }
    pruner->due_at_s =
        now_s() + (options->prune_every_s < FIRST_S ? options->prune_every_s : FIRST_S);
    *out_pruner = pruner;
    return DBK_OK;
}

void pruner_free(struct pruner *pruner)
{
    if (pruner)
        dbk_retention_free(pruner->retention);
    free(pruner);
}

static void take_report(void *user, const struct dbk_report *report)
{
    struct pruner *pruner = user;
    size_t len = strlen(pruner->told);
    if (report->kind == DBK_REPORT_SUM)
        snprintf(pruner->told + len, sizeof(pruner->told) - len, "%s%" PRId64 " %s",
                 len ? ", " : "", report->rows, report->subject);
}

static void note_failure(struct pruner *pruner, const char *message)
{
    if (pruner->is_stopping || !strcmp(pruner->failed, message))
        return;
    snprintf(pruner->failed, sizeof(pruner->failed), "%s", message);
    fprintf(stderr, "daybook: old records were not deleted: %s\n", message);
}

static void take_end(void *user, const struct dbk_error *error)
{
    struct pruner *pruner = user;
    pruner->is_running = false;
    pruner->due_at_s = now_s() + pruner->server->options->prune_every_s;
    if (error) {
        note_failure(pruner, error->message);
        return;
    }
    pruner->failed[0] = '\0';
    if (pruner->told[0])
        fprintf(stderr, "daybook: deleted by the rules: %s\n", pruner->told);
}

void pruner_tend(struct pruner *pruner)
{
    struct dbk_call call = DBK_CALL_INIT;
    struct dbk_error error;
    if (!pruner || pruner->is_running || pruner->is_stopping || now_s() < pruner->due_at_s)
        return;
    pruner->told[0] = '\0';
    call.out_op = &pruner->op;
    call.out_refusal = &error;
    pruner->is_running = !dbk_prune(pruner->server->store, pruner->retention, NULL, &call,
                                    take_report, take_end, pruner);
    if (!pruner->is_running) {
        pruner->due_at_s = now_s() + pruner->server->options->prune_every_s;
        note_failure(pruner, error.message);
    }
}

/* What is under way has a copy of its rules, and ends by them. */
void pruner_reload(struct pruner *pruner)
{
    char message[RETENTION_MESSAGE_SIZE];
    struct dbk_retention *retention =
        pruner ? retention_file_read(pruner->server->options->retention, message) : NULL;
    if (retention) {
        dbk_retention_free(pruner->retention);
        pruner->retention = retention;
    } else if (pruner) {
        fprintf(stderr, "daybook: %s; the rules from before stay\n", message);
    }
}

void pruner_stop(struct pruner *pruner)
{
    if (!pruner)
        return;
    pruner->is_stopping = true;
    if (pruner->is_running)
        dbk_cancel(pruner->server->store, pruner->op);
}

bool pruner_is_busy(const struct pruner *pruner)
{
    return pruner && pruner->is_running;
}
