/*
 * `daybook copy FROM TO`: all records of a store into a new one.
 */
#include "../share/json_writer.h"
#include "clock.h"
#include "findings.h"
#include "message.h"
#include "options.h"
#include "store_open.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define SHOW_EVERY_MS 200

struct copy {
    struct findings findings; /* first: its address is what waiting_done() takes */
    bool is_shown;
    int64_t shown_at_ms;
    int64_t begun_at_ms;
    int64_t before; /* rows that an earlier copy moved; DBK_NONE: nothing was reported yet */
    int64_t copied, total;
    int64_t
        read_only_ms; /* that the source's writers were refused before the target was there; DBK_NONE */
};

static int64_t since_s(const struct copy *copy)
{
    return (clock_ms() - copy->begun_at_ms) / 1000;
}

/* Rows a second of this run, and not of one before. */
static int64_t rate(const struct copy *copy)
{
    int64_t took_ms = clock_ms() - copy->begun_at_ms;
    return (copy->copied - copy->before) * 1000 / (took_ms > 0 ? took_ms : 1);
}

static void show(struct copy *copy, const char *subject)
{
    char left[TEXT_SHORT_SIZE];
    int64_t now_ms = clock_ms(), rows_a_second = rate(copy);
    if (!isatty(STDERR_FILENO) || (copy->is_shown && now_ms - copy->shown_at_ms < SHOW_EVERY_MS))
        return;
    fprintf(stderr, "\r\033[K%" PRId64 " of %" PRId64 " rows, %" PRId64 " a second", copy->copied,
            copy->total, rows_a_second);
    if (rows_a_second > 0)
        fprintf(stderr, ", %s left", text_took((copy->total - copy->copied) / rows_a_second, left));
    fprintf(stderr, "  (%s)", subject);
    fflush(stderr);
    copy->is_shown = true;
    copy->shown_at_ms = now_ms;
}

static void on_report(void *user, const struct dbk_report *report)
{
    struct copy *copy = user;
    if (report->kind == DBK_REPORT_SWITCH) {
        copy->read_only_ms = report->done;
        return;
    }
    if (report->kind != DBK_REPORT_PROGRESS) {
        if (copy->is_shown)
            fputs("\r\033[K", stderr);
        copy->is_shown = false;
        findings_take(&copy->findings, report);
        return;
    }
    if (copy->before == DBK_NONE) {
        copy->before = report->done;
        copy->begun_at_ms = clock_ms();
    }
    copy->copied = report->done;
    copy->total = report->total;
    show(copy, report->subject);
}

/* With --json the end is an object, with the findings in front. */
static void begin_output(struct copy *copy)
{
    struct json_writer *json = &copy->findings.json;
    json_init(json, stdout);
    if (!copy->findings.arguments->is_json)
        return;
    json_begin_object(json);
    json_name(json, "findings");
    json_begin_lines(json);
}

static void end_output(struct copy *copy, bool is_whole)
{
    struct json_writer *json = &copy->findings.json;
    char took[TEXT_SHORT_SIZE];
    if (!copy->findings.arguments->is_json) {
        findings_end_kind(&copy->findings);
        if (is_whole)
            printf("copied %" PRId64 " rows in %s (%" PRId64 " a second)\n", copy->copied,
                   text_took(since_s(copy), took), rate(copy));
        if (is_whole && copy->read_only_ms != DBK_NONE)
            printf("FROM is read-only: it was moved. Nobody could write for %.1f s\n",
                   (double)copy->read_only_ms / 1000);
        return;
    }
    json_end_array(json);
    json_member_bool(json, "is_whole", is_whole);
    json_member_number(json, "rows", copy->copied);
    json_member_number(json, "rows_before", copy->before);
    json_member_number(json, "seconds", since_s(copy));
    json_member_number(json, "rows_a_second", rate(copy));
    if (copy->read_only_ms != DBK_NONE)
        json_member_number(json, "read_only_ms", copy->read_only_ms);
    json_end_object(json);
    json_finish(json);
}

/* Looks whether there is a source, before a target is made. Result: 0, or an exit code after a message. */
static int try_source(const struct arguments *arguments)
{
    struct arguments source = *arguments;
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    source.db = arguments->operands[0];
    options.takes_older = !arguments_has(arguments, "follow");
    if (store_try_open(&source, STORE_EXISTING, &options, &store, NULL, &error))
        return store_open_failed(&source, &error);
    dbk_close_wait(store);
    return 0;
}

static int open_target(const struct arguments *arguments, struct dbk_store **out_store)
{
    struct arguments target = *arguments;
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    options.is_exclusive = options.is_copied_into = true;
    target.db = arguments->operands[1];
    if (store_try_open(&target, STORE_CREATED, &options, out_store, NULL, &error))
        return store_open_failed(&target, &error);
    return 0;
}

static int verify(const struct arguments *arguments)
{
    struct arguments target = *arguments;
    struct findings findings = {.arguments = arguments,
                                .prints_all = arguments_has(arguments, "all")};
    struct dbk_store *store;
    target.db = arguments->operands[1];
    int exit_code = store_open_here(&target, STORE_EXISTING, NULL, &store);
    if (exit_code)
        return exit_code;
    findings_begin(&findings, store);
    waiting_add(&findings.waiting, dbk_verify(store, arguments->operands[0], &findings.waiting.call,
                                              findings_take, waiting_done, &findings));
    exit_code = findings_finish(&findings);
    dbk_close_wait(store);
    return exit_code;
}

static int copy_records(const struct arguments *arguments)
{
    struct copy copy = {
        .findings = {.arguments = arguments, .prints_all = arguments_has(arguments, "all")},
        .before = DBK_NONE,
        .read_only_ms = DBK_NONE,
        .begun_at_ms = clock_ms()};
    struct dbk_copy_options options = DBK_COPY_OPTIONS_INIT;
    struct waiting *waiting = &copy.findings.waiting;
    struct dbk_store *store;
    options.is_records_only = arguments_has(arguments, "records-only");
    options.skips_dirty = arguments_has(arguments, "skip-dirty");
    options.is_followed = arguments_has(arguments, "follow");
    int exit_code = try_source(arguments);
    if (!exit_code)
        exit_code = open_target(arguments, &store);
    if (exit_code)
        return exit_code;
    long_work_init(waiting, store);
    begin_output(&copy);
    waiting_add(waiting, dbk_copy(store, arguments->operands[0], &options, &waiting->call,
                                  on_report, waiting_done, &copy));
    enum dbk_status status = waiting_wait(waiting);
    if (copy.is_shown)
        fputs("\r\033[K", stderr);
    end_output(&copy, status == DBK_OK);
    exit_code = waiting_finish(waiting);
    dbk_close_wait(store);
    return exit_code;
}

static int unmove(const struct arguments *arguments)
{
    struct arguments source = *arguments;
    struct findings findings = {.arguments = arguments};
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    options.is_exclusive = true;
    source.db = arguments->operands[0];
    int exit_code = store_open_here(&source, STORE_EXISTING, &options, &store);
    if (exit_code)
        return exit_code;
    long_work_init(&findings.waiting, store);
    waiting_add(&findings.waiting,
                dbk_unmove(store, &findings.waiting.call, findings_take, waiting_done, &findings));
    exit_code = waiting_finish(&findings.waiting);
    dbk_close_wait(store);
    if (!exit_code && !arguments->is_json)
        printf("%s is written again\n", source.db);
    return exit_code;
}

/* Result: 0, or an exit code after a message. */
static int check_words(const struct arguments *arguments)
{
    bool is_verify = arguments_has(arguments, "verify"),
         is_unmove = arguments_has(arguments, "unmove");
    bool is_follow = arguments_has(arguments, "follow");
    if (is_verify + is_unmove + is_follow > 1)
        return usage_error(arguments, "--verify, --follow and --unmove do not go together");
    if (arguments->operand_count != (is_unmove ? 1 : 2))
        return usage_error(arguments, is_unmove ? "--unmove takes FROM alone"
                                                : "something is missing: TO, where to copy to");
    return 0;
}

static int cmd_copy(const struct arguments *arguments)
{
    int exit_code = check_words(arguments);
    if (exit_code)
        return exit_code;
    return arguments_has(arguments, "unmove")   ? unmove(arguments)
           : arguments_has(arguments, "verify") ? verify(arguments)
                                                : copy_records(arguments);
}

static const struct command_option options[] = {
    {"verify", 0, OPTION_FLAG, NULL, "copy nothing: compare TO with FROM, row by row"},
    {"follow", 0, OPTION_FLAG, NULL,
     "while others write FROM: catch up with them, then refuse them, and be whole"},
    {"unmove", 0, OPTION_FLAG, NULL, "let FROM be written again after --follow"},
    {"records-only", 0, OPTION_FLAG, NULL,
     "of a Buildbot database: copy its records, and leave behind what else it holds"},
    {"skip-dirty", 0, OPTION_FLAG, NULL, "and leave out rows that a store does not take"},
    {"all", 0, OPTION_FLAG, NULL, "print every finding, and not the first ten of a kind"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"FROM TO", "--follow FROM TO", "--unmove FROM",
                                    "--verify FROM TO", NULL};

const struct subcommand subcommand_copy = {
    .name = "copy",
    .summary = "copy all records of a store into a new one, also of another kind",
    .usage = usage,
    .about =
        "FROM and TO are URLs or paths as for --db: sqlite:////var/lib/daybook.sqlite,\n"
        "postgresql://user@host/database, mariadb://user@host/database. TO is made, or is an\n"
        "empty database. Ids, build numbers, event positions and operation keys stay what they\n"
        "are. While it works nobody else can open TO, and nobody may write to FROM: stop what\n"
        "does, copy, and give it the new URL. A copy that was cut off goes on where it was when\n"
        "it is done again.\n"
        "\n"
        "With --follow others go on writing FROM, a store of daybook's own: it is copied, then "
        "what\n"
        "was written since, and within a second of the end FROM's writers are refused, with TO's\n"
        "URL in the message; what is left is brought over, and it prints for how long nobody "
        "could\n"
        "write. --unmove lets FROM be written again, after that or after a --follow that was "
        "given\n"
        "up; what TO has got since then is in TO alone.\n"
        "\n"
        "Of a Buildbot database (its master stopped) the builds, steps, properties, data and what\n"
        "they refer to are copied. What is left behind is listed with its rows; go on with\n"
        "--records-only. Dirty rows are named, and end the copy unless --skip-dirty is given.\n"
        "\n"
        "With --verify nothing is written: what is missing in TO, what is there and not in\n"
        "FROM, and what differs is named, and the exit status is 1 when there is some.",
    .options = options,
    .common = COMMON_JSON,
    .operand_min = 1,
    .operand_max = 2,
    .run = cmd_copy,
};
