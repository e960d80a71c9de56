/* The program that makes the further measurements; see more.h. */
#include "more.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int missed;
static json_t *figures; /* NULL: nobody wants them in a file */

static const struct {
    const char *name;
    void (*measure)(const struct more_options *options);
} MEASUREMENTS[] = {
    {"large", large_measure}, /* first: its processes begin with the memory that this one has */
    {"lineage", lineage_measure},
    {"record", record_measure},
    {"keys", keys_measure},
};
enum { MEASUREMENT_COUNT = sizeof MEASUREMENTS / sizeof MEASUREMENTS[0] };

void more_add(struct more_line *line, double other, double ours)
{
    line->other[line->rounds] = other;
    line->ours[line->rounds] = ours;
    line->ratio[line->rounds++] = ours / other;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(const double *values, int count)
{
    double sorted[MORE_ROUNDS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return sorted[count / 2];
}

static const char *judge(double value, double mark, bool is_most)
{
    bool is_met = is_most ? value <= mark : value >= mark;
    missed += !is_met;
    return is_met ? "ok" : is_most ? "ABOVE" : "BELOW";
}

/* Keeps an object for the file; it is taken. Without a mark it is a figure alone. */
static void keep(json_t *object, double value, double mark, bool is_most)
{
    if (mark > 0) {
        json_object_set_new(object, "mark", json_real(mark));
        json_object_set_new(object, "mark_is", json_string(is_most ? "at most" : "at least"));
        json_object_set_new(object, "met", json_boolean(is_most ? value <= mark : value >= mark));
    }
    json_array_append_new(figures, object);
}

void more_print(const struct more_line *line)
{
    double ratio = median(line->ratio, line->rounds), least = ratio, most = ratio;
    for (int i = 0; i < line->rounds; i++) {
        least = line->ratio[i] < least ? line->ratio[i] : least;
        most = line->ratio[i] > most ? line->ratio[i] : most;
    }
    printf("%-34s %10.4g %-14s %10.4g %-14s %6.2f %6.2f-%5.2f", line->name,
           median(line->other, line->rounds), line->other_words, median(line->ours, line->rounds),
           line->ours_words, ratio, least, most);
    if (line->mark > 0)
        printf("  %s %.2f %s", line->is_most ? "<=" : ">=", line->mark,
               judge(ratio, line->mark, line->is_most));
    putchar('\n');
    fflush(stdout);
    if (figures)
        keep(json_pack("{s:s, s:f, s:f, s:f, s:s, s:f, s:s, s:f}", "name", line->name, "ratio",
                       ratio, "min", least, "max", most, "other_is", line->other_words, "other",
                       median(line->other, line->rounds), "daybook_is", line->ours_words, "daybook",
                       median(line->ours, line->rounds)),
             ratio, line->mark, line->is_most);
}

void more_print_limit(const char *name, double value, double limit, const char *unit)
{
    if (figures)
        keep(json_pack("{s:s, s:f, s:s}", "name", name, "value", value, "unit", unit), value, limit,
             true);
    printf("%-34s %10.4g %-50s <= %.4g %s\n", name, value, unit, limit, judge(value, limit, true));
    fflush(stdout);
}

struct dbk_store *more_open(const char *path, bool is_made)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    if (is_made)
        seed_remove(path);
    options.is_created = is_made;
    if (dbk_open(path, &options, &store, &error))
        bench_fail("%s", error.message);
    return store;
}

const char *more_path(const struct more_options *options, const char *name)
{
    static char paths[4][4096];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s.sqlite", options->folder, name);
    return path;
}

void more_wait(struct dbk_store *store, const int *outstanding)
{
    while (*outstanding)
        dbk_wait(store, -1);
}

static void print_help(void)
{
    puts("Usage: bench-more [OPTION]...\n"
         "Measures daybook where it is not one call after the other.\n\n"
         "  --quick        less of everything\n"
         "  --only NAME    large, lineage, record or keys\n"
         "  --rounds N     how often both sides have their turn (default 5)\n"
         "  --json FILE    where the figures go as well (default: nowhere)\n"
         "  --folder DIR   where the files are made (default: the current one)\n"
         "  --help         this text");
}

int main(int argc, char **argv)
{
    static const struct option table[] = {{"quick", no_argument, NULL, 'q'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"folder", required_argument, NULL, 'f'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct more_options options = {.folder = ".", .rounds = 5};
    const char *only = NULL, *json = NULL;
    int letter;
    while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1)
        switch (letter) {
        case 'q':
            options.is_quick = true;
            break;
        case 'o':
            only = optarg;
            break;
        case 'r':
            options.rounds = atoi(optarg);
            break;
        case 'f':
            options.folder = optarg;
            break;
        case 'j':
            json = optarg;
            break;
        case 'h':
            print_help();
            return 0;
        default:
            return 2;
        }
    if (options.rounds < 1 || options.rounds > MORE_ROUNDS_MAX)
        bench_fail("--rounds must be 1 to %d", MORE_ROUNDS_MAX);
    if (mkdir(options.folder, 0777) && errno != EEXIST)
        bench_fail("%s: %s", options.folder, strerror(errno));
    if (json)
        figures = json_array();
    printf("%-34s %25s %25s %6s %12s  %s\n", "", "compared with", "daybook", "ratio", "min - max",
           "mark");
    for (int i = 0; i < MEASUREMENT_COUNT; i++)
        if (!only || !strcmp(only, MEASUREMENTS[i].name))
            MEASUREMENTS[i].measure(&options);
    puts(missed ? "some marks were missed" : "all marks were met");
    if (json && json_dump_file(figures, json, JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
        bench_fail("%s could not be written", json);
    json_decref(figures);
    return 0;
}
