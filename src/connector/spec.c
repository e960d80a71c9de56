/* Specs: making them, piece by piece or from text; see spec.h and the header. */
#include "connector/spec.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/url.h"

#include <stdlib.h>

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = dbki_malloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

static bool is_text(const char *text)
{
    return text && dbki_text_is_valid(text, strlen(text), NULL);
}

/* Remembers that something was refused: a list that was to be filtered by it must not be given unfiltered. */
static int note(struct dbk_spec *spec, int status)
{
    if (status && spec)
        spec->is_refused = true;
    return status;
}

struct dbk_spec *dbk_spec_new(void)
{
    struct dbk_spec *spec = dbki_calloc(1, sizeof *spec);
    if (spec)
        spec->limit = DBK_NONE;
    return spec;
}

static void free_texts(char **texts, int count)
{
    for (int i = 0; i < count; i++)
        dbki_free(texts[i]);
}

static void fini_filter(struct dbki_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++)
        if (filter->values[i].type == DBKI_TEXT)
            dbki_free((char *)(uintptr_t)filter->values[i].text);
    dbki_free(filter->values);
    dbki_free(filter->field);
}

void dbk_spec_free(struct dbk_spec *spec)
{
    if (!spec)
        return;
    for (int i = 0; i < spec->filter_count; i++)
        fini_filter(&spec->filters[i]);
    for (int i = 0; i < spec->property_count; i++)
        fini_filter(&spec->properties[i]);
    free_texts(spec->order, spec->order_count);
    free_texts(spec->chosen, spec->chosen_count);
    dbki_free(spec->cursor);
    dbki_free(spec);
}

/* Adds an empty filter. */
static int new_filter(struct dbk_spec *spec, const char *field, enum dbk_compare compare,
                      struct dbki_filter **out_filter)
{
    if (!spec || !is_text(field) || (int)compare < DBK_EQ || (int)compare > DBK_NOTIN ||
        spec->filter_count == DBKI_FILTERS_MAX)
        return DBK_INVALID;
    char *name = copy_text(field);
    if (!name)
        return DBK_NO_MEMORY;
    *out_filter = &spec->filters[spec->filter_count++];
    **out_filter = (struct dbki_filter){.field = name, .compare = compare};
    return DBK_OK;
}

/* Adds a value to a filter; text is copied. */
static int add_value(struct dbki_filter *filter, struct dbki_value value)
{
    bool takes_one = filter->compare >= DBK_LT && filter->compare <= DBK_GE;
    bool takes_none = filter->compare == DBK_EQ || filter->compare == DBK_NE;
    if (filter->count == DBKI_VALUES_MAX || (takes_one && filter->count) ||
        (value.type == DBKI_NULL && !takes_none) ||
        (value.type == DBKI_TEXT && !is_text(value.text)))
        return DBK_INVALID;
    /* Grown in powers of two: the size is known from the count. */
    if ((filter->count & (filter->count - 1)) == 0) {
        size_t max = filter->count ? 2 * filter->count : 1;
        void *grown = dbki_realloc(filter->values, max * sizeof *filter->values);
        if (!grown)
            return DBK_NO_MEMORY;
        filter->values = grown;
    }
    if (value.type == DBKI_TEXT && !(value.text = copy_text(value.text)))
        return DBK_NO_MEMORY;
    filter->values[filter->count++] = value;
    return DBK_OK;
}

/* Takes back the filter that was added last. */
static void drop_last_filter(struct dbk_spec *spec)
{
    fini_filter(&spec->filters[--spec->filter_count]);
}

static int take_filter_int(struct dbk_spec *spec, const char *field, enum dbk_compare compare,
                           const int64_t *values, size_t count)
{
    struct dbki_filter *filter;
    if (!values || !count)
        return DBK_INVALID;
    int status = new_filter(spec, field, compare, &filter);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = add_value(filter, dbki_int(values[i]));
    if (status)
        drop_last_filter(spec);
    return status;
}

int dbk_spec_filter_int(struct dbk_spec *spec, const char *field, enum dbk_compare compare,
                        const int64_t *values, size_t count)
{
    return note(spec, take_filter_int(spec, field, compare, values, count));
}

static int take_filter_text(struct dbk_spec *spec, const char *field, enum dbk_compare compare,
                            const char *const *values, size_t count)
{
    struct dbki_filter *filter;
    if (!values || !count)
        return DBK_INVALID;
    int status = new_filter(spec, field, compare, &filter);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status; i++)
        status = add_value(filter, dbki_text(values[i]));
    if (status)
        drop_last_filter(spec);
    return status;
}

int dbk_spec_filter_text(struct dbk_spec *spec, const char *field, enum dbk_compare compare,
                         const char *const *values, size_t count)
{
    return note(spec, take_filter_text(spec, field, compare, values, count));
}

static int take_property(struct dbk_spec *spec, const char *name, const char *const *values,
                         size_t count)
{
    if (!spec || !is_text(name) || !values || !count || spec->property_count == DBKI_PROPERTIES_MAX)
        return DBK_INVALID;
    struct dbki_filter filter = {.field = copy_text(name), .compare = DBK_EQ};
    int status = filter.field ? DBK_OK : DBK_NO_MEMORY;
    for (size_t i = 0; i < count && !status; i++)
        status = dbk_is_json(values[i]) ? add_value(&filter, dbki_text(values[i])) : DBK_INVALID;
    if (status)
        fini_filter(&filter);
    else
        spec->properties[spec->property_count++] = filter;
    return status;
}

int dbk_spec_property(struct dbk_spec *spec, const char *name, const char *const *values,
                      size_t count)
{
    return note(spec, take_property(spec, name, values, count));
}

static int add_text(char **texts, int *count, int max, const char *text)
{
    if (!is_text(text) || !*text || *count == max)
        return DBK_INVALID;
    char *copy = copy_text(text);
    if (!copy)
        return DBK_NO_MEMORY;
    texts[(*count)++] = copy;
    return DBK_OK;
}

static int take_order(struct dbk_spec *spec, const char *field)
{
    return spec ? add_text(spec->order, &spec->order_count, DBKI_ORDER_MAX, field) : DBK_INVALID;
}

int dbk_spec_order(struct dbk_spec *spec, const char *field)
{
    return note(spec, take_order(spec, field));
}

static int take_field(struct dbk_spec *spec, const char *field)
{
    return spec ? add_text(spec->chosen, &spec->chosen_count, DBKI_CHOSEN_MAX, field) : DBK_INVALID;
}

int dbk_spec_field(struct dbk_spec *spec, const char *field)
{
    return note(spec, take_field(spec, field));
}

static int take_limit(struct dbk_spec *spec, int64_t limit)
{
    if (!spec || limit < 0)
        return DBK_INVALID;
    spec->limit = limit;
    return DBK_OK;
}

int dbk_spec_limit(struct dbk_spec *spec, int64_t limit)
{
    return note(spec, take_limit(spec, limit));
}

static int take_offset(struct dbk_spec *spec, int64_t offset)
{
    if (!spec || offset < 0)
        return DBK_INVALID;
    spec->offset = offset;
    return DBK_OK;
}

int dbk_spec_offset(struct dbk_spec *spec, int64_t offset)
{
    return note(spec, take_offset(spec, offset));
}

static int take_cursor(struct dbk_spec *spec, const char *cursor)
{
    if (!spec || !is_text(cursor) || !cursor[0])
        return DBK_INVALID;
    char *copy = copy_text(cursor);
    if (!copy)
        return DBK_NO_MEMORY;
    dbki_free(spec->cursor);
    spec->cursor = copy;
    return DBK_OK;
}

int dbk_spec_cursor(struct dbk_spec *spec, const char *cursor)
{
    return note(spec, take_cursor(spec, cursor));
}

static int take_total(struct dbk_spec *spec, enum dbk_total total, int64_t up_to)
{
    if (!spec || (int)total < DBK_TOTAL_NONE || (int)total > DBK_TOTAL_UP_TO ||
        (total == DBK_TOTAL_UP_TO && up_to < 1))
        return DBK_INVALID;
    spec->total = total;
    spec->total_up_to = up_to;
    return DBK_OK;
}

int dbk_spec_total(struct dbk_spec *spec, enum dbk_total total, int64_t up_to)
{
    return note(spec, take_total(spec, total, up_to));
}

/* ------------------------------------------------------------------------------- text form ---- */

static const struct {
    const char *name;
    enum dbk_compare compare;
} COMPARES[] = {
    {"eq", DBK_EQ},       {"ne", DBK_NE}, {"lt", DBK_LT}, {"le", DBK_LE},
    {"gt", DBK_GT},       {"ge", DBK_GE}, {"in", DBK_IN}, {"contains", DBK_CONTAINS},
    {"notin", DBK_NOTIN},
};
enum { COMPARE_COUNT = sizeof COMPARES / sizeof COMPARES[0] };

static int read_count(const char *name, const char *value, int64_t *out_count,
                      struct dbk_error *out_error)
{
    long long count;
    if (!value || !dbki_text_int(value, &count) || count < 0)
        return dbki_error_set(out_error, DBK_INVALID, "%s must be a number, 0 or more, not '%.60s'",
                              name, value ? value : "");
    *out_count = count;
    return DBK_OK;
}

static int add_total(struct dbk_spec *spec, const char *value, struct dbk_error *out_error)
{
    long long up_to;
    if (value && !strcmp(value, "none"))
        return dbk_spec_total(spec, DBK_TOTAL_NONE, 0);
    if (value && !strcmp(value, "exact"))
        return dbk_spec_total(spec, DBK_TOTAL_EXACT, 0);
    if (value && dbki_text_int(value, &up_to) && up_to >= 1)
        return dbk_spec_total(spec, DBK_TOTAL_UP_TO, up_to);
    return dbki_error_set(out_error, DBK_INVALID,
                          "total must be none, exact, or a number to count up to");
}

/* Splits FIELD__OP. Result: false when the operator is not known. */
static bool split_name(char *name, enum dbk_compare *out_compare)
{
    *out_compare = DBK_EQ;
    char *found = NULL;
    for (char *next = name; (next = strstr(next, "__")); next++)
        found = next;
    if (!found)
        return true;
    *found = '\0';
    for (int i = 0; i < COMPARE_COUNT; i++)
        if (!strcmp(COMPARES[i].name, found + 2)) {
            *out_compare = COMPARES[i].compare;
            return true;
        }
    return false;
}

static int add_values(struct dbki_filter *filter, char *value)
{
    bool is_list = filter->compare == DBK_IN || filter->compare == DBK_NOTIN;
    if (!value)
        return add_value(filter, dbki_int(DBK_NONE));
    for (char *next = value; next;) {
        char *comma = is_list ? strchr(next, ',') : NULL;
        if (comma)
            *comma = '\0';
        int status = add_value(filter, dbki_text(next));
        if (status)
            return status;
        next = comma ? comma + 1 : NULL;
    }
    return DBK_OK;
}

static int add_filter(struct dbk_spec *spec, const char *name, const char *value,
                      struct dbk_error *out_error)
{
    enum dbk_compare compare;
    int status = DBK_NO_MEMORY;
    char *field = copy_text(name), *values = value ? copy_text(value) : NULL;
    if (!field || (value && !values)) {
        dbki_error_set(out_error, DBK_NO_MEMORY, "out of memory");
    } else if (!split_name(field, &compare)) {
        status = dbki_error_set(out_error, DBK_INVALID,
                                "'%.80s' ends in no comparison: there is __eq, __ne, __lt, __le, "
                                "__gt, __ge, __contains, __in, __notin",
                                name);
    } else {
        struct dbki_filter *filter = NULL;
        for (int i = 0; i < spec->filter_count; i++)
            if (spec->filters[i].compare == compare && !strcmp(spec->filters[i].field, field))
                filter = &spec->filters[i];
        bool is_new = !filter;
        status = filter ? DBK_OK : new_filter(spec, field, compare, &filter);
        if (!status)
            status = add_values(filter, values);
        if (status && is_new && filter)
            drop_last_filter(spec);
        if (status)
            dbki_error_set(
                out_error, (enum dbk_status)status,
                status == DBK_NO_MEMORY
                    ? "out of memory"
                    : "the filter '%.80s' cannot take that value: lt, le, gt, ge take one; "
                      "none goes with eq and ne; at most %d values, %d filters",
                name, DBKI_VALUES_MAX, DBKI_FILTERS_MAX);
    }
    dbki_free(field);
    dbki_free(values);
    return status;
}

static int take_add(struct dbk_spec *spec, const char *name, const char *value,
                    struct dbk_error *out_error)
{
    int status;
    int64_t count = 0;
    if (out_error)
        dbki_error_clear(out_error);
    if (!spec || !is_text(name) || !*name || (value && !is_text(value)))
        return dbki_error_set(out_error, DBK_INVALID, "a filter needs a name, and valid UTF-8");
    if (!strcmp(name, "limit"))
        return (status = read_count(name, value, &count, out_error)) ? status
                                                                     : dbk_spec_limit(spec, count);
    if (!strcmp(name, "offset"))
        return (status = read_count(name, value, &count, out_error)) ? status
                                                                     : dbk_spec_offset(spec, count);
    if (!strcmp(name, "total"))
        return add_total(spec, value, out_error);
    if (!strcmp(name, "order"))
        status = dbk_spec_order(spec, value);
    else if (!strcmp(name, "field"))
        status = dbk_spec_field(spec, value);
    else if (!strcmp(name, "cursor"))
        status = dbk_spec_cursor(spec, value);
    else
        return add_filter(spec, name, value, out_error);
    if (status)
        dbki_error_set(out_error, (enum dbk_status)status, "'%.40s' cannot take '%.80s'", name,
                       value ? value : "");
    return status;
}

int dbk_spec_add(struct dbk_spec *spec, const char *name, const char *value,
                 struct dbk_error *out_error)
{
    return note(spec, take_add(spec, name, value, out_error));
}

int dbk_spec_parse(const char *text, struct dbk_spec **out_spec, struct dbk_error *out_error)
{
    if (!text || !out_spec)
        return dbki_error_set(out_error, DBK_INVALID, "no text, or nowhere to put the spec");
    struct dbk_spec *spec = dbk_spec_new();
    char *items = copy_text(text), *saved = NULL;
    int status = spec && items ? DBK_OK : dbki_error_set(out_error, DBK_NO_MEMORY, "out of memory");
    for (char *item = status ? NULL : strtok_r(items, "&", &saved); item && !status;
         item = strtok_r(NULL, "&", &saved)) {
        char *value = strchr(item, '=');
        if (value)
            *value++ = '\0';
        if (!dbki_url_decode(item, true) || (value && !dbki_url_decode(value, true)))
            status = dbki_error_set(out_error, DBK_INVALID, "a bad %%-escape in '%.80s'", item);
        else
            status = dbk_spec_add(spec, item, value, out_error);
    }
    dbki_free(items);
    if (status)
        dbk_spec_free(spec);
    else
        *out_spec = spec;
    return status;
}
