/* Pruning by rules: see prune_rules.h. */
#include "prune_rules.h"

#include "../share/json_writer.h"
#include "../share/retention_file.h"
#include "long_work.h"
#include "message.h"
#include "options.h"
#include "store_open.h"
#include "sums.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const KINDS[] = {"builds", "outputs", "data", "events", "keys"};
#define KIND_COUNT (sizeof(KINDS) / sizeof(KINDS[0]))

struct prune {
    struct waiting waiting; /* first: its address is what waiting_done() takes */
    struct sums sums;
    int64_t row_count; /* that went until now */
};

bool prune_rules_are_given(const struct arguments *arguments)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (arguments_has(arguments, KINDS[i]))
            return true;
    return arguments_has(arguments, "rules");
}

static int read_rules(const struct arguments *arguments, struct dbk_retention *retention)
{
    struct dbk_error error;
    for (size_t i = 0; i < KIND_COUNT; i++)
        for (const struct given_option *g = NULL; (g = arguments_next(arguments, KINDS[i], g));)
            if (dbk_retention_add(retention, KINDS[i], g->value, &error))
                return usage_error(arguments, "--%s: %s", KINDS[i], error.message);
    return 0;
}

static int read_file(const struct arguments *arguments, const char *path,
                     struct dbk_retention *retention)
{
    char message[RETENTION_MESSAGE_SIZE];
    struct dbk_error error;
    struct dbk_retention *of_file = retention_file_read(path, message);
    int exit_code = 0;
    if (!of_file) {
        message_print("%s", message);
        return EXIT_USAGE;
    }
    if (dbk_retention_is_empty(of_file))
        exit_code = usage_error(arguments, "%s: there is no rule in it", path);
    else if (dbk_retention_add_all(retention, of_file, &error))
        exit_code = usage_error(arguments, "%s: %s", path, error.message);
    dbk_retention_free(of_file);
    return exit_code;
}

/* What the command line says comes first, and so counts before what the file says. */
static struct dbk_retention *read_retention(const struct arguments *arguments, int *out_exit_code)
{
    const char *path = arguments_value(arguments, "rules");
    struct dbk_retention *retention = memory_need(dbk_retention_new());
    *out_exit_code = read_rules(arguments, retention);
    if (!*out_exit_code && path)
        *out_exit_code = read_file(arguments, path, retention);
    return retention;
}

static void take_report(void *user, const struct dbk_report *report)
{
    struct prune *prune = user;
    if (report->kind == DBK_REPORT_PROGRESS) {
        prune->row_count = report->done;
        progress_show(report);
    } else if (report->kind == DBK_REPORT_SUM) {
        sums_take(&prune->sums, report);
    }
}

/* ------------------------------------------------------------------------------------ report ---- */

static void print_json(const struct prune *prune, bool is_dry)
{
    struct json_writer json;
    json_init(&json, stdout);
    json_begin_object(&json);
    json_member_bool(&json, "dry_run", is_dry);
    sums_print_json(&prune->sums, &json);
    json_end_object(&json);
    json_finish(&json);
}

static void print_sums(const struct prune *prune, bool is_dry)
{
    if (!prune->sums.count)
        puts(is_dry ? "nothing would go" : "nothing went");
    sums_print(&prune->sums, is_dry ? "would delete" : "deleted");
}

static int prune_store(const struct arguments *arguments, const struct dbk_retention *retention,
                       const struct dbk_prune_options *options)
{
    struct prune prune = {.row_count = 0};
    struct dbk_store *store;
    int exit_code = store_open_here(arguments, STORE_EXISTING, NULL, &store);
    if (exit_code)
        return exit_code;
    long_work_init(&prune.waiting, store);
    waiting_add(&prune.waiting, dbk_prune(store, retention, options, &prune.waiting.call,
                                          take_report, waiting_done, &prune));
    exit_code = long_work_finish(&prune.waiting);
    dbk_close_wait(store);
    if (exit_code && prune.row_count && !options->is_dry_run)
        message_print("%" PRId64 " rows were deleted before that", prune.row_count);
    if (!exit_code && arguments->is_json)
        print_json(&prune, options->is_dry_run);
    else if (!exit_code)
        print_sums(&prune, options->is_dry_run);
    return exit_code;
}

int prune_by_rules(const struct arguments *arguments)
{
    struct dbk_prune_options options = DBK_PRUNE_OPTIONS_INIT;
    int exit_code;
    if (arguments_has(arguments, "older-than"))
        return usage_error(arguments, "--older-than is a rule by itself: it goes with no others");
    if (arguments_number(arguments, "batch", 0, 1, 10000, &options.batch_ms))
        return EXIT_USAGE;
    options.is_dry_run = arguments_has(arguments, "dry-run");
    struct dbk_retention *retention = read_retention(arguments, &exit_code);
    if (!exit_code)
        exit_code = prune_store(arguments, retention, &options);
    dbk_retention_free(retention);
    return exit_code;
}
