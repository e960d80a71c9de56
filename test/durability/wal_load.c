/*
 * A program that loads one database through the library under the watch of its own locks.
 *
 * usage: wal_load PATH ROUNDS WRITES
 * In each round it opens two stores and a read-only one on the file, writes WRITES values of some 20 kB
 * through each of the two at once while reading, and closes the three in an order that changes. With no
 * rounds it only opens the file, reads, and closes it, once to write and once read-only. Prints
 * struct guard_counts as "commits checkpoints recoveries moved_pages violations words".
 */
#include "guard_watch.h"
#include "ground.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORES = 2, OUTSTANDING = 8, VALUE_LEN = 20000 };

struct load {
    struct dbk_store *store;
    int64_t buildid;
    int submitted, finished, wanted, reads;
};

static void stored(void *user, const struct dbk_error *error)
{
    struct load *load = user;
    GROUND_NEED(!error, "set_build_data: %s", error->message);
    load->finished++;
}

static void seen(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    struct load *load = user;
    GROUND_NEED(!error, "get_build_data: %s", error->message);
    GROUND_NEED(!data || data->value_len == VALUE_LEN, "a value of %zu bytes", data->value_len);
    load->reads--;
}

static void submit_some(struct load *load)
{
    static char value[VALUE_LEN];
    while (load->submitted < load->wanted && load->submitted - load->finished < OUTSTANDING) {
        char name[16];
        snprintf(name, sizeof name, "d%d", load->submitted % 32);
        memset(value, 'a' + load->submitted % 26, sizeof value);
        GROUND_NEED(!dbk_set_build_data(load->store, load->buildid, name, value, sizeof value, "t",
                                        NULL, stored, load),
                    "set_build_data refused");
        load->submitted++;
        if (load->submitted % 4)
            continue;
        GROUND_NEED(!dbk_get_build_data(load->store, load->buildid, name, NULL, seen, load),
                    "get_build_data refused");
        load->reads++;
    }
}

static void got_none(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    (void)build;
    GROUND_NEED(!error, "get_build: %s", error->message);
    *(bool *)user = true;
}

static void read_and_close(const char *url)
{
    struct dbk_store *store = ground_open(url, false);
    bool is_read = false;
    GROUND_NEED(!dbk_get_build(store, 1, NULL, got_none, &is_read), "get_build refused");
    while (!is_read)
        dbk_wait(store, -1);
    dbk_close_wait(store);
}

static void run_round(const char *path, int round, int wanted)
{
    struct load loads[STORES] = {0};
    char url[GROUND_PATH_SIZE + 32];
    struct dbk_store *reader;
    bool is_read = false;
    snprintf(url, sizeof url, "sqlite:///%s?mode=ro", path);
    for (int i = 0; i < STORES; i++) {
        loads[i].store = ground_open(path, false);
        loads[i].wanted = wanted;
        int64_t number = ground_add_build(loads[i].store, 1 + i, 0, NULL);
        GROUND_NEED(number > 0, "add_build: %s", dbk_status_name((enum dbk_status) - number));
        loads[i].buildid = 1 + i; /* any that is there: both processes write to the same ones */
    }
    reader = ground_open(url, false);
    GROUND_NEED(!dbk_get_build(reader, 1, NULL, got_none, &is_read), "get_build refused");
    for (bool is_busy = true; is_busy;) {
        is_busy = !is_read;
        dbk_wait(reader, 0);
        for (int i = 0; i < STORES; i++) {
            submit_some(&loads[i]);
            dbk_wait(loads[i].store, 2);
            is_busy |= loads[i].finished < loads[i].wanted || loads[i].reads;
        }
    }
    if (round % 2)
        dbk_close_wait(reader);
    dbk_close_wait(loads[round % STORES].store);
    dbk_close_wait(loads[1 - round % STORES].store);
    if (round % 2 == 0)
        dbk_close_wait(reader);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: wal_load PATH ROUNDS WRITES\n");
        return 2;
    }
    ground_is_child();
    guard_watch_begin();
    if (atoi(argv[2]) == 0) {
        char url[GROUND_PATH_SIZE + 32];
        snprintf(url, sizeof url, "sqlite:///%s?mode=ro", argv[1]);
        read_and_close(url);
        /* Which of its connections is the last to close differs from time to time. */
        for (int i = 0; i < 40; i++)
            read_and_close(argv[1]);
    }
    for (int round = 0; round < atoi(argv[2]); round++)
        run_round(argv[1], round, atoi(argv[3]));
    struct guard_counts counts = guard_watch_end();
    printf("%ld %ld %ld %ld %ld %s\n", counts.commits, counts.checkpoints, counts.recoveries,
           counts.moved_pages, counts.violations, counts.first);
    return 0;
}
