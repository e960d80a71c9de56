/*
 * What a query asks of a kind of record: filters, order and page as a spec for the store, fields and
 * properties for the answer. It goes by Buildbot's rules: what they are stands in docs/http.md.
 */
#ifndef DAEMON_ASK_H
#define DAEMON_ASK_H

#include "query.h"
#include "resource.h"

#include <daybook.h>

#define ASK_MESSAGE_SIZE 200

struct ask {
    const struct query *query;
    struct dbk_spec *spec;
    uint32_t fields;     /* bits of the resource's fields; 0: all */
    bool has_properties; /* some property was asked for */
    bool has_all_properties;
    bool has_steps;  /* builds come with their steps */
    bool has_cursor; /* the answer gives a cursor to go on with */
    bool has_property_filter;
    int64_t limit;    /* how many records the store is asked for */
    int64_t rows_max; /* a longer page is refused rather than given in part */
    /* The steps of all builds of the answer, by build, once they are read. */
    const struct dbk_step *const *steps;
    size_t step_count;
};

enum ask_outcome { ASK_OK, ASK_BAD, ASK_NO_MEMORY };

/*
 * Reads a query. Args: is_list: a list is asked for, else one record, which takes neither filters nor a
 * page. Result: ASK_BAD with a sentence in out_message. The query must outlive *out_ask, which is to be
 * ended with ask_fini() in any case.
 */
enum ask_outcome ask_parse(const struct resource *resource, const struct query *query, bool is_list,
                           struct ask *out_ask, char out_message[ASK_MESSAGE_SIZE]);
void ask_fini(struct ask *ask);

/* Whether a property of that name was asked for. */
bool ask_wants_property(const struct ask *ask, const char *name);

#endif
