/*
 * Queries on records: see ask.h.
 */
#include "ask.h"

#include "ask_property.h"
#include "path.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ORDERS_MAX 8 /* that a spec takes */

/* A query while it is read. */
struct reading {
    const struct resource *resource;
    const struct query *query;
    struct ask *ask;
    bool is_list;
    uint32_t used; /* bits of the fields that filters and orders name */
    bool has_filter;
    bool has_offset;
    bool has_total;
    int64_t limit; /* DBK_NONE: none */
    char *message;
};

static const struct {
    const char *name;
    enum dbk_compare compare;
    bool takes_several;
} comparisons[] = {
    {"eq", DBK_EQ, true},  {"ne", DBK_NE, true},       {"lt", DBK_LT, false},
    {"le", DBK_LE, false}, {"gt", DBK_GT, false},      {"ge", DBK_GE, false},
    {"in", DBK_IN, true},  {"notin", DBK_NOTIN, true}, {"contains", DBK_CONTAINS, true},
};

static enum ask_outcome refuse(struct reading *reading, const char *what, const char *name)
{
    snprintf(reading->message, ASK_MESSAGE_SIZE, "%s: %.100s", what, name);
    return ASK_BAD;
}

/* The outcome for a status of the spec's. */
static enum ask_outcome outcome_of(struct reading *reading, int status, const char *name)
{
    if (status == DBK_NO_MEMORY)
        return ASK_NO_MEMORY;
    return status ? refuse(reading, "this cannot be asked for", name) : ASK_OK;
}

static bool read_bool(const char *text, int64_t *out_value)
{
    static const char *const words[2][4] = {{"false", "no", "off", "0"},
                                            {"true", "yes", "on", "1"}};
    for (int value = 0; value < 2; value++)
        for (int i = 0; i < 4; i++)
            if (!strcasecmp(text, words[value][i])) {
                *out_value = value;
                return true;
            }
    return false;
}

/* Whether a claim is there, and the like: a truth value of the API's, a time that is or is not none in
 * the store's. */
static int filter_is_set(struct dbk_spec *spec, const char *field, enum dbk_compare compare,
                         const int64_t *values, size_t count)
{
    bool has[2] = {false, false};
    const int64_t none = DBK_NONE;
    bool is_negated = compare == DBK_NE || compare == DBK_NOTIN;
    if (!is_negated && compare != DBK_EQ && compare != DBK_IN)
        return DBK_INVALID;
    for (size_t i = 0; i < count; i++)
        has[values[i] != 0] = true;
    if (is_negated) {
        has[0] = !has[0];
        has[1] = !has[1];
    }
    if (has[0] && has[1])
        return DBK_OK;
    if (!has[0] && !has[1]) { /* what neither is nor is not: none */
        int status = dbk_spec_filter_int(spec, field, DBK_NE, &none, 1);
        return status ? status : dbk_spec_filter_int(spec, field, DBK_EQ, &none, 1);
    }
    return dbk_spec_filter_int(spec, field, has[1] ? DBK_NE : DBK_EQ, &none, 1);
}

static int add_filter(struct dbk_spec *spec, const struct resource_field *field,
                      enum dbk_compare compare, const char *const *texts, const int64_t *numbers,
                      size_t count)
{
    if (field->kind == RESOURCE_TEXT)
        return dbk_spec_filter_text(spec, field->filter, compare, texts, count);
    if (field->kind == RESOURCE_IS_SET && strcmp(field->filter, field->name) != 0)
        return filter_is_set(spec, field->filter, compare, numbers, count);
    return dbk_spec_filter_int(spec, field->filter, compare, numbers, count);
}

/* A filter on a field: all values that the query gives under `name`. */
static enum ask_outcome read_filter(struct reading *reading, const char *name, int index,
                                    enum dbk_compare compare)
{
    const struct resource_field *field = &reading->resource->fields[index];
    const struct query *query = reading->query;
    size_t count = 0, wanted = query_count(query, name);
    if (!field->filter)
        return refuse(reading, "this field takes no filter", name);
    const char **texts = calloc(wanted, sizeof(*texts));
    int64_t *numbers = calloc(wanted, sizeof(*numbers));
    enum ask_outcome outcome = texts && numbers ? ASK_OK : ASK_NO_MEMORY;
    for (size_t i = 0; i < query->count && outcome == ASK_OK; i++) {
        const char *value = query->items[i].value;
        if (strcmp(query->items[i].name, name) != 0)
            continue;
        texts[count] = value;
        bool is_number = field->kind == RESOURCE_INT || field->kind == RESOURCE_INT_ASKED;
        bool is_good = field->kind == RESOURCE_TEXT ? true
                       : is_number                  ? path_number(value, true, &numbers[count])
                                                    : read_bool(value, &numbers[count]);
        if (!is_good)
            outcome = refuse(reading, "not a value for this filter", name);
        count++;
    }
    if (outcome == ASK_OK)
        outcome = outcome_of(
            reading, add_filter(reading->ask->spec, field, compare, texts, numbers, count), name);
    free(texts);
    free(numbers);
    reading->used |= 1U << index;
    reading->has_filter = true;
    return outcome;
}

/* FIELD__OP. One whose field or comparison is unknown is ignored, and so is one that has several values
 * where the comparison takes one: so Buildbot answers. */
static enum ask_outcome read_comparison(struct reading *reading, const char *name)
{
    const char *mark = NULL;
    for (const char *at = name; (at = strstr(at, "__")); at++)
        mark = at;
    char *field = strndup(name, (size_t)(mark - name));
    if (!field)
        return ASK_NO_MEMORY;
    int index = resource_find(reading->resource, field);
    free(field);
    if (index < 0)
        return ASK_OK;
    for (size_t i = 0; i < sizeof(comparisons) / sizeof(*comparisons); i++)
        if (!strcmp(mark + 2, comparisons[i].name) &&
            (comparisons[i].takes_several || query_count(reading->query, name) == 1))
            return read_filter(reading, name, index, comparisons[i].compare);
    return ASK_OK;
}

static enum ask_outcome read_order(struct reading *reading, const char *value)
{
    bool is_reversed = *value == '-';
    int index = resource_find(reading->resource, value + is_reversed);
    if (index < 0)
        return refuse(reading, "no such field", value);
    const struct resource_field *field = &reading->resource->fields[index];
    char key[64];
    if (!field->filter)
        return refuse(reading, "this field gives no order", value);
    snprintf(key, sizeof(key), "%s%s", is_reversed ? "-" : "", field->filter);
    reading->used |= 1U << index;
    return outcome_of(reading, dbk_spec_order(reading->ask->spec, key), value);
}

static enum ask_outcome read_page(struct reading *reading, const char *name, const char *value)
{
    bool is_limit = !strcmp(name, "limit");
    int64_t number;
    if (!path_number(value, true, &number) || number < 0)
        return refuse(reading, "not a number of records", name);
    if (!is_limit) {
        reading->has_offset = number > 0;
        return outcome_of(reading, dbk_spec_offset(reading->ask->spec, number), name);
    }
    reading->limit = number;
    return ASK_OK;
}

/* With a cursor a page may be given in part: what is left has a way to be asked for. Without, one more than may be
 * given tells whether there are too many. */
static int limit_page(struct reading *reading)
{
    struct ask *ask = reading->ask;
    ask->rows_max = ask->has_steps ? SERVER_INCLUDE_MAX : SERVER_ROWS_MAX;
    int64_t most = ask->rows_max + !ask->has_cursor;
    bool is_given = reading->limit != DBK_NONE && reading->limit <= most;
    ask->limit = is_given ? reading->limit : most;
    return dbk_spec_limit(ask->spec, ask->limit);
}

static enum ask_outcome read_cursor(struct reading *reading, const char *value)
{
    reading->ask->has_cursor = true;
    return *value ? outcome_of(reading, dbk_spec_cursor(reading->ask->spec, value), "cursor")
                  : ASK_OK;
}

static enum ask_outcome read_total(struct reading *reading, const char *value)
{
    if (!strcmp(value, "none"))
        return outcome_of(reading, dbk_spec_total(reading->ask->spec, DBK_TOTAL_NONE, 0), "total");
    reading->has_total = true;
    return strcmp(value, "exact") != 0 ? refuse(reading, "neither none nor exact", "total")
                                       : ASK_OK;
}

/* property.NAME=JSON, in all its values. */
static enum ask_outcome read_property(struct reading *reading, const char *name)
{
    const char *property = name + strlen(ASK_PROPERTY);
    reading->has_filter = reading->ask->has_property_filter = true;
    int status = ask_property_filter(reading->ask->spec, reading->query, name, property);
    if (status == DBK_NO_MEMORY)
        return ASK_NO_MEMORY;
    return status ? refuse(reading, "its value must be JSON, a text in quotes", name) : ASK_OK;
}

/* A filter by properties looks at some builds and says where to go on: it knows no total, and skips nothing. */
static enum ask_outcome finish_properties(struct reading *reading)
{
    struct ask *ask = reading->ask;
    if (reading->has_offset || reading->has_total)
        return refuse(reading, "not together with a filter by a property; use cursor",
                      reading->has_offset ? "offset" : "total");
    ask->has_cursor = true;
    return outcome_of(reading, dbk_spec_total(ask->spec, DBK_TOTAL_NONE, 0), "total");
}

/* include=steps,properties: one request for builds with what belongs to them. */
static enum ask_outcome read_include(struct reading *reading, const char *value)
{
    struct ask *ask = reading->ask;
    for (size_t len; *value; value += len + (value[len] == ',')) {
        len = strcspn(value, ",");
        if (len == strlen("steps") && !strncmp(value, "steps", len))
            ask->has_steps = true;
        else if (len == strlen("properties") && !strncmp(value, "properties", len))
            ask->has_properties = ask->has_all_properties = true;
        else
            return refuse(reading, "neither steps nor properties", "include");
    }
    return ASK_OK;
}

/* Items of which each has its say. */
static enum ask_outcome read_each(struct reading *reading, const struct query_item *item)
{
    if (!strcmp(item->name, "order"))
        return read_order(reading, item->value);
    if (!strcmp(item->name, "include"))
        return read_include(reading, item->value);
    if (!strcmp(item->name, "property")) {
        reading->ask->has_properties = true;
        return ASK_OK;
    }
    int index = resource_find(reading->resource, item->value);
    if (index < 0)
        return refuse(reading, "no such field", item->value);
    reading->ask->fields |= 1U << index;
    return ASK_OK;
}

/* Items of which the first one speaks for all of its name. */
static enum ask_outcome read_first(struct reading *reading, const struct query_item *item)
{
    const char *name = item->name;
    int index = resource_find(reading->resource, name);
    if (!strcmp(name, "limit") || !strcmp(name, "offset"))
        return read_page(reading, name, item->value);
    if (index >= 0)
        return read_filter(reading, name, index, DBK_EQ);
    if (reading->resource == &resource_build && !strncmp(name, ASK_PROPERTY, strlen(ASK_PROPERTY)))
        return read_property(reading, name);
    if (!strcmp(name, "cursor"))
        return read_cursor(reading, item->value);
    if (!strcmp(name, "total"))
        return read_total(reading, item->value);
    if (strstr(name, "__"))
        return read_comparison(reading, name);
    return refuse(reading, "unknown query parameter", name);
}

static bool has_each_its_say(const struct reading *reading, const char *name)
{
    return !strcmp(name, "order") || !strcmp(name, "field") || !strcmp(name, "property") ||
           (!strcmp(name, "include") && reading->resource->write_included);
}

static enum ask_outcome read_items(struct reading *reading)
{
    const struct query *query = reading->query;
    enum ask_outcome outcome = ASK_OK;
    for (size_t i = 0; i < query->count && outcome == ASK_OK; i++) {
        const struct query_item *item = &query->items[i];
        if (has_each_its_say(reading, item->name))
            outcome = read_each(reading, item);
        else if (!item->is_again)
            outcome = read_first(reading, item);
    }
    if (outcome != ASK_OK)
        return outcome;
    if (!reading->is_list && reading->has_filter)
        return refuse(reading, "filters are for lists", "this is one record");
    if (reading->ask->has_property_filter && (outcome = finish_properties(reading)) != ASK_OK)
        return outcome;
    if (reading->ask->fields && reading->ask->has_all_properties)
        reading->ask->fields |= 1U << resource_find(reading->resource, "properties");
    if (reading->ask->fields && reading->used & ~reading->ask->fields)
        return refuse(reading, "filters and orders need their field selected", "field");
    return ASK_OK;
}

/* The order of a list whose query gives none, or what comes behind the one that it gives. A walk by cursor, which
 * Buildbot has not, keeps the store's order: so its cursors are the store's, too. */
static int finish_order(struct ask *ask, const struct resource *resource)
{
    size_t count = query_count(ask->query, "order");
    if (!count)
        return resource->order ? dbk_spec_order(ask->spec, resource->order) : DBK_OK;
    bool has_tie = resource->tie && !ask->has_cursor && count < ORDERS_MAX;
    return has_tie ? dbk_spec_order(ask->spec, resource->tie) : DBK_OK;
}

/* Builds with their properties: who chooses one field has to choose the others too. */
static int choose_properties(struct ask *ask)
{
    int status = dbk_spec_field(ask->spec, "properties");
    for (int i = 0; resource_build.fields[i].name && !status; i++) {
        const struct resource_field *field = &resource_build.fields[i];
        if (field->kind == RESOURCE_INT || field->kind == RESOURCE_TEXT)
            status = dbk_spec_field(ask->spec, field->filter);
    }
    return status;
}

enum ask_outcome ask_parse(const struct resource *resource, const struct query *query, bool is_list,
                           struct ask *out_ask, char out_message[ASK_MESSAGE_SIZE])
{
    struct ask *ask = out_ask;
    *ask = (struct ask){.query = query, .spec = dbk_spec_new()};
    struct reading reading = {.resource = resource,
                              .query = query,
                              .ask = ask,
                              .is_list = is_list,
                              .limit = DBK_NONE,
                              .message = out_message};
    if (!ask->spec || dbk_spec_total(ask->spec, DBK_TOTAL_EXACT, 0))
        return ASK_NO_MEMORY;
    enum ask_outcome outcome = read_items(&reading);
    if (outcome != ASK_OK)
        return outcome;
    int status = limit_page(&reading);
    if (!status)
        status = finish_order(ask, resource);
    if (!status && ask->has_properties && resource == &resource_build)
        status = choose_properties(ask);
    return outcome_of(&reading, status, "limit");
}

void ask_fini(struct ask *ask)
{
    dbk_spec_free(ask->spec);
    ask->spec = NULL;
}

bool ask_wants_property(const struct ask *ask, const char *name)
{
    if (ask->has_all_properties)
        return true;
    const struct query *query = ask->query;
    for (size_t i = 0; i < query->count; i++)
        if (!strcmp(query->items[i].name, "property") &&
            (!strcmp(query->items[i].value, "*") || !strcmp(query->items[i].value, name)))
            return true;
    return false;
}
