/*
 * Query strings: see query.h.
 */
#include "query.h"

#include "path.h"

#include <stdlib.h>
#include <string.h>

enum query_outcome query_parse(const char *text, struct query *out_query)
{
    struct query *query = out_query;
    *query = (struct query){.text = strdup(text ? text : "")};
    if (!query->text)
        return QUERY_NO_MEMORY;
    size_t count = 1;
    for (const char *at = query->text; (at = strchr(at, '&')); at++)
        count++;
    if (count > QUERY_ITEMS_MAX)
        return QUERY_BAD;
    query->items = calloc(count, sizeof(*query->items));
    if (!query->items)
        return QUERY_NO_MEMORY;
    char *rest = query->text;
    for (char *name; (name = strsep(&rest, "&"));) {
        char *value = strchr(name, '=');
        if (!value) /* says nothing, as Buildbot has it */
            continue;
        *value++ = '\0';
        if (!path_decode(name, true) || !path_decode(value, true))
            return QUERY_BAD;
        bool is_again = query_value(query, name);
        query->items[query->count++] = (struct query_item){name, value, is_again};
    }
    return QUERY_OK;
}

void query_fini(struct query *query)
{
    free(query->items);
    free(query->text);
    query->items = NULL;
    query->text = NULL;
}

const char *query_value(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++)
        if (!strcmp(query->items[i].name, name))
            return query->items[i].value;
    return NULL;
}

size_t query_count(const struct query *query, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < query->count; i++)
        count += !strcmp(query->items[i].name, name);
    return count;
}
