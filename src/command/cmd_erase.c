/*
 * `daybook erase`: deletes what should never have been recorded, and takes it out of the database's files.
 */
#include "long_work.h"
#include "message.h"
#include "name.h"
#include "options.h"
#include "store_open.h"
#include "sums.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PLACES_MAX 16

struct erasure {
    struct waiting waiting; /* first: its address is what waiting_done() takes */
    enum dbk_erased what;
    const char *name; /* of the property or the data; NULL: all */
    struct sums sums;
    char places[PLACES_MAX][256]; /* that may still hold it */
    size_t place_count;
};

static void take_report(void *user, const struct dbk_report *report)
{
    struct erasure *erasure = user;
    if (report->kind == DBK_REPORT_PROGRESS)
        progress_show(report);
    else if (report->kind == DBK_REPORT_SUM)
        sums_take(&erasure->sums, report);
    else if (report->kind == DBK_REPORT_FINDING && erasure->place_count < PLACES_MAX)
        snprintf(erasure->places[erasure->place_count++], sizeof(erasure->places[0]), "%s",
                 report->text);
}

/* ------------------------------------------------------------------------------------ report ---- */

static void print_json(const struct erasure *erasure, const struct named_build *build)
{
    struct json_writer json;
    json_init(&json, stdout);
    json_begin_object(&json);
    json_member_number(&json, "buildid", build->build->id);
    sums_print_json(&erasure->sums, &json);
    json_name(&json, "left");
    json_begin_array(&json);
    for (size_t i = 0; i < erasure->place_count; i++)
        json_text(&json, erasure->places[i]);
    json_end_array(&json);
    json_end_object(&json);
    json_finish(&json);
}

/* What is erased, in words. */
static void print_what(FILE *file, const struct erasure *erasure, const struct named_build *build)
{
    if (erasure->what == DBK_ERASE_CONTENTS) {
        fprintf(file, "what was in %s", named_build_text(build));
        return;
    }
    fprintf(file, "%s \"", erasure->what == DBK_ERASE_PROPERTY ? "property" : "data");
    text_print(file, erasure->name);
    fprintf(file, "\" of %s", named_build_text(build));
}

static void print_report(const struct erasure *erasure, const struct named_build *build)
{
    sums_print(&erasure->sums, "deleted");
    if (!erasure->sums.count && erasure->name)
        puts("there was nothing left to delete; an earlier erasure is finished");
    fputs("erased: ", stdout);
    print_what(stdout, erasure, build);
    puts("");
    puts("What may still hold it:");
    for (size_t i = 0; i < erasure->place_count; i++)
        printf("- %s\n", erasure->places[i]);
}

/* ----------------------------------------------------------------------------------- erasing ---- */

static int erase(struct erasure *erasure, const struct arguments *arguments,
                 const struct archive *archive, const struct named_build *build)
{
    waiting_init(&erasure->waiting, archive);
    erasure->waiting.call.timeout_ms = archive->remote ? WAITING_DEADLINE_MS : 0;
    waiting_add(&erasure->waiting,
                archive_erase(archive, build->build->id, erasure->what, erasure->name,
                              arguments_has(arguments, "vacuum"), &erasure->waiting.call,
                              take_report, waiting_done, erasure));
    int exit_code = long_work_finish(&erasure->waiting);
    if (!exit_code && arguments->is_json)
        print_json(erasure, build);
    else if (!exit_code)
        print_report(erasure, build);
    return exit_code;
}

/* Which of the three it is. Result: 0, or EXIT_USAGE after a message. */
static int read_what(const struct arguments *arguments, struct erasure *out_erasure)
{
    const char *property = arguments_value(arguments, "property");
    const char *data = arguments_value(arguments, "data");
    bool is_all = arguments_has(arguments, "contents");
    if ((property != NULL) + (data != NULL) + is_all != 1)
        return usage_error(arguments, "one of --property, --data and --contents is needed: what "
                                      "is to be erased");
    out_erasure->what = property ? DBK_ERASE_PROPERTY : data ? DBK_ERASE_DATA : DBK_ERASE_CONTENTS;
    out_erasure->name = property ? property : data;
    return 0;
}

/* Whether somebody at a terminal says yes. Nothing but a "y" or "yes" is one. */
static bool ask(const struct erasure *erasure, const struct named_build *build)
{
    char answer[8] = "";
    fputs("erase ", stderr);
    print_what(stderr, erasure, build);
    fputs("? [y/N] ", stderr);
    fflush(stderr);
    if (!fgets(answer, sizeof(answer), stdin))
        fputc('\n', stderr);
    answer[strcspn(answer, "\n")] = '\0';
    return !strcasecmp(answer, "y") || !strcasecmp(answer, "yes");
}

/* What is erased does not come back: so the build is named itself, or somebody has seen which one it is. Result: 0, or
 * an exit code after a message. */
static int confirm(const struct erasure *erasure, const struct arguments *arguments,
                   const struct named_build *build)
{
    if (!build->is_last)
        return 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        const char *option = erasure->what == DBK_ERASE_CONTENTS   ? "--contents"
                             : erasure->what == DBK_ERASE_PROPERTY ? "--property ..."
                                                                   : "--data ...";
        message_print("nothing is erased: %s does not say which build. If it is the one that it "
                      "means now: `daybook erase %s %s`",
                      message_word(arguments->operands[0]), named_build_text(build), option);
        return EXIT_USAGE;
    }
    if (ask(erasure, build))
        return 0;
    message_print("nothing is erased");
    return EXIT_NO;
}

static int cmd_erase(const struct arguments *arguments)
{
    static struct erasure erasure;
    struct named_build build = {0};
    struct archive archive = {NULL, NULL};
    if (read_what(arguments, &erasure))
        return EXIT_USAGE;
    int exit_code = arguments_has(arguments, "vacuum")
                        ? store_open_here(arguments, STORE_EXISTING, NULL, &archive.store)
                        : store_open_for(arguments, STORE_EXISTING, &archive);
    if (exit_code)
        return exit_code;
    exit_code = name_find_build(&archive, arguments->operands[0], &build);
    if (!exit_code)
        exit_code = confirm(&erasure, arguments, &build);
    if (!exit_code)
        exit_code = erase(&erasure, arguments, &archive, &build);
    named_build_fini(&build);
    archive_close_wait(&archive);
    return exit_code;
}

static const struct command_option options[] = {
    {"property", 0, OPTION_VALUE, "NAME", "erase this property"},
    {"data", 0, OPTION_VALUE, "NAME", "erase this data; a step's output is log/STEP"},
    {"contents", 0, OPTION_FLAG, NULL, "erase all that is in the build; its number stays"},
    {"vacuum", 0, OPTION_FLAG, NULL,
     "SQLite: write the whole file anew; nobody else writes meanwhile"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"BUILD --property NAME [--vacuum]",
                                    "BUILD --data NAME [--vacuum]", "BUILD --contents [--vacuum]",
                                    NULL};

const struct subcommand subcommand_erase = {
    .name = "erase",
    .summary = "delete a secret that was recorded, from the database's files too",
    .usage = usage,
    .about =
        "For a password or a key that a build recorded. An SQLite file is overwritten where it\n"
        "was, and its write-ahead log is emptied; somebody who reads meanwhile can keep it from\n"
        "that: then it says so with the exit code 8, and the same command finishes it later.\n"
        "Copies that SQLite left where it moved rows go with --vacuum alone.\n"
        "\n"
        "BUILD is a number of a builder (nightly/12) or an id. A builder's last build (nightly,\n"
        "nightly/last, nightly/last-failed) is erased only when a terminal is there to say yes.\n"
        "\n"
        "It names what may still hold it: backups, archives of a server's log, standbys. Change\n"
        "the secret itself first. A Buildbot database is only written with ?writes=existing.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON,
    .operand_min = 1,
    .operand_max = 1,
    .run = cmd_erase,
};
