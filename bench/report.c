/* The table and the JSON; see report.h. */
#include "report.h"

#include <stdlib.h>

/* The median and the ends of a row of figures. */
struct spread {
    double median, min, max;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(const double *values, int count)
{
    double sorted[ROUNDS_MAX];
    for (int i = 0; i < count; i++)
        sorted[i] = values[i];
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    double median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    return (struct spread){median, sorted[0], sorted[count - 1]};
}

static double rate(const struct bench_sample *sample)
{
    return (double)sample->operations / sample->seconds;
}

/* How the library compares with the bare program in one round. */
static double ratio_of(const struct bench_case *one, int round)
{
    double bare_rate = rate(&one->bare[round]), ours_rate = rate(&one->ours[round]);
    if (one->is_most)
        return 1 / ours_rate / (1 / bare_rate + one->handover[round]);
    return ours_rate / bare_rate;
}

enum figure {
    RATIO,
    BARE_RATE,
    OURS_RATE,
    BARE_CPU,
    OURS_CPU,
    BARE_SWITCHES,
    SWITCHES,
    BATCH,
    HANDOVER
};

static double figure_of(const struct bench_case *one, enum figure figure, int round)
{
    const struct bench_sample *bare = &one->bare[round], *ours = &one->ours[round];
    switch (figure) {
    case RATIO:
        return ratio_of(one, round);
    case BARE_RATE:
        return rate(bare);
    case OURS_RATE:
        return rate(ours);
    case BARE_CPU:
        return bare->cpu_seconds * 1e6 / (double)bare->operations;
    case OURS_CPU:
        return ours->cpu_seconds * 1e6 / (double)ours->operations;
    case BARE_SWITCHES:
        return (double)bare->switches / (double)bare->operations;
    case SWITCHES:
        return (double)ours->switches / (double)ours->operations;
    case BATCH:
        return ours->commits ? (double)ours->operations / (double)ours->commits : 0;
    default:
        return one->handover[round] * 1e6;
    }
}

static struct spread figure(const struct bench_case *one, enum figure figure)
{
    double values[ROUNDS_MAX];
    for (int i = 0; i < one->rounds; i++)
        values[i] = figure_of(one, figure, i);
    return spread_of(values, one->rounds);
}

static bool is_met(const struct bench_case *one)
{
    double ratio = figure(one, RATIO).median;
    return one->is_most ? ratio <= one->mark : ratio >= one->mark;
}

const char *report_outstanding(const struct bench_case *one)
{
    if (one->work.is_waited)
        return one->placement == PLACEMENT_APART ? "1@2cpu" : "1@1cpu";
    return one->work.outstanding == 64 ? "64" : "1000";
}

void report_head(void)
{
    printf("%-22s %6s %10s %10s %6s %13s  %-12s %7s %7s %7s %7s\n", "", "at", "bare", "daybook", "",
           "", "", "ops per", "switch", "cpu us", "cpu us");
    printf("%-22s %6s %10s %10s %6s %13s  %-12s %7s %7s %7s %7s\n", "operation", "once", "ops/s",
           "ops/s", "ratio", "min - max", "mark", "commit", "per op", "bare", "daybook");
}

void report_line(const struct bench_case *one)
{
    struct spread ratio = figure(one, RATIO);
    double batch = figure(one, BATCH).median;
    char batch_text[16] = "-";
    if (batch > 0)
        snprintf(batch_text, sizeof batch_text, "%.1f", batch);
    printf("%-22s %5s %10.0f %10.0f %6.2f %6.2f-%6.2f  %s%.2f %-5s %7s %7.2f %7.1f %7.1f\n",
           bench_op_name(one->work.op), report_outstanding(one), figure(one, BARE_RATE).median,
           figure(one, OURS_RATE).median, ratio.median, ratio.min, ratio.max,
           one->is_most ? "<= " : ">= ", one->mark,
           is_met(one)    ? "ok"
           : one->is_most ? "ABOVE"
                          : "BELOW",
           batch_text, figure(one, SWITCHES).median, figure(one, BARE_CPU).median,
           figure(one, OURS_CPU).median);
    fflush(stdout);
}

/* What must be known to read the table. */
static void print_notes(const struct bench_case *cases, int count)
{
    static const char *const words[] = {
        [PLACEMENT_TOGETHER] = "all threads on one processor",
        [PLACEMENT_APART] = "threads on two processors",
    };
    double foreign = 0;
    bool is_said[3] = {false};
    for (int i = 0; i < count; i++) {
        const struct bench_case *one = &cases[i];
        if (one->rounds && one->foreign > foreign)
            foreign = one->foreign;
        if (!one->rounds || !one->is_most || is_said[one->placement])
            continue;
        is_said[one->placement] = true;
        printf(
            "\n%s: one at a time, %s; the ratio is daybook's time to\nthat of the bare call and a "
            "bare hand-over to a thread and back (%.1f us)",
            report_outstanding(one), words[one->placement], figure(one, HANDOVER).median);
    }
    printf("\nother programs took up to %.0f %% of the processors%s\n", foreign * 100,
           foreign > 0.1 ? ": too much to trust these figures" : "");
}

int report_sum(const struct bench_case *cases, int count)
{
    int missed = 0;
    print_notes(cases, count);
    for (int i = 0; i < count; i++)
        missed += cases[i].rounds && !is_met(&cases[i]);
    return missed;
}

static json_t *spread_json(struct spread spread)
{
    return json_pack("{s:f, s:f, s:f}", "median", spread.median, "min", spread.min, "max",
                     spread.max);
}

static json_t *case_json(const struct bench_case *one)
{
    json_t *ratios = json_array();
    for (int i = 0; i < one->rounds; i++)
        json_array_append_new(ratios, json_real(ratio_of(one, i)));
    json_t *object =
        json_pack("{s:s, s:i, s:s, s:I, s:I, s:f, s:s, s:b, s:o, s:o, s:o, s:o}", "operation",
                  bench_op_name(one->work.op), "outstanding", one->work.outstanding, "at_once",
                  report_outstanding(one), "builds", (json_int_t)one->work.build_count,
                  "operations_a_round", (json_int_t)one->ours[0].operations, "mark", one->mark,
                  "mark_is", one->is_most ? "at most" : "at least", "met", is_met(one), "ratio",
                  spread_json(figure(one, RATIO)), "ratios", ratios, "bare_per_second",
                  spread_json(figure(one, BARE_RATE)), "daybook_per_second",
                  spread_json(figure(one, OURS_RATE)));
    json_object_set_new(object, "other_programs", json_real(one->foreign));
    json_object_set_new(object, "bare_cpu_us", json_real(figure(one, BARE_CPU).median));
    json_object_set_new(object, "daybook_cpu_us", json_real(figure(one, OURS_CPU).median));
    json_object_set_new(object, "bare_switches", json_real(figure(one, BARE_SWITCHES).median));
    json_object_set_new(object, "daybook_switches", json_real(figure(one, SWITCHES).median));
    if (bench_op_writes(one->work.op))
        json_object_set_new(object, "daybook_operations_a_commit",
                            json_real(figure(one, BATCH).median));
    if (one->is_most)
        json_object_set_new(object, "handover_us", spread_json(figure(one, HANDOVER)));
    return object;
}

void report_json(const struct bench_case *cases, int count, const char *folder, const char *path)
{
    json_t *list = json_array();
    int rounds = 0;
    for (int i = 0; i < count; i++)
        if (cases[i].rounds) {
            json_array_append_new(list, case_json(&cases[i]));
            rounds = cases[i].rounds;
        }
    json_t *report = json_pack("{s:o, s:i, s:o}", "machine", machine_describe(folder), "rounds",
                               rounds, "cases", list);
    if (!report || json_dump_file(report, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
        bench_fail("%s could not be written", path);
    json_decref(report);
}
