/*
 * Places in a JSON text: see json_place.h. The parser keeps members in the order of the text.
 */
#include "json_place.h"

#include <string.h>

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *skip_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        at += *at == '\\' && at[1];
    return at + (*at == '"');
}

static const char *skip_value(const char *at)
{
    int depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at += depth || strchr("}]", *at) ? 1 : strcspn(at, ",}] \t\r\n");
    } while (depth && *at);
    return at;
}

/* From a member's name, if it is one, to its value. */
static const char *skip_name(const char *at)
{
    const char *behind = *at == '"' ? skip_space(skip_string(at)) : at;
    return *behind == ':' ? skip_space(behind + 1) : at;
}

const char *json_place_first(const char *parent)
{
    return skip_name(skip_space(skip_space(parent) + 1));
}

const char *json_place_next(const char *value)
{
    const char *comma = skip_space(skip_value(value));
    return skip_name(skip_space(comma + (*comma == ',')));
}

size_t json_place_len(const char *value)
{
    return (size_t)(skip_value(value) - value);
}

const char *json_place_of(const char *text, const json_t *object, const json_t *member)
{
    const char *name, *place = json_place_first(text);
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (value == member)
            return place;
        place = json_place_next(place);
    }
    return NULL;
}
