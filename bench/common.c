/* What both sides of the bench share; see bench.h. */
#include "bench.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

void bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

/* xorshift64*: fast, so that it does not show in the figures. */
static uint64_t next(struct bench_random *random)
{
    uint64_t x = random->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return x * 0x2545F4914F6CDD1D;
}

void bench_random_init(struct bench_random *random, uint64_t seed)
{
    random->state = seed * 0x9E3779B97F4A7C15 + 1;
    next(random);
}

struct bench_draw bench_draw(struct bench_random *random, const struct bench_work *work)
{
    static const char *const texts[] = {
        "building",           "compiling 214 files", "running the tests (17 of 60)",
        "build successful",   "step 3: linking",     "uploading",
        "waiting for a lock", "failed: 2 tests"};
    uint64_t bits = next(random);
    int64_t build_index = (int64_t)((bits >> 16) % (uint64_t)work->build_count);
    return (struct bench_draw){
        .buildid = build_index + 1,
        .builderid = build_index % BENCH_BUILDERS + 1,
        .number = build_index / BENCH_BUILDERS + 1,
        .requestid = (int64_t)(bits % BENCH_REQUESTS) + 1,
        .workerid = (int64_t)(bits % BENCH_WORKERS) + 1,
        .stepid = build_index * BENCH_STEPS_OF_A_BUILD + (int64_t)(bits & 1) + 1,
        .text = texts[bits & 7],
    };
}

const char *bench_value(void)
{
    static char value[BENCH_VALUE_LEN];
    for (int i = 0; !value[BENCH_VALUE_LEN - 1] && i < BENCH_VALUE_LEN; i++)
        value[i] = (char)('a' + i * 7 % 26);
    return value;
}

const char *bench_op_name(enum bench_op op)
{
    static const char *const names[] = {
        [BENCH_ADD_BUILD] = "add_build",
        [BENCH_SET_STATE_STRING] = "set_build_state_string",
        [BENCH_RUN_STEP] = "add+start+finish_step",
        [BENCH_SET_DATA] = "set_build_data",
        [BENCH_GET_BUILD] = "get_build",
        [BENCH_GET_BUILD_BY_NUMBER] = "get_build_by_number",
        [BENCH_GET_STEP] = "get_step",
        [BENCH_GET_BUILDS] = "get_builds",
    };
    return names[op];
}

bool bench_op_writes(enum bench_op op)
{
    return op < BENCH_GET_BUILD;
}

double bench_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void bench_meter_begin(struct bench_meter *meter)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    meter->cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    meter->switches = usage.ru_nvcsw + usage.ru_nivcsw;
    meter->seconds = bench_seconds();
}

void bench_meter_end(const struct bench_meter *meter, struct bench_sample *sample)
{
    struct bench_meter end;
    double seconds = bench_seconds();
    bench_meter_begin(&end);
    sample->seconds = seconds - meter->seconds;
    sample->cpu_seconds = end.cpu_seconds - meter->cpu_seconds;
    sample->switches = end.switches - meter->switches;
}
