/*
 * A query string in its items, decoded, in the order in which they stand. Not for what they mean
 * (ask.h).
 */
#ifndef DAEMON_QUERY_H
#define DAEMON_QUERY_H

#include <stdbool.h>
#include <stddef.h>

/* More than any spec takes: the values of one filter are at most 1,000. */
#define QUERY_ITEMS_MAX 2000

struct query_item {
    char *name;
    char *value;   /* "" where none stands */
    bool is_again; /* the name stood before */
};

struct query {
    char *text; /* what the items lie in */
    struct query_item *items;
    size_t count;
};

enum query_outcome { QUERY_OK, QUERY_BAD, QUERY_NO_MEMORY };

/* Args: text may be NULL. Result: QUERY_BAD for what does not decode to text, and for too many. *out_query is to be ended
 * with query_fini() in any case. */
enum query_outcome query_parse(const char *text, struct query *out_query);
void query_fini(struct query *query);

/* The first value of that name. Result: NULL when there is none. */
const char *query_value(const struct query *query, const char *name);

/* How many values that name has. */
size_t query_count(const struct query *query, const char *name);

#endif
