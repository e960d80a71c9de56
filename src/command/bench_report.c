/*
 * Times every read in stores of several sizes: see bench_report.h.
 *
 * All stores are open at once. A row's read is asked of each store in turn, so that whatever else the
 * machine does meets all of them alike; the first round warms the caches and is not counted. A figure is the
 * median of all times of a row in a store.
 */
#include "bench_report.h"

#include "../share/json_writer.h"
#include "bench_calls.h"
#include "clock.h"
#include "message.h"
#include "options.h"
#include "table.h"
#include "text.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBJECTS_MAX = 9, ROUNDS = 5, ROUNDS_MAX = 100, DEEP_SAMPLES = 5, ROUND_MS = 2000 };

/* How much more a row may take in the largest store than in the smallest. */
#define GROWTH_MAX 1.5

/* What was measured of a row in one store. */
struct cell {
    int64_t *times; /* ns */
    size_t count;
    double median_us, total_us; /* total: counting all that match as well; 0: not counted */
    char *cursors
        [DEEP_SAMPLES]; /* of pages in the middle: where they begin, once it was looked for */
};

struct measured {
    const struct call_row *row;
    struct cell cells[SUBJECTS_MAX];
};

/* The stores of one engine, the smallest first: what grows is told of each engine by itself. */
struct group {
    const char *engine;
    int first, count;
};

struct report {
    const struct arguments *arguments;
    struct subject subjects[SUBJECTS_MAX];
    struct group groups[SUBJECTS_MAX];
    int subject_count, group_count;
    int64_t rounds;
    const char *only; /* a part of a row's name; NULL: all */
    struct measured *measured;
    size_t measured_count;
};

/* --------------------------------------------------------------------------------- measuring ---- */

static void cell_fini(struct cell *cell)
{
    free(cell->times);
    for (int i = 0; i < DEEP_SAMPLES; i++)
        free(cell->cursors[i]);
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median_us(struct cell *cell)
{
    if (!cell->count)
        return 0;
    qsort(cell->times, cell->count, sizeof *cell->times, compare);
    return (double)cell->times[cell->count / 2] / 1000;
}

static struct dbk_spec *parse(const char *text, const char *more)
{
    char whole[512];
    struct dbk_spec *spec;
    snprintf(whole, sizeof whole, "%s%s%s", text, *text && *more ? "&" : "", more);
    if (dbk_spec_parse(whole, &spec, NULL))
        return memory_need(NULL);
    return spec;
}

static int failed(const struct subject *subject, const struct call_row *row,
                  const struct probe *probe)
{
    message_print("%s of %s: %s", row->name, message_word(subject->url), probe->error.message);
    return dbk_status_exit_code(probe->error.status);
}

/* Looks for the middle of what the row lists. Result: 0, or an exit code after a message. */
static int find_middle(const struct call_row *row, struct subject *subject,
                       const struct sample *sample, char **out_cursor)
{
    char offset[64];
    struct probe probe;
    int64_t count = strstr(row->name, "of a builder")  ? sample->number
                    : strstr(row->name, "of a worker") ? subject->builds / 20
                                                       : subject->builds;
    snprintf(offset, sizeof offset, "offset=%lld", (long long)(count / 2));
    struct dbk_spec *jump = parse(row->spec, offset);
    int64_t took_ns = call_ask(row, subject, sample, jump, NULL, &probe);
    dbk_spec_free(jump);
    *out_cursor = probe.cursor ? probe.cursor : memory_need(strdup(""));
    return took_ns < 0 ? failed(subject, row, &probe) : 0;
}

static int samples_of(const struct call_row *row)
{
    return row->kind == CALL_DEEP ? DEEP_SAMPLES : SUBJECT_SAMPLES;
}

/*
 * Asks one store for one sample. Result: 0, or an exit code after a message. A page in the middle is counted only when
 * nothing was to be looked for: that reads half of the store, and leaves the processor's caches full of it.
 */
static int ask_sample(struct report *report, struct measured *measured, int store, int index,
                      const char *more, bool is_counted)
{
    const struct call_row *row = measured->row;
    struct subject *subject = &report->subjects[store];
    const struct sample *sample = &subject->samples[index * (SUBJECT_SAMPLES / samples_of(row))];
    struct cell *cell = &measured->cells[store];
    char **cursor = row->kind == CALL_DEEP ? &cell->cursors[index] : NULL;
    struct probe probe;
    struct dbk_spec *spec = row->spec ? parse(row->spec, more) : NULL;
    char *target = row->target ? call_target(row->target, sample) : NULL;
    int exit_code = 0;
    if (cursor && !*cursor) {
        exit_code = find_middle(row, subject, sample, cursor);
        is_counted = false;
    }
    if (!exit_code) {
        if (cursor && **cursor)
            dbk_spec_cursor(spec, *cursor);
        int64_t took_ns = call_ask(row, subject, sample, spec, target, &probe);
        free(probe.cursor);
        if (took_ns < 0)
            exit_code = failed(subject, row, &probe);
        else if (is_counted)
            cell->times[cell->count++] = took_ns;
    }
    dbk_spec_free(spec);
    free(target);
    return exit_code;
}

/* One round: each sample in each store in turn, so many as there is time for, one at least. */
static int ask_round(struct report *report, struct measured *measured, const char *more,
                     bool is_counted)
{
    const struct call_row *row = measured->row;
    int count = samples_of(row);
    int64_t begun_ms = clock_ms();
    for (int i = row->is_newest ? count - 1 : 0; i < count; i++) {
        for (int j = 0; j < report->subject_count; j++) {
            int exit_code = ask_sample(report, measured, j, i, more, is_counted);
            if (exit_code)
                return exit_code;
        }
        if (clock_ms() - begun_ms > ROUND_MS)
            break;
    }
    return 0;
}

/* All rounds of a row. Result: 0, or an exit code after a message. */
static int ask_rounds(struct report *report, struct measured *measured, const char *more)
{
    int exit_code = 0;
    size_t max = (size_t)report->rounds * SUBJECT_SAMPLES;
    for (int i = 0; i < report->subject_count; i++) {
        struct cell *cell = &measured->cells[i];
        free(cell->times);
        cell->times = memory_need(calloc(max, sizeof *cell->times));
        cell->count = 0;
    }
    for (int64_t round = -1; round < report->rounds && !exit_code; round++)
        exit_code = ask_round(report, measured, more, round >= 0);
    return exit_code;
}

static int measure(struct report *report, struct measured *measured)
{
    int exit_code = ask_rounds(report, measured, "");
    for (int i = 0; i < report->subject_count && !exit_code; i++)
        measured->cells[i].median_us = median_us(&measured->cells[i]);
    if (exit_code || !measured->row->counts)
        return exit_code;
    exit_code = ask_rounds(report, measured, "total=exact");
    for (int i = 0; i < report->subject_count && !exit_code; i++)
        measured->cells[i].total_us = median_us(&measured->cells[i]);
    return exit_code;
}

static int measure_all(struct report *report)
{
    int exit_code = 0;
    for (const struct call_row *row = call_rows; row->name && !exit_code; row++) {
        if (report->only && !strstr(row->name, report->only))
            continue;
        struct measured *measured = &report->measured[report->measured_count++];
        measured->row = row;
        exit_code = measure(report, measured);
    }
    return exit_code;
}

/* ---------------------------------------------------------------------------------- showing ---- */

static const char *kind_word(enum call_kind kind)
{
    static const char *const words[] = {"one", "page", "deep", "free"};
    return words[kind];
}

/* How many times as long it takes in the engine's largest store. Result: 0 when there is only one. */
static double growth(const struct group *group, const struct measured *measured)
{
    const struct cell *cells = measured->cells + group->first;
    double least = cells[0].median_us;
    return group->count > 1 && least > 0 ? cells[group->count - 1].median_us / least : 0;
}

/* The same for each tenfold size. */
static double tenfold(const struct report *report, const struct group *group, double ratio)
{
    const struct subject *subjects = report->subjects + group->first;
    double tens = log10((double)subjects[group->count - 1].builds / (double)subjects[0].builds);
    return tens > 0 && ratio > 0 ? pow(ratio, 1 / tens) : 0;
}

static bool is_too_much(const struct group *group, const struct measured *measured)
{
    return measured->row->kind != CALL_FREE && growth(group, measured) > GROWTH_MAX;
}

static bool is_too_much_anywhere(const struct report *report, const struct measured *measured)
{
    for (int i = 0; i < report->group_count; i++)
        if (is_too_much(&report->groups[i], measured))
            return true;
    return false;
}

static void cell_us(struct table *table, double us)
{
    char text[TEXT_SHORT_SIZE];
    snprintf(text, sizeof text,
             us < 1000  ? "%.0f us"
             : us < 1e6 ? "%.1f ms"
                        : "%.1f s",
             us < 1000  ? us
             : us < 1e6 ? us / 1000
                        : us / 1e6);
    table_cell(table, us > 0 ? text : NULL, NULL);
}

static void cell_ratio(struct table *table, double ratio)
{
    char text[TEXT_SHORT_SIZE];
    snprintf(text, sizeof text, "%.2f", ratio);
    table_cell(table, ratio > 0 ? text : NULL, NULL);
}

static void cells_of_group(struct table *table, const struct report *report,
                           const struct group *group, const struct measured *measured)
{
    for (int i = 0; i < group->count; i++)
        cell_us(table, measured->cells[group->first + i].median_us);
    cell_ratio(table, tenfold(report, group, growth(group, measured)));
}

static void print_row(struct table *table, const struct report *report,
                      const struct measured *measured)
{
    const struct group *only = report->group_count == 1 ? &report->groups[0] : NULL;
    table_row(table);
    table_cell(table, measured->row->name, NULL);
    table_cell(table, kind_word(measured->row->kind), NULL);
    for (int i = 0; i < report->group_count; i++)
        cells_of_group(table, report, &report->groups[i], measured);
    if (only)
        cell_ratio(table, growth(only, measured));
    const char *verdict = is_too_much_anywhere(report, measured) ? "GROWS" : "ok";
    table_cell(table, measured->row->kind == CALL_FREE ? NULL : verdict, NULL);
    if (!only)
        return;
    double first_us = measured->cells[0].total_us,
           last_us = measured->cells[only->count - 1].total_us;
    cell_us(table, last_us);
    cell_ratio(table, first_us > 0 ? tenfold(report, only, last_us / first_us) : 0);
}

static void columns_of_group(struct table *table, const struct report *report,
                             const struct group *group)
{
    char title[TEXT_SHORT_SIZE];
    for (int i = 0; i < group->count; i++) {
        bool is_named = report->group_count > 1;
        snprintf(title, sizeof title, "%s%s%lld", is_named ? group->engine : "",
                 is_named ? " " : "", (long long)report->subjects[group->first + i].builds);
        table_column(table, title, TABLE_RIGHT);
    }
    table_column(table, "PER TENFOLD", TABLE_RIGHT);
}

static void print_table(const struct report *report)
{
    struct table *table = table_new(report->arguments->is_coloured);
    table_column(table, "READ", TABLE_LEFT);
    table_column(table, "KIND", TABLE_LEFT);
    for (int i = 0; i < report->group_count; i++)
        columns_of_group(table, report, &report->groups[i]);
    if (report->group_count == 1)
        table_column(table, "IN ALL", TABLE_RIGHT);
    table_column(table, "", TABLE_LEFT);
    if (report->group_count == 1) { /* side by side there is no room for them */
        table_column(table, "WITH TOTAL", TABLE_RIGHT);
        table_column(table, "PER TENFOLD", TABLE_RIGHT);
    }
    for (size_t i = 0; i < report->measured_count; i++)
        print_row(table, report, &report->measured[i]);
    table_print(table);
    table_free(table);
}

static void write_fraction(struct json_writer *json, const char *name, double value)
{
    char text[TEXT_SHORT_SIZE];
    snprintf(text, sizeof text, "%.3f", value);
    json_name(json, name);
    json_value(json, text);
}

static void write_cells(struct json_writer *json, const struct report *report,
                        const struct measured *measured)
{
    json_name(json, "stores");
    json_begin_array(json);
    for (int i = 0; i < report->subject_count; i++) {
        json_begin_object(json);
        json_member_text(json, "engine", dbk_get_info(report->subjects[i].store)->engine);
        json_member_number(json, "builds", report->subjects[i].builds);
        write_fraction(json, "median_us", measured->cells[i].median_us);
        if (measured->row->counts)
            write_fraction(json, "median_with_total_us", measured->cells[i].total_us);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_engines(struct json_writer *json, const struct report *report)
{
    json_name(json, "engines");
    json_begin_array(json);
    for (int i = 0; i < report->group_count; i++) {
        const struct group *group = &report->groups[i];
        json_begin_object(json);
        json_member_text(json, "engine", group->engine);
        json_member_text(json, "version",
                         dbk_get_info(report->subjects[group->first].store)->engine_version);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_growth(struct json_writer *json, const struct report *report,
                         const struct measured *measured)
{
    json_name(json, "growths");
    json_begin_array(json);
    for (int i = 0; i < report->group_count; i++) {
        const struct group *group = &report->groups[i];
        double ratio = growth(group, measured);
        if (group->count < 2)
            continue;
        json_begin_object(json);
        json_member_text(json, "engine", group->engine);
        write_fraction(json, "growth", ratio);
        write_fraction(json, "growth_per_tenfold", tenfold(report, group, ratio));
        json_member_bool(json, "grows", is_too_much(group, measured));
        json_end_object(json);
    }
    json_end_array(json);
}

static void print_json(const struct report *report)
{
    struct json_writer json;
    const struct dbk_info *info = dbk_get_info(report->subjects[0].store);
    json_init(&json, stdout);
    json_begin_object(&json);
    json_member_text(&json, "engine", info->engine);
    json_member_text(&json, "engine_version", info->engine_version);
    write_engines(&json, report);
    json_member_number(&json, "rounds", report->rounds);
    write_fraction(&json, "growth_max", GROWTH_MAX);
    json_name(&json, "reads");
    json_begin_lines(&json);
    for (size_t i = 0; i < report->measured_count; i++) {
        const struct measured *measured = &report->measured[i];
        double ratio = growth(&report->groups[0], measured);
        json_begin_object(&json);
        json_member_text(&json, "read", measured->row->name);
        json_member_text(&json, "kind", kind_word(measured->row->kind));
        write_cells(&json, report, measured);
        write_fraction(&json, "growth", ratio);
        write_fraction(&json, "growth_per_tenfold", tenfold(report, &report->groups[0], ratio));
        write_growth(&json, report, measured);
        json_member_bool(&json, "grows", is_too_much_anywhere(report, measured));
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    json_finish(&json);
}

static int tell(const struct report *report)
{
    int grown = 0;
    for (size_t i = 0; i < report->measured_count; i++)
        grown += is_too_much_anywhere(report, &report->measured[i]);
    if (report->arguments->is_json)
        print_json(report);
    else
        print_table(report);
    int exit_code = output_finish();
    return exit_code ? exit_code : grown ? EXIT_NO : 0;
}

/* --------------------------------------------------------------------------------- the whole ---- */

/* Has all threads of ours and the daemons run on one processor: which ones the system picks for which store would
 * count for more than their sizes. */
static void run_on_one_processor(void)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        return;
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
        if (CPU_ISSET(i, &allowed))
            CPU_SET(i, &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* Result: 0, or an exit code after a message. */
static int add_to_group(struct report *report, int index)
{
    const char *engine = dbk_get_info(report->subjects[index].store)->engine;
    struct group *last = report->group_count ? &report->groups[report->group_count - 1] : NULL;
    if (last && !strcmp(last->engine, engine)) {
        if (report->subjects[index].builds <= report->subjects[index - 1].builds)
            return usage_error(report->arguments, "the stores come in order of their size");
        last->count++;
        return 0;
    }
    for (int i = 0; i < report->group_count; i++)
        if (!strcmp(report->groups[i].engine, engine))
            return usage_error(report->arguments, "the stores of an engine come one after another");
    report->groups[report->group_count++] = (struct group){engine, index, 1};
    return 0;
}

/* Opens all. Daemons are started before there are threads. Result: 0, or an exit code after a message. */
static int open_all(struct report *report)
{
    int exit_code = 0;
    for (int i = 0; i < report->subject_count && !exit_code; i++)
        exit_code = subject_start_daemon(&report->subjects[i]);
    for (int i = 0; i < report->subject_count && !exit_code; i++)
        exit_code = subject_open(&report->subjects[i]);
    for (int i = 0; i < report->subject_count && !exit_code; i++)
        exit_code = add_to_group(report, i);
    return exit_code;
}

static void fini(struct report *report)
{
    for (int i = 0; i < report->subject_count; i++)
        subject_close(&report->subjects[i]);
    for (size_t i = 0; i < report->measured_count; i++)
        for (int j = 0; j < report->subject_count; j++)
            cell_fini(&report->measured[i].cells[j]);
    free(report->measured);
}

int bench_report(const struct arguments *arguments)
{
    struct report report = {.arguments = arguments,
                            .subject_count = arguments->operand_count - 1,
                            .only = arguments_value(arguments, "only")};
    size_t row_count = 0;
    if (report.subject_count < 2 || report.subject_count > SUBJECTS_MAX)
        return usage_error(arguments, "report takes the URLs of 2 to %d stores", SUBJECTS_MAX);
    if (arguments_number(arguments, "rounds", ROUNDS, 1, ROUNDS_MAX, &report.rounds))
        return EXIT_USAGE;
    while (call_rows[row_count].name)
        row_count++;
    report.measured = memory_need(calloc(row_count, sizeof *report.measured));
    for (int i = 0; i < report.subject_count; i++)
        report.subjects[i].url = arguments->operands[1 + i];
    run_on_one_processor();
    int exit_code = open_all(&report);
    if (!exit_code)
        exit_code = measure_all(&report);
    if (!exit_code)
        exit_code = tell(&report);
    fini(&report);
    return exit_code;
}
