/* What an operation key costs a write: the same writes with and without, on two copies of one file. The turns are short
 * and many, since the difference is small beside what a disk's mood makes of either. */
#include "more.h"

struct writes {
    struct dbk_store *store;
    bool has_keys;
    int next, end, outstanding;
};

static void note_added(void *user, const struct dbk_error *error, int64_t buildid, int64_t number);

static void submit(struct writes *writes)
{
    char key[BENCH_NAME_SIZE];
    struct dbk_call call = DBK_CALL_INIT;
    if (writes->next == writes->end)
        return;
    int i = writes->next++;
    snprintf(key, sizeof key, "host-1:%08d", i);
    call.scope = "bench";
    call.key = writes->has_keys ? key : NULL;
    writes->outstanding++;
    if (dbk_add_build(writes->store, i % BENCH_BUILDERS + 1, i % BENCH_REQUESTS + 1, 1, 1,
                      "starting", &call, note_added, writes))
        bench_fail("a build was refused");
}

static void note_added(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    struct writes *writes = user;
    (void)buildid;
    (void)number;
    if (error)
        bench_fail("%s", error->message);
    writes->outstanding--;
    submit(writes);
}

/* Result: microseconds a write. */
static double measure(struct dbk_store *store, bool has_keys, int first, int count, int at_once)
{
    struct writes writes = {
        .store = store, .has_keys = has_keys, .next = first, .end = first + count};
    double start = bench_seconds();
    for (int i = 0; i < at_once; i++)
        submit(&writes);
    more_wait(store, &writes.outstanding);
    return (bench_seconds() - start) * 1e6 / count;
}

void keys_measure(const struct more_options *options)
{
    static const struct {
        const char *name;
        int at_once, count;
    } CASES[] = {{"add_build with a key, one at a time", 1, 500},
                 {"add_build with a key, 64 at once", 64, 10000}};
    const char *seed = more_path(options, "seed"), *plain_path = more_path(options, "plain"),
               *keyed_path = more_path(options, "keyed");
    seed_make(seed, BENCH_BUILDS);
    for (int i = 0; i < 2; i++) {
        struct more_line line = {.name = CASES[i].name,
                                 .other_words = "us without",
                                 .ours_words = "us with",
                                 .mark = 1.15,
                                 .is_most = true};
        int count = CASES[i].count / (options->is_quick ? 8 : 1);
        seed_copy(seed, plain_path);
        seed_copy(seed, keyed_path);
        struct dbk_store *plain = more_open(plain_path, false),
                         *keyed = more_open(keyed_path, false);
        for (int round = -1; round < MORE_ROUNDS_MAX; round++) {
            int first = (round + 1) * count;
            double without = measure(plain, false, first, count, CASES[i].at_once);
            double with = measure(keyed, true, first, count, CASES[i].at_once);
            if (round >= 0)
                more_add(&line, without, with);
        }
        more_print(&line);
        dbk_close_wait(plain);
        dbk_close_wait(keyed);
    }
    seed_remove(seed);
    seed_remove(plain_path);
    seed_remove(keyed_path);
}
