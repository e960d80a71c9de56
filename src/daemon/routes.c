/*
 * Routes: see routes.h.
 */
#include "routes.h"

#include <string.h>

#define OF_BUILD(path, resource, is_list, read)                                                    \
    {"builds/{build}/" path, resource, is_list, read},                                             \
    {                                                                                              \
        "builders/{builder}/builds/{number}/" path, resource, is_list, read                        \
    }

static const struct route routes[] = {
    {"builds", &resource_build, true, read_builds},
    {"builds/{build}", &resource_build, false, read_build},
    {"builders/{builder}/builds", &resource_build, true, read_builds},
    {"builders/{builder}/builds/{number}", &resource_build, false, read_build_by_number},
    {"buildrequests/{id}/builds", &resource_build, true, read_builds_of_request},
    {"changes/{id}/builds", &resource_build, true, read_builds_of_change},
    {"workers/{worker}/builds", &resource_build, true, read_builds_of_worker},
    OF_BUILD("triggered_builds", &resource_build, true, read_builds_triggered),
    {"steps/{id}", &resource_step, false, read_step},
    OF_BUILD("steps", &resource_step, true, read_steps),
    OF_BUILD("steps/{step}", &resource_step, false, read_step),
    OF_BUILD("properties", &resource_properties, false, read_properties),
    OF_BUILD("property_list", &resource_property, true, read_property_list),
    OF_BUILD("data", &resource_build_data, true, read_data_list),
    OF_BUILD("data/{data}", &resource_build_data, false, read_data),
    OF_BUILD("data/{data}/value", &resource_build_data, false, read_data_value),
    {"builders", &resource_builder, true, read_builders},
    {"builders/{builder}", &resource_builder, false, read_builder},
    {"builders/{builder}/buildrequests", &resource_buildrequest, true, read_buildrequests},
    {"workers", &resource_worker, true, read_workers},
    {"workers/{worker}", &resource_worker, false, read_worker},
    {"masters", &resource_master, true, read_masters},
    {"masters/{master}", &resource_master, false, read_master},
    {"buildrequests", &resource_buildrequest, true, read_buildrequests},
    {"buildrequests/{id}", &resource_buildrequest, false, read_buildrequest},
    {"buildsets", &resource_buildset, true, read_buildsets},
    {"buildsets/{id}", &resource_buildset, false, read_buildset},
    {"buildsets/{id}/sourcestamps", &resource_sourcestamp, true, read_sourcestamps_of_buildset},
    {"changes", &resource_change, true, read_changes},
    {"changes/{id}", &resource_change, false, read_change},
    {"sourcestamps", &resource_sourcestamp, true, read_sourcestamps},
    {"sourcestamps/{id}", &resource_sourcestamp, false, read_sourcestamp},
    {"sourcestamps/{id}/changes", &resource_change, true, read_changes},
};

static bool is_hole(const char *pattern, size_t len, const char *name)
{
    return len == strlen(name) && !memcmp(pattern, name, len);
}

/* Takes what a part of the path names. Result: false when it cannot name that. */
static bool take_part(struct exchange *exchange, const char *hole, size_t len, const char *part)
{
    int64_t number;
    bool is_number = path_number(part, false, &number);
    if (is_hole(hole, len, "{data}")) {
        exchange->name = part;
    } else if (is_hole(hole, len, "{step}")) {
        if (is_number)
            exchange->step_number = number;
        else
            exchange->step = part;
    } else if (is_hole(hole, len, "{build}")) {
        exchange->buildid = number;
        return is_number;
    } else if (is_hole(hole, len, "{number}")) {
        exchange->number = number;
        return is_number;
    } else if (is_hole(hole, len, "{id}")) {
        exchange->id = number;
        return is_number;
    } else if (is_number) {
        exchange->ownerid = number;
    } else {
        exchange->owner = part;
    }
    return true;
}

static void forget_parts(struct exchange *exchange)
{
    exchange->owner = exchange->step = exchange->name = NULL;
    exchange->ownerid = exchange->number = exchange->step_number = DBK_NONE;
    exchange->buildid = exchange->id = DBK_NONE;
}

static bool match(struct exchange *exchange, const struct route *route)
{
    const char *pattern = route->pattern;
    const struct path *path = &exchange->path;
    forget_parts(exchange);
    for (size_t i = 0; i < path->count; i++) {
        size_t len = strcspn(pattern, "/");
        const char *part = path->parts[i];
        if (*pattern == '{') {
            if (!take_part(exchange, pattern, len, part))
                return false;
        } else if (strlen(part) != len || memcmp(part, pattern, len) != 0) {
            return false;
        }
        pattern += len;
        if (*pattern != (i + 1 < path->count ? '/' : '\0'))
            return false;
        pattern += *pattern == '/';
    }
    return true;
}

const struct route *route_find(struct exchange *exchange)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
        if (match(exchange, &routes[i]))
            return &routes[i];
    return NULL;
}

bool route_needs_build(const struct route *route)
{
    return strstr(route->pattern, "{number}/");
}
