/* A step's list of URLs; see step_urls.h. */
#include "connector/step_urls.h"

#include <jansson.h>
#include <stdlib.h>

static bool is_pair(const json_t *item)
{
    return json_is_string(json_object_get(item, "name")) &&
           json_is_string(json_object_get(item, "url"));
}

/* Result: NULL when the text is no list of URLs. */
static json_t *parse(const char *json)
{
    json_t *list = json_loads(json, 0, NULL), *item;
    size_t i;
    if (!json_is_array(list)) {
        json_decref(list);
        return NULL;
    }
    json_array_foreach(list, i, item) {
        if (!is_pair(item)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static const char *copy_string(struct dbki_op *op, const json_t *item, const char *key)
{
    const json_t *string = json_object_get(item, key);
    return dbki_arena_copy(&op->arena, json_string_value(string), json_string_length(string));
}

int dbki_step_urls_read(struct dbki_op *op, const char *json, const struct dbk_url *const **out_urls,
                        size_t *out_count)
{
    if (!strcmp(json, "[]")) { /* nearly all of them */
        *out_urls = NULL;
        *out_count = 0;
        return DBK_OK;
    }
    json_t *list = parse(json), *item;
    if (!list)
        return DBK_DAMAGED;
    size_t i, count = json_array_size(list);
    const struct dbk_url **urls = dbki_op_take(op, (count + 1) * sizeof *urls);
    struct dbk_url *all = dbki_op_take(op, (count + 1) * sizeof *all);
    int status = urls && all ? DBK_OK : DBK_NO_MEMORY;
    if (!status)
        json_array_foreach(list, i, item) {
            all[i] = (struct dbk_url){copy_string(op, item, "name"), copy_string(op, item, "url")};
            urls[i] = &all[i];
            if (!all[i].name || !all[i].url)
                status = DBK_NO_MEMORY;
        }
    json_decref(list);
    if (!status) {
        *out_urls = urls;
        *out_count = count;
    }
    return status;
}

int dbki_step_urls_add(struct dbki_op *op, const char *json, const char *name, const char *url,
                       const char **out_json)
{
    json_t *list = parse(json), *item;
    size_t i;
    if (!list)
        return DBK_DAMAGED;
    *out_json = NULL;
    json_array_foreach(list, i, item) {
        if (!strcmp(json_string_value(json_object_get(item, "name")), name) &&
            !strcmp(json_string_value(json_object_get(item, "url")), url)) {
            json_decref(list);
            return DBK_OK;
        }
    }
    int status = DBK_NO_MEMORY;
    if (!json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "url", url))) {
        char *text = json_dumps(list, JSON_ENSURE_ASCII); /* as Buildbot's own writing looks */
        *out_json = text ? dbki_arena_copy(&op->arena, text, strlen(text)) : NULL;
        free(text);
        status = *out_json ? DBK_OK : DBK_NO_MEMORY;
    }
    json_decref(list);
    return status;
}
