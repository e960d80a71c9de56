/*
 * OpenAPI: see openapi.h. Paths begin where the daemon's do; the server is told relative to the document, so that it
 * holds below a path of a proxy's too.
 */
#include "openapi.h"

#include "access.h"
#include "reply.h"
#include "routes.h"
#include "serve.h"

#include <ctype.h>
#include <string.h>

#define SCHEMAS "#/components/schemas/"

enum { PATH_SIZE = 160 };

/* The path of a route, each hole with a name that is one word. Result: out_path. */
static const char *path_of(const struct route *route, char out_path[PATH_SIZE])
{
    char *out = out_path;
    out += *route->pattern == '/' ? 0 : sprintf(out, "%s", EXCHANGE_PREFIX);
    for (const char *in = route->pattern; *in && out < out_path + PATH_SIZE - 1; in++) {
        if (!strncmp(in, "{new ", strlen("{new ")))
            *out++ = '{', in += strlen("{new");
        else
            *out++ = *in;
    }
    *out = '\0';
    return out_path;
}

static void begin_member(struct json_writer *json, const char *name)
{
    json_name(json, name);
    json_begin_object(json);
}

static void put_type(struct json_writer *json, const char *type, bool is_nullable)
{
    json_name(json, "type");
    if (is_nullable)
        json_begin_array(json);
    json_text(json, type);
    if (is_nullable) {
        json_text(json, "null");
        json_end_array(json);
    }
}

static void put_ref(struct json_writer *json, const char *name)
{
    char text[80];
    snprintf(text, sizeof(text), SCHEMAS "%s", name);
    begin_member(json, "schema");
    json_member_text(json, "$ref", text);
    json_end_object(json);
}

/* -------------------------------------------------------------------------------- parameters ---- */

static void put_parameter(struct json_writer *json, const char *in, const char *name,
                          const char *type, bool is_several, const char *description)
{
    json_begin_object(json);
    json_member_text(json, "in", in);
    json_member_text(json, "name", name);
    if (!strcmp(in, "path"))
        json_member_bool(json, "required", true);
    if (description)
        json_member_text(json, "description", description);
    begin_member(json, "schema");
    if (is_several) {
        put_type(json, "array", false);
        begin_member(json, "items");
    }
    put_type(json, type, false);
    if (is_several)
        json_end_object(json);
    json_end_object(json);
    json_end_object(json);
}

static void put_holes(struct json_writer *json, const char *path)
{
    static const struct {
        const char *name, *type, *description;
    } holes[] = {
        {"builder", "string", "an id or a name"},
        {"worker", "string", "an id or a name"},
        {"master", "string", "an id or a name"},
        {"build", "integer", "an id"},
        {"id", "integer", NULL},
        {"number", "string", "the build's number; in reads also last or last-failed"},
        {"step", "string", "the step's number or name"},
        {"name", "string", "a name, a slash in it as %2F"},
    };
    for (const char *at = path; (at = strchr(at, '{')); at++)
        for (size_t i = 0; i < sizeof(holes) / sizeof(*holes); i++)
            if (!strncmp(at + 1, holes[i].name, strlen(holes[i].name)) &&
                at[1 + strlen(holes[i].name)] == '}')
                put_parameter(json, "path", holes[i].name, holes[i].type, false,
                              holes[i].description);
}

/* By kind; NULL: any. */
static const char *const types[] = {
    [RESOURCE_INT] = "integer",    [RESOURCE_INT_ASKED] = "integer", [RESOURCE_BOOL] = "boolean",
    [RESOURCE_IS_SET] = "boolean", [RESOURCE_TEXT] = "string",       [RESOURCE_OTHER] = NULL,
};

static void put_filters(struct json_writer *json, const struct resource *resource)
{
    for (const struct resource_field *field = resource->fields; field->name; field++)
        if (field->filter)
            put_parameter(json, "query", field->name, types[field->kind], true,
                          "any of these values; also with __eq __ne __lt __le __gt __ge __contains "
                          "__in __notin behind the name");
    put_parameter(json, "query", "limit", "integer", false, NULL);
    if (resource->is_log)
        return;
    put_parameter(json, "query", "order", "string", true, "a field; - in front of it reverses");
    put_parameter(json, "query", "offset", "integer", false, NULL);
    put_parameter(json, "query", "cursor", "string", false,
                  "empty at first, then meta.next_cursor");
    put_parameter(json, "query", "total", "string", false, "none or exact");
}

static void put_query(struct json_writer *json, const struct route *route)
{
    const struct resource *resource = route->resource;
    if (route->body == ROUTE_BYTES)
        put_parameter(json, "query", "source", "string", false, "where the value comes from");
    if (!resource)
        return;
    put_parameter(json, "query", "field", "string", true, "only these fields");
    if (resource->write_included) {
        put_parameter(json, "query", "property", "string", true,
                      "properties that come along; * for all");
        put_parameter(json, "query", "include", "string", false, "steps,properties");
    }
    if (route->is_list)
        put_filters(json, resource);
}

/* -------------------------------------------------------------------------------- operations ---- */

static void put_content(struct json_writer *json, const char *type, const char *schema)
{
    begin_member(json, "content");
    begin_member(json, type);
    if (schema)
        put_ref(json, schema);
    json_end_object(json);
    json_end_object(json);
}

static void put_body(struct json_writer *json, const struct route *route)
{
    if (route->body == ROUTE_NOTHING)
        return;
    begin_member(json, "requestBody");
    json_member_bool(json, "required", true);
    put_content(json, route->body == ROUTE_JSON ? "application/json" : "application/octet-stream",
                route->form ? route->form->name : NULL);
    json_end_object(json);
}

static void put_responses(struct json_writer *json, const struct route *route)
{
    const char *type = route_content_type(route);
    bool is_json = !strcmp(type, "application/json");
    begin_member(json, "responses");
    begin_member(json, route->method == EVHTTP_REQ_GET ? "200" : "2XX");
    json_member_text(json, "description", "done");
    put_content(json, type, !is_json ? NULL : route->resource ? route->resource->plural : "object");
    json_end_object(json);
    begin_member(json, "default");
    json_member_text(json, "description", "an error");
    put_content(json, "application/json", "error");
    json_end_object(json);
    json_end_object(json);
}

/* "GET /api/v2/builds/{build}" is get_builds_build. */
static void put_name(struct json_writer *json, const struct route *route, const char *path)
{
    char text[PATH_SIZE + 8];
    char *out = text;
    if (!strncmp(path, EXCHANGE_PREFIX, strlen(EXCHANGE_PREFIX)))
        path += strlen(EXCHANGE_PREFIX) - 1;
    for (const char *in = route_method(route); *in; in++)
        *out++ = (char)tolower((unsigned char)*in);
    for (bool is_word = false; *path; path++) {
        if (isalnum((unsigned char)*path) && !is_word)
            *out++ = '_';
        is_word = isalnum((unsigned char)*path) || *path == '_';
        if (is_word)
            *out++ = *path;
    }
    *out = '\0';
    json_member_text(json, "operationId", text);
}

/* Whether who asks needs a token. */
static bool is_open(const struct exchange *exchange, const struct route *route, const char *path)
{
    return access_is_for_all(path) ||
           (route->method == EVHTTP_REQ_GET && exchange->server->options->is_public);
}

static void put_operation(const struct exchange *exchange, struct json_writer *json,
                          const struct route *route, const char *path)
{
    char method[8] = "";
    for (size_t i = 0; route_method(route)[i]; i++)
        method[i] = (char)tolower((unsigned char)route_method(route)[i]);
    begin_member(json, method);
    put_name(json, route, path);
    if (is_open(exchange, route, path)) {
        json_name(json, "security");
        json_begin_array(json);
        json_end_array(json);
    }
    json_name(json, "parameters");
    json_begin_array(json);
    put_holes(json, path);
    put_query(json, route);
    if (route_takes_key(route))
        put_parameter(json, "header", "Idempotency-Key", "string", false,
                      "a write that is sent again under it happens once");
    json_end_array(json);
    put_body(json, route);
    put_responses(json, route);
    json_end_object(json);
}

/* All operations of the paths, each path with what can be done there. */
static void put_paths(struct exchange *exchange, struct json_writer *json)
{
    char path[PATH_SIZE], other[PATH_SIZE];
    begin_member(json, "paths");
    for (size_t i = 0; i < route_count(); i++) {
        bool is_first = route_is_served(route_at(i), exchange->server);
        path_of(route_at(i), path);
        for (size_t k = 0; k < i && is_first; k++)
            is_first = strcmp(path_of(route_at(k), other), path) != 0;
        if (!is_first)
            continue;
        begin_member(json, path);
        for (size_t k = i; k < route_count(); k++)
            if (route_is_served(route_at(k), exchange->server) &&
                !strcmp(path_of(route_at(k), other), path))
                put_operation(exchange, json, route_at(k), path);
        json_end_object(json);
    }
    json_end_object(json);
}

/* ----------------------------------------------------------------------------------- schemas ---- */

static void put_field(struct json_writer *json, const struct resource_field *field)
{
    begin_member(json, field->name);
    if (types[field->kind])
        put_type(json, types[field->kind], strcmp(types[field->kind], "boolean") != 0);
    json_end_object(json);
}

/* What comes along also when no `field` asks for it. */
static void put_required(struct json_writer *json, const struct resource *resource)
{
    json_name(json, "required");
    json_begin_array(json);
    for (const struct resource_field *field = resource->fields; field->name; field++)
        if (field->kind != RESOURCE_INT_ASKED)
            json_text(json, field->name);
    json_end_array(json);
}

/* An answer of a kind of records: {"builds": [...], "meta": {...}}. */
static void put_schema(struct json_writer *json, const struct resource *resource)
{
    begin_member(json, resource->plural);
    put_type(json, "object", false);
    begin_member(json, "properties");
    begin_member(json, resource->plural);
    put_type(json, "array", false);
    begin_member(json, "items");
    put_type(json, "object", false);
    begin_member(json, "properties");
    for (const struct resource_field *field = resource->fields; field->name; field++)
        put_field(json, field);
    json_end_object(json);
    put_required(json, resource);
    json_end_object(json);
    json_end_object(json);
    begin_member(json, "meta");
    put_type(json, "object", false);
    json_end_object(json);
    json_end_object(json);
    json_end_object(json);
}

/* {"NAME": [VALUE, SOURCE]} */
static void put_properties(struct json_writer *json)
{
    begin_member(json, "additionalProperties");
    put_type(json, "array", false);
    json_name(json, "prefixItems");
    json_begin_array(json);
    json_begin_object(json);
    json_end_object(json);
    json_begin_object(json);
    put_type(json, "string", false);
    json_end_object(json);
    json_end_array(json);
    json_member_number(json, "minItems", 2);
    json_member_number(json, "maxItems", 2);
    json_end_object(json);
}

/* A part is a list of objects, but for the properties. */
static void put_part(struct json_writer *json, const struct form *form)
{
    char text[80];
    snprintf(text, sizeof(text), SCHEMAS "%s", form->name);
    if (form->fields) {
        put_type(json, "array", true);
        begin_member(json, "items");
    }
    json_member_text(json, "$ref", text);
    if (form->fields)
        json_end_object(json);
}

static void put_form_field(struct json_writer *json, const struct body_field *field)
{
    begin_member(json, field->name);
    switch (field->kind) {
    case BODY_TEXT:
        put_type(json, "string", !field->is_needed);
        break;
    case BODY_NUMBER:
        put_type(json, "integer", !field->is_needed);
        break;
    case BODY_TIME:
        put_type(json, "integer", true);
        json_member_text(json, "description", "seconds since 1970 UTC");
        break;
    case BODY_RESULTS:
        json_member_text(
            json, "description",
            "0 to 6, or success, warnings, failure, skipped, exception, retry, cancelled");
        break;
    case BODY_BOOL:
        put_type(json, "boolean", !field->is_needed);
        break;
    case BODY_PART:
        put_part(json, field->parts);
        break;
    case BODY_VALUE:
        json_member_text(json, "description", "any JSON");
        break;
    }
    json_end_object(json);
}

static void put_needed(struct json_writer *json, const struct body_field *fields)
{
    json_name(json, "required");
    json_begin_array(json);
    for (; fields->name; fields++)
        if (fields->is_needed)
            json_text(json, fields->name);
    json_end_array(json);
}

static void put_form(struct json_writer *json, const struct form *form)
{
    begin_member(json, form->name);
    put_type(json, "object", false);
    if (form->fields) {
        begin_member(json, "properties");
        for (const struct body_field *field = form->fields; field->name; field++)
            put_form_field(json, field);
        json_end_object(json);
        put_needed(json, form->fields);
        json_member_bool(json, "additionalProperties", false);
    } else {
        put_properties(json);
    }
    json_end_object(json);
}

/* Those that routes take, each once, and those that stand in them. */
static void put_forms(struct json_writer *json)
{
    static const struct form *const within[] = {&form_sourcestamp, &form_whole_step, &form_data};
    for (size_t i = 0; i < route_count(); i++) {
        const struct form *form = route_at(i)->form;
        bool is_first = form;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = route_at(k)->form != form;
        if (is_first)
            put_form(json, form);
    }
    for (size_t i = 0; i < sizeof(within) / sizeof(*within); i++)
        put_form(json, within[i]);
}

static void put_schemas(struct json_writer *json)
{
    begin_member(json, "schemas");
    begin_member(json, "object");
    put_type(json, "object", false);
    json_end_object(json);
    begin_member(json, "error");
    put_type(json, "object", false);
    begin_member(json, "properties");
    begin_member(json, "error");
    put_type(json, "string", false);
    json_end_object(json);
    json_end_object(json);
    json_end_object(json);
    for (size_t i = 0; i < route_count(); i++) {
        const struct resource *resource = route_at(i)->resource;
        bool is_first = resource;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = route_at(k)->resource != resource;
        if (is_first)
            put_schema(json, resource);
    }
    put_forms(json);
    json_end_object(json);
}

static void put_security(struct json_writer *json)
{
    begin_member(json, "securitySchemes");
    begin_member(json, "token");
    json_member_text(json, "type", "http");
    json_member_text(json, "scheme", "bearer");
    json_end_object(json);
    json_end_object(json);
}

void read_openapi(struct exchange *exchange)
{
    struct json_writer json;
    reply_begin(exchange, &json);
    json_begin_object(&json);
    json_member_text(&json, "openapi", "3.1.0");
    begin_member(&json, "info");
    json_member_text(&json, "title", "daybook");
    json_member_text(&json, "version", dbk_version());
    json_end_object(&json);
    json_name(&json, "servers");
    json_begin_array(&json);
    json_begin_object(&json);
    json_member_text(&json, "url", "../..");
    json_end_object(&json);
    json_end_array(&json);
    if (access_is_guarded(exchange->server)) {
        json_name(&json, "security");
        json_begin_array(&json);
        json_begin_object(&json);
        json_name(&json, "token");
        json_begin_array(&json);
        json_end_array(&json);
        json_end_object(&json);
        json_end_array(&json);
    }
    put_paths(exchange, &json);
    begin_member(&json, "components");
    put_schemas(&json);
    put_security(&json);
    json_end_object(&json);
    exchange_finish(exchange, 200, &json);
}
