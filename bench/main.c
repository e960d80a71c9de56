/*
 * The bench: daybook beside a bare SQLite program, in turns, in one run. See README.md.
 *
 * For each case both sides get a copy of the same file and do the same work on it, one after the other,
 * for several rounds; the figure is the median of the rounds' ratios.
 */
#include "report.h"
#include "statements.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS = 7, ROUNDS_QUICK = 3, QUICKER = 8, HANDOVERS = 5000, LOOK = 64 };

#define RATE(operation, at_once, operations, wanted)                                               \
    {                                                                                              \
        .work = {.op = (operation), .outstanding = (at_once), .count = (operations)},              \
        .mark = (wanted)                                                                           \
    }
#define ALONE(operation, operations, where)                                                        \
    {                                                                                              \
        .work = {.op = (operation), .outstanding = 1, .count = (operations), .is_waited = true},   \
        .mark = 1.25, .is_most = true, .placement = (where)                                        \
    }

static struct bench_case cases[] = {
    RATE(BENCH_ADD_BUILD, 64, 30000, 0.7),
    RATE(BENCH_ADD_BUILD, 1000, 40000, 0.7),
    RATE(BENCH_SET_STATE_STRING, 64, 40000, 0.7),
    RATE(BENCH_SET_STATE_STRING, 1000, 50000, 0.7),
    RATE(BENCH_RUN_STEP, 64, 12000, 0.7),
    RATE(BENCH_RUN_STEP, 1000, 15000, 0.7),
    RATE(BENCH_SET_DATA, 64, 20000, 0.7),
    RATE(BENCH_SET_DATA, 1000, 20000, 0.7),
    RATE(BENCH_GET_BUILD, 64, 150000, 0.7),
    RATE(BENCH_GET_BUILD_BY_NUMBER, 64, 150000, 0.7),
    RATE(BENCH_GET_STEP, 64, 150000, 0.7),
    RATE(BENCH_GET_BUILDS, 64, 4000, 0.8),
    ALONE(BENCH_GET_BUILDS, 3000, PLACEMENT_TOGETHER),
    ALONE(BENCH_GET_BUILD, 20000, PLACEMENT_TOGETHER),
    ALONE(BENCH_GET_BUILD, 5000, PLACEMENT_APART),
    ALONE(BENCH_ADD_BUILD, 1500, PLACEMENT_TOGETHER),
    ALONE(BENCH_ADD_BUILD, 1500, PLACEMENT_APART),
};
enum { CASE_COUNT = sizeof cases / sizeof cases[0] };

struct options {
    const char *only, *json, *folder, *side;
    int rounds;
    bool is_quick, is_machine;
};

/* The files of a case. */
struct files {
    char seed[4096], big_seed[4096], bare[4096], ours[4096];
};

static void print_help(void)
{
    puts("Usage: bench [OPTION]...\n"
         "Measures daybook beside a bare SQLite program.\n\n"
         "  --quick        fewer operations and rounds: minutes become seconds\n"
         "  --only NAME    only cases whose name holds NAME: get_build, add_build/64, 1@1cpu\n"
         "  --rounds N     how often both sides have their turn (default 7)\n"
         "  --json FILE    where the figures go (default: bench.json beside the program)\n"
         "  --folder DIR   where the files are made (default: data beside the program)\n"
         "  --machine      describe the machine and its disk as JSON, and measure nothing else\n"
         "  --side SIDE    run one side alone, bare or daybook, for a profiler; no figures\n"
         "  --help         this text");
}

static struct options read_options(int argc, char **argv)
{
    static const struct option table[] = {{"quick", no_argument, NULL, 'q'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"folder", required_argument, NULL, 'f'},
                                          {"side", required_argument, NULL, 's'},
                                          {"machine", no_argument, NULL, 'm'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.rounds = 0};
    int letter;
    while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1)
        switch (letter) {
        case 'q':
            options.is_quick = true;
            break;
        case 'o':
            options.only = optarg;
            break;
        case 'r':
            options.rounds = atoi(optarg);
            if (options.rounds < 1 || options.rounds > ROUNDS_MAX)
                bench_fail("--rounds must be 1 to %d", ROUNDS_MAX);
            break;
        case 'j':
            options.json = optarg;
            break;
        case 'f':
            options.folder = optarg;
            break;
        case 'm':
            options.is_machine = true;
            break;
        case 's':
            options.side = optarg;
            break;
        case 'h':
            print_help();
            exit(0);
        default:
            exit(2);
        }
    if (optind < argc)
        bench_fail("what is %s? see --help", argv[optind]);
    if (options.side && strcmp(options.side, "bare") && strcmp(options.side, "daybook"))
        bench_fail("--side is bare or daybook");
    if (!options.rounds)
        options.rounds = options.is_quick ? ROUNDS_QUICK : ROUNDS;
    return options;
}

/* A path beside this program. Result: the caller's. */
static const char *path_beside(const char *name)
{
    char program[4096], *path;
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len < 0)
        bench_fail("the program's path is not known: give --json and --folder");
    program[len] = '\0';
    *strrchr(program, '/') = '\0';
    if (asprintf(&path, "%s/%s", program, name) < 0)
        bench_fail("out of memory");
    return path;
}

static bool is_wanted(const struct bench_case *one, const struct options *options)
{
    char name[80];
    snprintf(name, sizeof name, "%s/%s", bench_op_name(one->work.op), report_outstanding(one));
    return !options->only || strstr(name, options->only);
}

/* The work of a round; round -1 warms both sides up, round -2 looks at their statements. */
static struct bench_work work_of(const struct bench_case *one, int round)
{
    struct bench_work work = one->work;
    work.first = (round + 2) * work.count;
    work.seed = (uint64_t)(round + 3);
    return work;
}

static void run_side(struct bench_case *one, const struct files *files, bool is_bare, int rounds)
{
    placement_of_threads(one->placement);
    struct bare *bare = is_bare ? bare_open(files->bare) : NULL;
    struct ours *ours = is_bare ? NULL : ours_open(files->ours);
    placement_of_caller(one->placement);
    for (int round = -1; round < rounds; round++) {
        struct bench_work work = work_of(one, round);
        struct bench_sample sample;
        if (is_bare)
            bare_run(bare, &work, &sample);
        else
            ours_run(ours, &work, &sample);
    }
    bare_close(bare);
    ours_close(ours);
}

/* Does a little on both sides and compares the statements that they run. */
static void compare_statements(const struct bench_case *one, const struct files *files)
{
    struct statements bare_statements = {.count = 0}, ours_statements = {.count = 0};
    struct bench_work work = work_of(one, -2);
    struct bench_sample sample;
    work.count = LOOK;
    work.outstanding = 1; /* many gets at once are answered by a statement of another form */
    statements_watch();
    struct bare *bare = bare_open(files->bare);
    statements_record(&bare_statements);
    bare_run(bare, &work, &sample);
    statements_record(NULL);
    struct ours *ours = ours_open(files->ours);
    statements_record(&ours_statements);
    ours_run(ours, &work, &sample);
    statements_record(NULL);
    bare_close(bare);
    ours_close(ours);
    statements_unwatch();
    statements_compare(&bare_statements, &ours_statements);
    statements_fini(&bare_statements);
    statements_fini(&ours_statements);
}

/* The last checkpoint of one side must not run in the other's turn. */
static void settle(void)
{
    usleep(30 * 1000);
}

static void run_rounds(struct bench_case *one, const struct files *files, int rounds)
{
    compare_statements(one, files);
    placement_of_threads(one->placement);
    struct bare *bare = bare_open(files->bare);
    struct ours *ours = ours_open(files->ours);
    placement_of_caller(one->placement);
    for (int round = -1; round < rounds; round++) {
        struct bench_work work = work_of(one, round);
        struct bench_sample bare_sample, ours_sample;
        bare_run(bare, &work, &bare_sample);
        settle();
        ours_run(ours, &work, &ours_sample);
        settle();
        if (bare_sample.sum != ours_sample.sum || bare_sample.operations != ours_sample.operations)
            bench_fail("%s: the two sides did not do the same", bench_op_name(work.op));
        if (round < 0)
            continue;
        one->bare[round] = bare_sample;
        one->ours[round] = ours_sample;
        if (one->is_most)
            one->handover[round] = handover_measure(HANDOVERS, one->placement);
    }
    one->rounds = rounds;
    bare_close(bare);
    ours_close(ours);
    placement_of_caller(PLACEMENT_FREE);
    if (bench_op_writes(one->work.op))
        seed_compare(files->bare, files->ours);
}

static void run_case(struct bench_case *one, struct files *files, const struct options *options)
{
    bool is_big = one->work.op == BENCH_GET_BUILDS;
    const char *seed = is_big ? files->big_seed : files->seed;
    one->work.build_count = is_big ? BENCH_BUILDS_MANY : BENCH_BUILDS;
    if (options->is_quick)
        one->work.count /= QUICKER;
    if (access(seed, F_OK))
        seed_make(seed, one->work.build_count);
    seed_copy(seed, files->bare);
    seed_copy(seed, files->ours);
    if (options->side) {
        run_side(one, files, !strcmp(options->side, "bare"), options->rounds);
    } else {
        struct bench_meter meter;
        struct bench_sample own;
        double busy = machine_busy_seconds();
        bench_meter_begin(&meter);
        run_rounds(one, files, options->rounds);
        bench_meter_end(&meter, &own);
        busy = machine_busy_seconds() - busy - own.cpu_seconds;
        one->foreign = busy > 0 ? busy / own.seconds / machine_cpu_count() : 0;
        report_line(one);
    }
    seed_remove(files->bare);
    seed_remove(files->ours);
}

static int print_machine(const char *folder)
{
    json_t *machine = machine_describe(folder);
    int failed = json_dumpf(machine, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(machine);
    return failed != 0;
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct files files;
    const char *folder = options.folder ? options.folder : path_beside("data");
    const char *json = options.json ? options.json : path_beside("bench.json");
    if (mkdir(folder, 0777) && errno != EEXIST)
        bench_fail("%s: %s", folder, strerror(errno));
    if (options.is_machine)
        return print_machine(folder);
    snprintf(files.seed, sizeof files.seed, "%s/seed.sqlite", folder);
    snprintf(files.big_seed, sizeof files.big_seed, "%s/seed-big.sqlite", folder);
    snprintf(files.bare, sizeof files.bare, "%s/bare.sqlite", folder);
    snprintf(files.ours, sizeof files.ours, "%s/daybook.sqlite", folder);
    seed_remove(files.seed);
    seed_remove(files.big_seed);
    if (!options.side)
        report_head();
    for (int i = 0; i < CASE_COUNT; i++)
        if (is_wanted(&cases[i], &options) && placement_is_possible(cases[i].placement))
            run_case(&cases[i], &files, &options);
    seed_remove(files.seed);
    seed_remove(files.big_seed);
    if (options.side)
        return 0;
    int missed = report_sum(cases, CASE_COUNT);
    printf("%s\nfigures: %s\n", missed ? "some marks were missed" : "all marks were met", json);
    report_json(cases, CASE_COUNT, folder, json);
    return 0;
}
