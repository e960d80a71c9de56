/*
 * Rates: see rate.h. The buckets are a table of fixed size: each client has WAYS places where its bucket may be, and
 * takes the one that nobody used for longest. Whoever comes with many addresses can only make others' buckets full
 * again. The hash has a seed that nobody knows.
 */
#include "rate.h"

#include "connection.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define SETS 1024
#define WAYS 4

struct bucket {
    uint64_t client; /* hash; 0: free */
    int64_t used_ms;
    double level; /* requests */
};

struct rate {
    uint64_t seed;
    struct bucket buckets[SETS][WAYS];
};

bool rate_init(struct server *server)
{
    server->rate = calloc(1, sizeof(*server->rate));
    return server->rate && getrandom(&server->rate->seed, sizeof(server->rate->seed), 0) ==
                               sizeof(server->rate->seed);
}

void rate_fini(struct server *server)
{
    free(server->rate);
}

static uint64_t hash_of(const struct rate *rate, const void *bytes, size_t len)
{
    uint64_t hash = rate->seed;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    hash ^= hash >> 29;
    return hash ? hash : 1;
}

/* The bucket of a client, full when it is new. */
static struct bucket *find(struct rate *rate, uint64_t client, int64_t now_ms, double most)
{
    struct bucket *set = rate->buckets[client % SETS], *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].client == client)
            return &set[i];
        if (set[i].used_ms < oldest->used_ms)
            oldest = &set[i];
    }
    *oldest = (struct bucket){client, now_ms, most};
    return oldest;
}

/* An address of version 6 is one of 2^64 that the same machine may have. */
static uint64_t client_of(const struct rate *rate, const char *address)
{
    struct in6_addr v6;
    if (inet_pton(AF_INET6, address, &v6) == 1)
        return hash_of(rate, &v6, IN6_IS_ADDR_V4MAPPED(&v6) ? sizeof(v6) : 8);
    return hash_of(rate, address, strlen(address));
}

static bool is_loopback(const char *address)
{
    return !strncmp(address, "127.", 4) || !strcmp(address, "::1");
}

bool rate_counts(const struct serve_options *options, const char *address)
{
    return options->rate && !(options->is_rate_for_others && (!*address || is_loopback(address)));
}

bool rate_take(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct serve_options *options = server->options;
    int64_t now_ms = connection_now_ms();
    const char *address = exchange->peer;
    if (!rate_counts(options, address))
        return true;
    double most = (double)options->rate * RATE_BURST;
    struct bucket *bucket = find(server->rate, client_of(server->rate, address), now_ms, most);
    bucket->level += (double)(now_ms - bucket->used_ms) / 1000 * options->rate;
    bucket->level = bucket->level < most ? bucket->level : most;
    bucket->used_ms = now_ms;
    if (bucket->level < 1)
        return false;
    bucket->level--;
    return true;
}
