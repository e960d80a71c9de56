/*
 * Routes: see routes.h.
 */
#include "routes.h"

#include "metrics.h"
#include "openapi.h"
#include "sessions.h"
#include "stream.h"

#include <string.h>

#define READ(pattern, run, resource, is_list)                                                      \
    {                                                                                              \
        EVHTTP_REQ_GET, pattern, run, resource, is_list, ROUTE_NOTHING, NULL                       \
    }
#define READ_LIST(pattern, run, resource) READ(pattern, run, resource, true)
#define READ_ONE(pattern, run, resource) READ(pattern, run, resource, false)
#define WRITE(method, pattern, run, body, form)                                                    \
    {                                                                                              \
        EVHTTP_REQ_##method, pattern, run, NULL, false, body, form                                 \
    }

/* A build is named in two ways. */
#define BY_ID "builds/{build}/"
#define BY_NUMBER "builders/{builder}/builds/{number}/"
#define READ_LIST_OF_BUILD(path, run, resource)                                                    \
    READ_LIST(BY_ID path, run, resource), READ_LIST(BY_NUMBER path, run, resource)
#define READ_ONE_OF_BUILD(path, run, resource)                                                     \
    READ_ONE(BY_ID path, run, resource), READ_ONE(BY_NUMBER path, run, resource)
#define WRITE_OF_BUILD(method, path, run, body, form)                                              \
    WRITE(method, BY_ID path, run, body, form), WRITE(method, BY_NUMBER path, run, body, form)

static const struct route routes[] = {
    READ_LIST("builds", read_builds, &resource_build),
    READ_ONE("builds/{build}", read_build, &resource_build),
    READ_LIST("builders/{builder}/builds", read_builds, &resource_build),
    READ_ONE("builders/{builder}/builds/{number}", read_build_by_number, &resource_build),
    READ_LIST("buildrequests/{id}/builds", read_builds_of_request, &resource_build),
    READ_LIST("changes/{id}/builds", read_builds_of_change, &resource_build),
    READ_LIST("workers/{worker}/builds", read_builds_of_worker, &resource_build),
    READ_LIST_OF_BUILD("triggered_builds", read_builds_triggered, &resource_build),
    READ_ONE("steps/{id}", read_step, &resource_step),
    READ_LIST_OF_BUILD("steps", read_steps, &resource_step),
    READ_ONE_OF_BUILD("steps/{step}", read_step, &resource_step),
    READ_ONE_OF_BUILD("properties", read_properties, &resource_properties),
    READ_LIST_OF_BUILD("property_list", read_property_list, &resource_property),
    READ_LIST_OF_BUILD("data", read_data_list, &resource_build_data),
    READ_ONE_OF_BUILD("data/{name}", read_data, &resource_build_data),
    READ_ONE_OF_BUILD("data/{name}/value", read_data_value, &resource_build_data),
    READ_LIST("builders", read_builders, &resource_builder),
    READ_ONE("builders/{builder}", read_builder, &resource_builder),
    READ_LIST("builders/{builder}/buildrequests", read_buildrequests, &resource_buildrequest),
    READ_LIST("workers", read_workers, &resource_worker),
    READ_ONE("workers/{worker}", read_worker, &resource_worker),
    READ_LIST("masters", read_masters, &resource_master),
    READ_ONE("masters/{master}", read_master, &resource_master),
    READ_LIST("buildrequests", read_buildrequests, &resource_buildrequest),
    READ_ONE("buildrequests/{id}", read_buildrequest, &resource_buildrequest),
    READ_LIST("buildsets", read_buildsets, &resource_buildset),
    READ_ONE("buildsets/{id}", read_buildset, &resource_buildset),
    READ_LIST("buildsets/{id}/sourcestamps", read_sourcestamps_of_buildset, &resource_sourcestamp),
    READ_LIST("changes", read_changes, &resource_change),
    READ_ONE("changes/{id}", read_change, &resource_change),
    READ_LIST("sourcestamps", read_sourcestamps, &resource_sourcestamp),
    READ_ONE("sourcestamps/{id}", read_sourcestamp, &resource_sourcestamp),
    READ_LIST("sourcestamps/{id}/changes", read_changes, &resource_change),
    READ_ONE("builders/{builder}/badge.svg", read_badge, NULL),
    READ_ONE("events", stream_begin, NULL),
    READ_ONE("session", session_show, NULL),
    READ_LIST("event_list", read_events, &resource_event),
    READ_ONE("openapi.json", read_openapi, NULL),
    READ_ONE("/healthz", read_health, NULL),
    READ_ONE("/readyz", read_readiness, NULL),
    READ_ONE("/metrics", read_metrics, NULL),
    READ_ONE("/cc.xml", read_cctray, NULL),
    WRITE(POST, "session", session_begin, ROUTE_JSON, &form_token),
    WRITE(DELETE, "session", session_end, ROUTE_NOTHING, NULL),
    WRITE(POST, "builders", write_builder, ROUTE_JSON, &form_name),
    WRITE(POST, "workers", write_worker, ROUTE_JSON, &form_name),
    WRITE(POST, "masters", write_master, ROUTE_JSON, &form_name),
    WRITE(POST, "builders/{new builder}/builds", write_build, ROUTE_JSON, &form_build),
    WRITE(PATCH, "builds/{build}", write_build_state, ROUTE_JSON, &form_state),
    WRITE(PATCH, "builders/{builder}/builds/{number}", write_build_state, ROUTE_JSON, &form_state),
    WRITE_OF_BUILD(POST, "locks_duration", write_build_locks, ROUTE_JSON, &form_locks_duration),
    WRITE_OF_BUILD(POST, "finish", write_build_finish, ROUTE_JSON, &form_build_finish),
    WRITE_OF_BUILD(PATCH, "properties", write_properties, ROUTE_JSON, &form_properties),
    WRITE_OF_BUILD(PUT, "properties/{name}", write_property, ROUTE_JSON, &form_property),
    WRITE_OF_BUILD(POST, "steps", write_step, ROUTE_JSON, &form_step),
    WRITE(PATCH, "steps/{id}", write_step_state, ROUTE_JSON, &form_state),
    WRITE(POST, "steps/{id}/start", write_step_start, ROUTE_JSON, &form_step_start),
    WRITE(POST, "steps/{id}/locks_acquired", write_step_locks, ROUTE_JSON, &form_locks_acquired),
    WRITE(POST, "steps/{id}/finish", write_step_finish, ROUTE_JSON, &form_step_finish),
    WRITE(POST, "steps/{id}/urls", write_step_url, ROUTE_JSON, &form_url),
    WRITE_OF_BUILD(PUT, "data/{name}/value", write_data, ROUTE_BYTES, NULL),
    WRITE_OF_BUILD(DELETE, "data/{name}/value", delete_data, ROUTE_NOTHING, NULL),
    WRITE_OF_BUILD(POST, "erase", write_erasure, ROUTE_JSON, &form_erase),
};

static bool is_hole(const char *pattern, size_t len, const char *name)
{
    return len == strlen(name) && !memcmp(pattern, name, len);
}

/*
 * Takes what names a build of a builder. "last" may mean another one a moment later, so that it is for reads: what
 * a write meant must not depend on when it comes.
 */
static bool take_number(struct exchange *exchange, const struct route *route, const char *part)
{
    static const char *const choices[] = {
        [EXCHANGE_LAST] = "last", [EXCHANGE_LAST_FAILED] = "last-failed"};
    for (int i = EXCHANGE_LAST; route->method == EVHTTP_REQ_GET && i <= EXCHANGE_LAST_FAILED; i++)
        if (!strcmp(part, choices[i])) {
            exchange->choice = (enum exchange_choice)i;
            return true;
        }
    return path_number(part, false, &exchange->number);
}

/* Takes what a part of the path names. Result: false when it cannot name that. */
static bool take_part(struct exchange *exchange, const struct route *route, const char *hole,
                      size_t len, const char *part)
{
    int64_t number;
    bool is_number = path_number(part, false, &number);
    if (is_hole(hole, len, "{name}")) {
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
        return take_number(exchange, route, part);
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
    exchange->choice = EXCHANGE_BY_NUMBER;
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
            if (!take_part(exchange, route, pattern, len, part))
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

/* Whether it changes records. */
static bool is_write(const struct route *route)
{
    return route->method != EVHTTP_REQ_GET && strcmp(route->pattern, "session") != 0;
}

bool route_is_served(const struct route *route, const struct server *server)
{
    return !is_write(route) || !server->is_read_only;
}

const struct route *route_find(struct exchange *exchange, unsigned *out_methods)
{
    enum evhttp_cmd_type method =
        exchange->is_head ? EVHTTP_REQ_GET : evhttp_request_get_command(exchange->request);
    *out_methods = 0;
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
        if (!match(exchange, &routes[i]))
            continue;
        if (!route_is_served(&routes[i], exchange->server)) {
            *out_methods |= ROUTE_METHODS_OFF;
            if (routes[i].method == method)
                *out_methods |= ROUTE_METHOD_OFF;
            continue;
        }
        if (routes[i].method == method)
            return &routes[i];
        *out_methods |= routes[i].method;
    }
    return NULL;
}

const struct route *route_find_outside(struct exchange *exchange, const char *path,
                                       unsigned *out_methods)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(exchange->request);
    forget_parts(exchange);
    for (size_t i = 0; i < route_count(); i++)
        if (*path == '/' && !strcmp(routes[i].pattern, path)) {
            *out_methods = EVHTTP_REQ_GET;
            return method == EVHTTP_REQ_GET || exchange->is_head ? &routes[i] : NULL;
        }
    *out_methods = 0;
    return NULL;
}

size_t route_count(void)
{
    return sizeof(routes) / sizeof(*routes);
}

const struct route *route_at(size_t index)
{
    return &routes[index];
}

size_t route_index(const struct route *route)
{
    return (size_t)(route - routes);
}

const char *route_method(const struct route *route)
{
    switch (route->method) {
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    default:
        return "GET";
    }
}

const char *route_content_type(const struct route *route)
{
    static const struct {
        void (*run)(struct exchange *exchange);
        const char *type;
    } others[] = {
        {stream_begin, "text/event-stream"}, {read_data_value, "application/octet-stream"},
        {read_metrics, "text/plain"},        {read_badge, "image/svg+xml"},
        {read_cctray, "application/xml"},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (route->run == others[i].run)
            return others[i].type;
    return "application/json";
}

bool route_is_stream(const struct route *route)
{
    return route->run == stream_begin;
}

bool route_takes_key(const struct route *route)
{
    return route->method != EVHTTP_REQ_GET && route->run != write_erasure;
}

bool route_needs_build(const struct route *route)
{
    const char *number = strstr(route->pattern, "{number}");
    return number && (number[strlen("{number}")] || route->method != EVHTTP_REQ_GET);
}

bool route_is_empty_without_build(const struct route *route)
{
    return route->run == read_data_list || route->run == read_properties ||
           route->run == read_property_list;
}

bool route_makes_builder(const struct route *route)
{
    return strstr(route->pattern, "{new builder}");
}
