/*
 * `daybook compare`: a Buildbot master and a daemon, asked the same. Both are only read.
 */
#include "../share/json_writer.h"
#include "compare_answer.h"
#include "compare_sample.h"
#include "daemon_url.h"
#include "message.h"
#include "options.h"
#include "own_daemon.h"
#include "store_open.h"
#include "table.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A master goes on: what differs may have changed between the two answers, and is asked again. */
enum { SAMPLE = 200, TRIES = 3 };
enum { MASTER, DAYBOOK, SIDES };

/* What was found of one question. */
struct finding {
    bool is_same, is_page_total;
    int64_t took_us[SIDES];
    struct compare_difference difference;
};

struct comparison {
    const struct arguments *arguments;
    struct own_daemon daemon;
    struct http *http[SIDES];
    char *names[SIDES]; /* what is said of them */
    struct compare_questions questions;
    struct finding *findings; /* one each */
    int64_t seed;
};

/* ---------------------------------------------------------------------------------- opening ---- */

/* A master's URL; it is told no secret, and may be anywhere. Result: yours, free(); NULL: it is none. */
static char *read_master_url(const char *url)
{
    const char *authority = strstr(url, "://");
    bool is_plain = !strncasecmp(url, "http://", 7), is_secure = !strncasecmp(url, "https://", 8);
    if ((!is_plain && !is_secure) || strpbrk(url, "?#@ ") || !strcspn(authority + 3, "/:"))
        return NULL;
    for (const char *at = url; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == '\x7f')
            return NULL;
    char *base = memory_need(strdup(url));
    daemon_url_trim(base);
    return base;
}

static int open_master(struct comparison *comparison)
{
    char *base = read_master_url(comparison->arguments->operands[0]);
    if (!base)
        return usage_error(comparison->arguments,
                           "the URL of a master is http[s]://HOST[:PORT][/PATH], without a user, "
                           "a password and options");
    comparison->names[MASTER] = base;
    comparison->http[MASTER] = http_new_stranger(base);
    return 0;
}

/* The daemon that --db names, or one of our own on the database that it names. */
static int open_daybook(struct comparison *comparison)
{
    const char *url = store_url(comparison->arguments);
    struct dbk_error error;
    char *base = NULL;
    comparison->names[DAYBOOK] = store_shown_url(comparison->arguments);
    if (!daemon_url_is(url)) {
        int exit_code = own_daemon_start(&comparison->daemon, url, &base);
        if (exit_code)
            return exit_code;
    } else {
        base = daemon_url_read(url, &error);
        if (!base)
            return message_error(&error);
    }
    comparison->http[DAYBOOK] = http_new(base, &error);
    free(base);
    return comparison->http[DAYBOOK] ? 0 : message_error(&error);
}

static int choose_questions(struct comparison *comparison)
{
    const struct arguments *arguments = comparison->arguments;
    const char *path = arguments_value(arguments, "questions");
    int64_t count;
    if (arguments_number(arguments, "sample", path ? 0 : SAMPLE, 0, COMPARE_SAMPLE_MAX, &count))
        return EXIT_USAGE;
    int exit_code = path ? compare_questions_read(path, &comparison->questions) : 0;
    if (!exit_code && count)
        exit_code = compare_sample(comparison->http[MASTER], comparison->names[MASTER],
                                   comparison->seed, count, &comparison->questions);
    if (!exit_code && !comparison->questions.count)
        exit_code = usage_error(arguments, "there is nothing to ask");
    return exit_code;
}

/* ----------------------------------------------------------------------------------- asking ---- */

static bool is_page(const char *target)
{
    const char *query = strchr(target, '?');
    return query && (strstr(query, "limit=") || strstr(query, "offset="));
}

/* Asks both once. Result: 0; or an exit code after a message. */
static int ask_both(struct comparison *comparison, const char *target, struct finding *finding)
{
    struct http_answer answers[SIDES] = {{0}, {0}};
    struct dbk_error error;
    int status = 0;
    for (int side = 0; side < SIDES && !status; side++)
        status = compare_get(comparison->http[side], comparison->names[side], target,
                             &answers[side], &finding->took_us[side], &error);
    if (!status)
        finding->is_same = compare_answers(&answers[MASTER], &answers[DAYBOOK], is_page(target),
                                           &finding->difference, &finding->is_page_total);
    for (int side = 0; side < SIDES; side++)
        http_answer_fini(&answers[side]);
    return status ? message_error(&error) : 0;
}

static int ask_all(struct comparison *comparison)
{
    size_t count = comparison->questions.count;
    int exit_code = 0;
    comparison->findings = memory_need(calloc(count, sizeof *comparison->findings));
    for (size_t i = 0; i < count && !exit_code; i++) {
        struct finding *finding = &comparison->findings[i];
        for (int j = 0; j < TRIES && !exit_code && !finding->is_same; j++)
            exit_code = ask_both(comparison, comparison->questions.items[i].target, finding);
    }
    return exit_code;
}

/* ---------------------------------------------------------------------------------- showing ---- */

/* What the questions of one kind, or all, came to. */
struct sum {
    int64_t asked, different, page_totals;
    int64_t median_us[SIDES], total_us[SIDES];
};

static int compare_times(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* kind: NULL for all. */
static struct sum sum_of(const struct comparison *comparison, const char *kind)
{
    size_t count = comparison->questions.count;
    struct sum sum = {0};
    int64_t *times = memory_need(calloc(count, sizeof *times));
    for (int side = 0; side < SIDES; side++) {
        sum.asked = sum.different = sum.page_totals = 0;
        for (size_t i = 0; i < count; i++) {
            const struct finding *finding = &comparison->findings[i];
            if (kind && strcmp(kind, comparison->questions.items[i].kind) != 0)
                continue;
            times[sum.asked++] = finding->took_us[side];
            sum.total_us[side] += finding->took_us[side];
            sum.different += !finding->is_same;
            sum.page_totals += finding->is_page_total;
        }
        qsort(times, (size_t)sum.asked, sizeof *times, compare_times);
        sum.median_us[side] = sum.asked ? times[sum.asked / 2] : 0;
    }
    free(times);
    return sum;
}

/* The next kind behind the question of that index, which is moved on. Result: NULL at the end. */
static const char *next_kind(const struct comparison *comparison, size_t *index)
{
    const struct compare_question *items = comparison->questions.items;
    for (size_t at; (at = *index) < comparison->questions.count;) {
        size_t first = 0;
        while (strcmp(items[first].kind, items[at].kind) != 0)
            first++;
        ++*index;
        if (first == at)
            return items[at].kind;
    }
    return NULL;
}

static void cell_us(struct table *table, int64_t us)
{
    char text[TEXT_SHORT_SIZE];
    snprintf(text, sizeof text, "%.2f ms", (double)us / 1000);
    table_cell(table, text, NULL);
}

static void print_row(struct table *table, const char *name, const struct sum *sum)
{
    table_row(table);
    table_cell(table, name, NULL);
    table_cell_number(table, sum->asked);
    table_cell_number(table, sum->different);
    for (int side = 0; side < SIDES; side++)
        cell_us(table, sum->median_us[side]);
}

/* Whether the same question differed before: it may be drawn more than once. */
static bool is_told(const struct comparison *comparison, size_t index)
{
    const struct compare_question *items = comparison->questions.items;
    for (size_t i = 0; i < index; i++)
        if (!comparison->findings[i].is_same && !strcmp(items[i].target, items[index].target))
            return true;
    return false;
}

static void print_text(const struct comparison *comparison, const struct sum *all)
{
    for (size_t i = 0; i < comparison->questions.count; i++) {
        const struct compare_difference *difference = &comparison->findings[i].difference;
        if (comparison->findings[i].is_same || is_told(comparison, i))
            continue;
        text_print(stdout, comparison->questions.items[i].target);
        fputs(": ", stdout);
        text_print(stdout, difference->place);
        fputs(": the master says ", stdout);
        text_print(stdout, difference->said[MASTER]);
        fputs(", daybook ", stdout);
        text_print(stdout, difference->said[DAYBOOK]);
        putchar('\n');
    }
    struct table *table = table_new(comparison->arguments->is_coloured);
    table_column(table, "QUESTION", TABLE_LEFT);
    table_column(table, "ASKED", TABLE_RIGHT);
    table_column(table, "DIFFER", TABLE_RIGHT);
    table_column(table, "MASTER", TABLE_RIGHT);
    table_column(table, "DAYBOOK", TABLE_RIGHT);
    size_t index = 0;
    for (const char *kind; (kind = next_kind(comparison, &index));) {
        struct sum sum = sum_of(comparison, kind);
        print_row(table, kind, &sum);
    }
    print_row(table, "all", all);
    table_print(table);
    table_free(table);
    if (all->page_totals)
        printf("(%" PRId64 " of the master's totals count their page alone)\n", all->page_totals);
}

static void write_sum(struct json_writer *json, const char *name, const struct sum *sum)
{
    json_begin_object(json);
    json_member_text(json, "question", name);
    json_member_number(json, "asked", sum->asked);
    json_member_number(json, "differ", sum->different);
    json_member_number(json, "master_median_us", sum->median_us[MASTER]);
    json_member_number(json, "daybook_median_us", sum->median_us[DAYBOOK]);
    json_member_number(json, "master_total_us", sum->total_us[MASTER]);
    json_member_number(json, "daybook_total_us", sum->total_us[DAYBOOK]);
    json_end_object(json);
}

static void write_differences(struct json_writer *json, const struct comparison *comparison)
{
    json_name(json, "differences");
    json_begin_lines(json);
    for (size_t i = 0; i < comparison->questions.count; i++) {
        const struct compare_difference *difference = &comparison->findings[i].difference;
        if (comparison->findings[i].is_same || is_told(comparison, i))
            continue;
        json_begin_object(json);
        json_member_text(json, "path", comparison->questions.items[i].target);
        json_member_text(json, "place", difference->place);
        json_member_text(json, "master", difference->said[MASTER]);
        json_member_text(json, "daybook", difference->said[DAYBOOK]);
        json_end_object(json);
    }
    json_end_array(json);
}

static void print_json(const struct comparison *comparison, const struct sum *all)
{
    struct json_writer json;
    json_init(&json, stdout);
    json_begin_object(&json);
    json_member_text(&json, "master", comparison->names[MASTER]);
    json_member_text(&json, "daybook", comparison->names[DAYBOOK]);
    json_member_number(&json, "seed", comparison->seed);
    write_differences(&json, comparison);
    json_name(&json, "questions");
    json_begin_lines(&json);
    size_t index = 0;
    for (const char *kind; (kind = next_kind(comparison, &index));) {
        struct sum sum = sum_of(comparison, kind);
        write_sum(&json, kind, &sum);
    }
    json_end_array(&json);
    json_name(&json, "all");
    write_sum(&json, "all", all);
    json_member_number(&json, "page_totals", all->page_totals);
    json_end_object(&json);
    json_finish(&json);
}

static int tell(const struct comparison *comparison)
{
    struct sum all = sum_of(comparison, NULL);
    if (comparison->arguments->is_json)
        print_json(comparison, &all);
    else
        print_text(comparison, &all);
    int exit_code = output_finish();
    return exit_code ? exit_code : all.different ? EXIT_NO : 0;
}

/* --------------------------------------------------------------------------------- the whole ---- */

static void fini(struct comparison *comparison)
{
    for (int side = 0; side < SIDES; side++) {
        http_free(comparison->http[side]);
        free(comparison->names[side]);
    }
    own_daemon_end(&comparison->daemon);
    compare_questions_fini(&comparison->questions);
    free(comparison->findings);
}

static int cmd_compare(const struct arguments *arguments)
{
    struct comparison comparison = {.arguments = arguments};
    if (arguments_number(arguments, "seed", 1, 0, INT64_MAX, &comparison.seed))
        return EXIT_USAGE;
    int exit_code = open_master(&comparison);
    if (!exit_code)
        exit_code = open_daybook(&comparison);
    if (!exit_code)
        exit_code = choose_questions(&comparison);
    if (!exit_code)
        exit_code = ask_all(&comparison);
    if (!exit_code)
        exit_code = tell(&comparison);
    fini(&comparison);
    return exit_code;
}

static const struct command_option options[] = {
    {"sample", 'n', OPTION_VALUE, "N", "how many questions (200; none with --questions)"},
    {"seed", 0, OPTION_VALUE, "N", "another number asks other questions (1)"},
    {"questions", 0, OPTION_VALUE, "FILE",
     "ask these, too: a path below /api/v2/ a line; \"-\" is stdin"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"MASTER [OPTION...]", NULL};

const struct subcommand subcommand_compare = {
    .name = "compare",
    .summary = "ask a Buildbot master and daybook the same, and show what differs",
    .usage = usage,
    .about =
        "MASTER is the URL of the master's web server, as http://master:8010. Its REST API and "
        "that\n"
        "of daybook are asked the same questions about builds that are drawn by lot, and the\n"
        "answers compared: JSON by what it says, values byte by byte, refusals by their status.\n"
        "Both are only read. --db is the URL of a daemon on the master's database, or the "
        "database\n"
        "itself, which is then served for as long as it takes. What differs is asked up to three\n"
        "times, since a master goes on meanwhile. The times are each side's median.\n"
        "\n"
        "The exit status is 0 when all answers are the same, and 1 when some differ. The master "
        "is\n"
        "told no token and no password: one that wants a login is not for this.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .operand_min = 1,
    .operand_max = 1,
    .run = cmd_compare,
};
