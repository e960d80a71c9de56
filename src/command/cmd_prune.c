/*
 * `daybook prune`: deletes the build data of old builds, and gives their space back. By rules, and builds too, it is
 * prune_rules.c.
 */
#include "clock.h"
#include "../share/json_writer.h"
#include "message.h"
#include "options.h"
#include "prune_rules.h"
#include "store_open.h"
#include "text.h"
#include "waiting.h"

#include <inttypes.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between two looks at how far it has come, for who watches. */
#define LOOK_MS 1000

struct prune {
    struct waiting waiting;
    const struct arguments *arguments;
    struct dbk_store *store;
    int64_t older_than;
    int64_t count, size; /* to be deleted */
    int64_t deleted;     /* values */
    int64_t shrunk;      /* bytes by which the file is smaller */
    bool is_watched;     /* stderr is a terminal */
    bool is_line_begun;  /* with progress on it */
    int64_t left_count;  /* by the last look */
    bool is_looking;     /* a look is on its way */
};

/* ----------------------------------------------------------------------------- progress ---- */

static void show_progress(struct prune *prune)
{
    char size[TEXT_SHORT_SIZE];
    int64_t gone = prune->count - prune->left_count;
    if (!prune->is_watched || !prune->count || gone < 0)
        return;
    fprintf(stderr, "\r\033[Kdeleting: %" PRId64 " of %" PRId64 " values (%s in all)", gone,
            prune->count, text_size(prune->size, size));
    fflush(stderr);
    prune->is_line_begun = true;
}

static void end_progress(struct prune *prune)
{
    if (prune->is_line_begun)
        fputs("\r\033[K", stderr);
    prune->is_line_begun = false;
}

static void take_look(void *user, const struct dbk_error *error, int64_t count, int64_t size)
{
    struct prune *prune = user;
    (void)size;
    prune->is_looking = false;
    if (!error) {
        prune->left_count = count;
        show_progress(prune);
    }
}

/* Asks how much is left, unless the last look has not ended yet. */
static void look(struct prune *prune)
{
    if (prune->is_watched && !prune->is_looking)
        prune->is_looking = dbk_count_old_build_data(prune->store, prune->older_than, NULL,
                                                     take_look, prune) == DBK_OK;
}

/* Waits for what was submitted. Result: 0, or an exit code after a message. */
static int wait_with_progress(struct prune *prune)
{
    while (prune->waiting.pending_count)
        if (!dbk_wait(prune->store, LOOK_MS))
            look(prune);
    while (prune->is_looking)
        dbk_wait(prune->store, -1);
    end_progress(prune);
    return waiting_finish(&prune->waiting);
}

/* ------------------------------------------------------------------------------ pruning ---- */

static void take_size(void *user, const struct dbk_error *error, int64_t count, int64_t size)
{
    struct prune *prune = user;
    prune->count = prune->left_count = count;
    prune->size = size;
    waiting_note(&prune->waiting, error);
}

static int count_old(struct prune *prune)
{
    waiting_add(&prune->waiting, dbk_count_old_build_data(prune->store, prune->older_than,
                                                          &prune->waiting.call, take_size, prune));
    return waiting_finish(&prune->waiting);
}

static void take_deleted(void *user, const struct dbk_error *error, int64_t count)
{
    struct prune *prune = user;
    prune->deleted = count;
    waiting_note(&prune->waiting, error);
}

static int delete_old(struct prune *prune)
{
    show_progress(prune);
    waiting_add(&prune->waiting,
                dbk_delete_old_build_data(prune->store, prune->older_than, &prune->waiting.call,
                                          take_deleted, prune));
    int exit_code = wait_with_progress(prune);
    if (exit_code && prune->deleted)
        message_print("%" PRId64 " values were deleted before that", prune->deleted);
    return exit_code;
}

static void take_given(void *user, const struct dbk_error *error, int64_t size)
{
    (void)size;
    waiting_note(&((struct prune *)user)->waiting, error);
}

static int give_back(struct prune *prune)
{
    waiting_add(&prune->waiting,
                dbk_give_space_back(prune->store, &prune->waiting.call, take_given, prune));
    return wait_with_progress(prune);
}

/* -------------------------------------------------------------------------------- report ---- */

static void print_json(const struct prune *prune, bool is_dry)
{
    struct json_writer json;
    json_init(&json, stdout);
    json_begin_object(&json);
    json_member_bool(&json, "dry_run", is_dry);
    json_member_number(&json, "older_than", prune->older_than);
    json_member_number(&json, "value_count", is_dry ? prune->count : prune->deleted);
    json_member_number(&json, "value_size", prune->size);
    json_member_number(&json, "shrunk", is_dry ? DBK_NONE : prune->shrunk);
    json_end_object(&json);
    json_finish(&json);
}

static void print_report(const struct prune *prune, bool is_dry)
{
    char size[TEXT_SHORT_SIZE], time[TEXT_SHORT_SIZE], shrunk[TEXT_SHORT_SIZE];
    if (prune->arguments->is_json) {
        print_json(prune, is_dry);
        return;
    }
    printf("%s %" PRId64 " value%s (%s) of builds that were complete before %s",
           is_dry ? "would delete" : "deleted", is_dry ? prune->count : prune->deleted,
           (is_dry ? prune->count : prune->deleted) == 1 ? "" : "s", text_size(prune->size, size),
           text_time(prune->older_than, time));
    if (!is_dry && prune->shrunk > 0)
        printf("; the file is %s smaller", text_size(prune->shrunk, shrunk));
    putchar('\n');
}

/* Asked of the file system alone: the file itself must not be opened beside the store. */
static int64_t file_size(const char *path)
{
    struct stat about;
    return path && !stat(path, &about) ? (int64_t)about.st_size : 0;
}

static int prune_store(struct prune *prune)
{
    bool is_dry = arguments_has(prune->arguments, "dry-run");
    const char *path = dbk_get_info(prune->store)->path;
    char *kept_path = path ? memory_need(strdup(path)) : NULL;
    int64_t before = file_size(kept_path);
    waiting_init(&prune->waiting, &(struct archive){.store = prune->store});
    prune->waiting.call.timeout_ms = 0; /* however long it takes, it takes it in short turns */
    int exit_code = count_old(prune);
    if (!exit_code && !is_dry)
        exit_code = delete_old(prune);
    if (!exit_code && !is_dry)
        exit_code = give_back(prune);
    /* The file shrinks when its log was moved into it, at the latest now. */
    dbk_close_wait(prune->store);
    prune->shrunk = before - file_size(kept_path);
    free(kept_path);
    if (!exit_code)
        print_report(prune, is_dry);
    return exit_code;
}

/* A bare number is refused: of what unit it is one should not have to guess when records are deleted. */
static int read_age(const struct arguments *arguments, int64_t *out_seconds)
{
    static const int64_t max_seconds = 100LL * 366 * 24 * 3600;
    const char *value = arguments_value(arguments, "older-than");
    if (!value || !*value || isdigit((unsigned char)value[strlen(value) - 1]))
        return usage_error(arguments,
                           "--older-than is needed, a number with a unit (90m, 12h, 30d, 8w), "
                           "or rules: --builds, --outputs, --data, --rules");
    return arguments_duration(arguments, "older-than", 0, 60, max_seconds, out_seconds);
}

static int cmd_prune(const struct arguments *arguments)
{
    struct prune prune = {.arguments = arguments, .is_watched = isatty(STDERR_FILENO)};
    int64_t age;
    if (prune_rules_are_given(arguments))
        return prune_by_rules(arguments);
    if (read_age(arguments, &age))
        return EXIT_USAGE;
    prune.older_than = clock_now() - age;
    int exit_code = store_open_here(arguments, STORE_EXISTING, NULL, &prune.store);
    return exit_code ? exit_code : prune_store(&prune);
}

static const struct command_option options[] = {
    PRUNE_RULES_OPTIONS,
    {"older-than", 0, OPTION_VALUE, "AGE",
     "in place of rules: all data of builds complete that long"},
    {"dry-run", 0, OPTION_FLAG, NULL, "only say how many rows and bytes that would be"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"RULE... [--dry-run]", "--rules FILE [--dry-run]",
                                    "--older-than AGE [--dry-run]", NULL};

const struct subcommand subcommand_prune = {
    .name = "prune",
    .summary = "delete old records by rules, and give their space back",
    .usage = usage,
    .about =
        "A rule is `PATTERN older AGE keep N failures AGE`, of which older or keep is needed: of\n"
        "builders with such names, what ended longer ago than AGE (90m, 12h, 30d, 8w, 2y; "
        "failures\n"
        "than the last) goes, but never of the builder's newest N builds. Of each kind the first\n"
        "rule that fits a builder counts.\n"
        "\n"
        "Kept always, with all that is in them: builds that have not ended, those with a property\n"
        "`keep`, the newest successful one of each builder and branch. A builder's newest build "
        "is\n"
        "emptied, but stays. A build goes with all that hangs on it, a day after its request was\n"
        "complete at the earliest.\n"
        "\n"
        "--older-than deletes all that `daybook data` lists of old builds, as Buildbot's janitor.\n"
        "\n"
        "It works in short turns beside other writers, also on a disk that is full; interrupted,\n"
        "it goes on with what is left when it is run again. A Buildbot database is only pruned\n"
        "with ?writes=existing, by rules when it is adopted.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON,
    .run = cmd_prune,
};
