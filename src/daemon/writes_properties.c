/*
 * Writes of a build's properties: one, or several at once.
 */
#include "routes.h"

#include "json_place.h"
#include "writing.h"

void write_property(struct exchange *exchange)
{
    struct property_form property = {NULL, WRITING_SOURCE};
    struct body body;
    if (writing_read(exchange, &body, &form_property, &property)) {
        const char *value = body_value(&body, json_place_of(body.text, body.root, property.value));
        if (value)
            exchange_submitted(
                exchange, dbk_set_build_property(exchange->server->store, exchange->buildid,
                                                 exchange->name, value, property.source,
                                                 writing_call(exchange), writing_done, exchange));
        else
            writing_refuse(exchange, &body);
    }
    body_fini(&body);
}

/* NAME: [VALUE, SOURCE], as builds/ID/properties gives them. */
static bool read_property(struct body *body, const char *name, const json_t *pair,
                          const char *place, struct dbk_new_property *out_property)
{
    const json_t *source = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_string(source))
        return body_refuse(body, "the property %.80s must be [value, source]", name);
    *out_property = (struct dbk_new_property){name, body_value(body, json_place_first(place)),
                                              json_string_value(source)};
    return out_property->value;
}

bool writing_properties(struct body *body, const json_t *map,
                        const struct dbk_new_property **out_properties, size_t *out_count)
{
    struct dbk_new_property *properties =
        body_take(body, json_object_size(map) + 1, sizeof(*properties));
    const char *name;
    json_t *pair;
    size_t count = 0;
    if (!properties)
        return false;
    if (!json_is_object(map))
        return body_refuse(body, "properties must be an object: name to [value, source]");
    const char *text = map == body->root ? body->text : json_place_of(body->text, body->root, map);
    const char *place = json_place_first(text);
    json_object_foreach((json_t *)map, name, pair)
    {
        if (!read_property(body, name, pair, place, &properties[count++]))
            return false;
        place = json_place_next(place);
    }
    *out_properties = properties;
    *out_count = count;
    return true;
}

void write_properties(struct exchange *exchange)
{
    const struct dbk_new_property *properties;
    size_t count;
    struct body body;
    if (body_parse(&body, evhttp_request_get_input_buffer(exchange->request)) &&
        writing_properties(&body, body.root, &properties, &count))
        exchange_submitted(exchange, dbk_set_build_properties(
                                         exchange->server->store, exchange->buildid, properties,
                                         count, writing_call(exchange), writing_done, exchange));
    else
        writing_refuse(exchange, &body);
    body_fini(&body);
}
