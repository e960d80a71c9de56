/*
 * Filters and orders in a daemon's words: see remote_records.h.
 *
 * A daemon leaves aside what it does not know, as Buildbot does; a list that is given unfiltered would be
 * wrong here. So everything is looked up first.
 */
#include "remote_records.h"

#include "message.h"
#include "remote_job.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static bool
refuse(struct dbk_error *out_error, enum dbk_status status, const char *format, ...)
{
    va_list values;
    *out_error = (struct dbk_error){.status = status};
    va_start(values, format);
    vsnprintf(out_error->message, sizeof(out_error->message), format, values);
    va_end(values);
    return false;
}

static void append(char **target, const char *name, const char *value)
{
    char *escaped = job_escape(value);
    char *longer = NULL;
    if (asprintf(&longer, "%s%s=%s&", *target, name, escaped) < 0)
        memory_need(NULL);
    free(escaped);
    free(*target);
    *target = longer;
}

static const struct remote_member *find(const struct remote_kind *kind, const char *field,
                                        struct dbk_error *out_error)
{
    const struct remote_member *member = kind->members;
    while (member->name && (!member->field || strcmp(member->field, field) != 0))
        member++;
    if (member->name)
        return member;
    refuse(out_error, DBK_INVALID, "%s have no field '%.80s' to be filtered or ordered by",
           kind->noun, field);
    return NULL;
}

/* One value, in the daemon's words. */
static bool append_value(char **target, const struct remote_member *member, const char *name,
                         const char *value, struct dbk_error *out_error)
{
    int64_t results = member->kind == REMOTE_RESULTS ? dbk_results_parse(value) : DBK_NONE;
    char number[24];
    bool is_number =
        *value &&
        !value[*value == '-' ? 1 + strspn(value + 1, "0123456789") : strspn(value, "0123456789")];
    if (results != DBK_NONE) {
        snprintf(number, sizeof(number), "%" PRId64, results);
        value = number;
    } else if ((member->kind == REMOTE_INT || member->kind == REMOTE_RESULTS) && !is_number) {
        return refuse(out_error, DBK_INVALID,
                      "'%.80s' is a number: it cannot be compared with '%.80s'", member->field,
                      value);
    }
    append(target, name, value);
    return true;
}

/* The values of a list that commas separate, or the one. */
static bool append_values(char **target, const struct remote_member *member, const char *name,
                          const struct selection_item *item, struct dbk_error *out_error)
{
    const char *mark = strstr(item->name, "__");
    bool is_list = mark && (!strcmp(mark, "__in") || !strcmp(mark, "__notin"));
    const char *at = item->value;
    for (bool is_more = true; is_more;) {
        size_t len = is_list ? strcspn(at, ",") : strlen(at);
        char *value = memory_need(strndup(at, len));
        bool is_good = append_value(target, member, name, value, out_error);
        free(value);
        if (!is_good)
            return false;
        is_more = at[len];
        at += len + is_more;
    }
    return true;
}

/* A filter that has to hold beside another one of the same words would become one with it. */
static bool is_in_two(const struct selection *selection, const struct selection_item *item)
{
    for (size_t i = 0; i < selection->count; i++)
        if (!strcmp(selection->items[i].name, item->name) &&
            selection->items[i].group != item->group)
            return true;
    return false;
}

static bool append_filter(char **target, const struct remote_kind *kind,
                          const struct selection *selection, const struct selection_item *item,
                          struct dbk_error *out_error)
{
    char field[64], name[96];
    const char *mark = NULL;
    for (const char *at = item->name; (at = strstr(at, "__")); at++)
        mark = at;
    size_t len = mark ? (size_t)(mark - item->name) : strlen(item->name);
    snprintf(field, sizeof(field), "%.*s", (int)(len < sizeof(field) ? len : sizeof(field) - 1),
             item->name);
    const struct remote_member *member = find(kind, field, out_error);
    if (!member)
        return false;
    if (!item->value)
        return refuse(out_error, DBK_UNSUPPORTED,
                      "a daemon cannot be asked for %s without a value of '%.80s'", kind->noun,
                      field);
    if (is_in_two(selection, item))
        return refuse(out_error, DBK_UNSUPPORTED,
                      "a daemon cannot be asked for two filters of %s by '%.80s' at once",
                      kind->noun, item->name);
    snprintf(name, sizeof(name), "%s%s", member->name, mark ? mark : "");
    return append_values(target, member, name, item, out_error);
}

static bool append_order(char **target, const struct remote_kind *kind, const char *field,
                         struct dbk_error *out_error)
{
    char value[96];
    bool is_reversed = *field == '-';
    const struct remote_member *member = find(kind, field + is_reversed, out_error);
    if (!member)
        return false;
    snprintf(value, sizeof(value), "%s%s", is_reversed ? "-" : "", member->name);
    append(target, "order", value);
    return true;
}

char *remote_query_add(char *target, const struct remote_kind *kind,
                       const struct selection *selection, struct dbk_error *out_error)
{
    bool is_good = true, is_ordered = false;
    for (size_t i = 0; selection && i < selection->count && is_good; i++) {
        const struct selection_item *item = &selection->items[i];
        bool is_order = !strcmp(item->name, "order");
        is_ordered |= is_order;
        is_good = is_order ? append_order(&target, kind, item->value, out_error)
                           : append_filter(&target, kind, selection, item, out_error);
    }
    if (is_good && !is_ordered && kind->order)
        append(&target, "order", kind->order);
    if (!is_good) {
        free(target);
        return NULL;
    }
    return target;
}
