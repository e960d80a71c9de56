/*
 * A whole build in one request, or its start: its members are those of struct dbk_new_build, by the names that
 * the reads give them.
 */
#include "routes.h"

#include "writing.h"

#include <inttypes.h>
#include <string.h>

static bool check_list(struct body *body, const char *name, const json_t *list)
{
    return json_is_array(list) || body_refuse(body, "%s must be a list", name);
}

static bool take_sourcestamps(struct body *body, const json_t *list, struct dbk_new_build *build)
{
    size_t count = json_array_size(list);
    struct dbk_sourcestamp_key *keys = body_take(body, count + 1, sizeof(*keys));
    const struct dbk_sourcestamp_key **pointers = body_take(body, count + 1, sizeof(*pointers));
    if (!keys || !pointers || !check_list(body, "sourcestamps", list))
        return false;
    for (size_t i = 0; i < count; i++) {
        keys[i] = (struct dbk_sourcestamp_key)DBK_SOURCESTAMP_KEY_INIT;
        pointers[i] = &keys[i];
        if (!body_read(body, json_array_get(list, i), &form_sourcestamp, &keys[i]))
            return false;
    }
    build->sourcestamps = pointers;
    build->sourcestamp_count = count;
    return true;
}

static bool take_urls(struct body *body, const json_t *list, struct dbk_new_step *step)
{
    size_t count = json_array_size(list);
    struct dbk_url *urls = body_take(body, count + 1, sizeof(*urls));
    if (!urls || !check_list(body, "urls", list))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!body_read(body, json_array_get(list, i), &form_url, &urls[i]))
            return false;
    step->urls = urls;
    step->url_count = count;
    return true;
}

static bool take_step(struct body *body, const json_t *object, struct whole_step_form *out)
{
    out->step = (struct dbk_new_step)DBK_NEW_STEP_INIT;
    return body_read(body, object, &form_whole_step, out) &&
           (!out->urls || take_urls(body, out->urls, &out->step));
}

static bool take_steps(struct body *body, const json_t *list, struct dbk_new_build *build)
{
    size_t count = json_array_size(list);
    struct whole_step_form *steps = body_take(body, count + 1, sizeof(*steps));
    const struct dbk_new_step **pointers = body_take(body, count + 1, sizeof(*pointers));
    if (!steps || !pointers || !check_list(body, "steps", list))
        return false;
    for (size_t i = 0; i < count; i++) {
        pointers[i] = &steps[i].step;
        if (!take_step(body, json_array_get(list, i), &steps[i]))
            return false;
    }
    build->steps = pointers;
    build->step_count = count;
    return true;
}

static bool take_value(struct body *body, const json_t *object, struct dbk_new_data *out)
{
    struct data_form value = {NULL, WRITING_SOURCE, NULL, NULL};
    if (!body_read(body, object, &form_data, &value))
        return false;
    if (!value.value == !value.base64)
        return body_refuse(body, "the data %.80s must have either value or base64", value.name);
    *out = (struct dbk_new_data){value.name, value.value, 0, value.source};
    if (value.base64)
        return body_decode(body, value.base64, &out->value, &out->value_len);
    out->value_len = strlen(value.value);
    return true;
}

static bool take_data(struct body *body, const json_t *list, struct dbk_new_build *build)
{
    size_t count = json_array_size(list);
    struct dbk_new_data *data = body_take(body, count + 1, sizeof(*data));
    if (!data || !check_list(body, "data", list))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!take_value(body, json_array_get(list, i), &data[i]))
            return false;
    build->data = data;
    build->data_count = count;
    return true;
}

static bool take_parts(struct body *body, struct build_form *whole)
{
    struct dbk_new_build *build = &whole->build;
    return (!whole->sourcestamps || take_sourcestamps(body, whole->sourcestamps, build)) &&
           (!whole->properties || writing_properties(body, whole->properties, &build->properties,
                                                     &build->property_count)) &&
           (!whole->steps || take_steps(body, whole->steps, build)) &&
           (!whole->data || take_data(body, whole->data, build));
}

static void recorded(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    struct exchange *exchange = user;
    char place[64 + SERVE_BASE_MAX];
    if (exchange_is_over(exchange, error))
        return;
    snprintf(place, sizeof(place), "%s" EXCHANGE_PREFIX "builds/%" PRId64,
             exchange->server->options->base_path, buildid);
    writing_give(exchange, (struct writing_id[]){{"buildid", buildid}, {"number", number}}, 2, NULL,
                 place);
}

static void record(struct exchange *exchange, const char *builder)
{
    struct build_form whole = {.build = DBK_NEW_BUILD_INIT};
    struct body body;
    if (writing_read(exchange, &body, &form_build, &whole)) {
        whole.build.builder = builder;
        if (take_parts(&body, &whole))
            exchange_submitted(exchange,
                               dbk_record_build(exchange->server->store, &whole.build,
                                                writing_call(exchange), recorded, exchange));
        else
            writing_refuse(exchange, &body);
    }
    body_fini(&body);
}

static void take_builder(void *user, const struct dbk_error *error,
                         const struct dbk_builder *builder)
{
    struct exchange *exchange = user;
    if (!exchange_is_without(exchange, error, builder, "builder"))
        record(exchange, builder->name);
}

void write_build(struct exchange *exchange)
{
    if (exchange->owner)
        record(exchange, exchange->owner);
    else
        exchange_submitted(exchange,
                           dbk_get_builder(exchange->server->store, exchange->ownerid,
                                           exchange_call(exchange), take_builder, exchange));
}
