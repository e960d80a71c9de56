/* A step's list of URLs: reading it, see step_urls.h, and adding to it. */
#include "connector/step_urls.h"

#include "connector/event.h"
#include "connector/records.h"

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
    json_array_foreach(list, i, item)
    {
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

int dbki_step_urls_read(struct dbki_op *op, const char *json,
                        const struct dbk_url *const **out_urls, size_t *out_count)
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
        json_array_foreach(list, i, item)
        {
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

/*
 * Makes the list with one more pair behind it. Result: 0, and *out_json in the arena or NULL when the pair
 * is there already; DBK_DAMAGED; DBK_NO_MEMORY.
 */
static int add_pair(struct dbki_op *op, const char *json, const char *name, const char *url,
                    const char **out_json)
{
    json_t *list = parse(json), *item;
    size_t i;
    if (!list)
        return DBK_DAMAGED;
    *out_json = NULL;
    json_array_foreach(list, i, item)
    {
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

/* ---------------------------------------------------------------------------- adding to it ---- */

struct add_url_op {
    struct dbki_op op;
    int64_t stepid;
    struct dbki_value name, url;
    bool is_found;
    int status;           /* of reading the list */
    const char *new_json; /* NULL: the pair is there */
};

static const struct dbki_statement GET_URLS = {.sql = "SELECT urls_json FROM steps WHERE id = ?",
                                               .is_one_row = true};
static const struct dbki_statement SET_URLS = {.sql =
                                                   "UPDATE steps SET urls_json = ? WHERE id = ?"};

static void add_url_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct add_url_op *add = (struct add_url_op *)op;
    add->is_found = false;
    add->new_json = NULL;
    DBKI_BIND(binder, &GET_URLS, dbki_int(add->stepid));
}

static void add_url_bind_arguments(struct dbki_op *op, struct dbki_binder *binder)
{
    struct add_url_op *add = (struct add_url_op *)op;
    DBKI_BIND(binder, &SET_URLS, dbki_int(add->stepid), add->name, add->url);
}

static int add_url_row(struct dbki_op *op, int index, const struct dbki_value *cells,
                       int cell_count)
{
    struct add_url_op *add = (struct add_url_op *)op;
    (void)index;
    (void)cell_count;
    add->is_found = true;
    add->status = cells[0].type == DBKI_TEXT
                      ? add_pair(op, cells[0].text, add->name.text, add->url.text, &add->new_json)
                      : DBK_DAMAGED;
    return add->status == DBK_NO_MEMORY ? DBK_NO_MEMORY : DBK_OK;
}

static void add_url_read(struct dbki_op *op, const struct dbki_bound *bound,
                         struct dbki_binder *more)
{
    struct add_url_op *add = (struct add_url_op *)op;
    (void)bound;
    if (op->pass)
        return;
    if (!add->is_found) {
        dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no step with the id %lld",
                       (long long)add->stepid);
    } else if (add->status) {
        dbki_error_set(&op->error, DBK_DAMAGED,
                       "the step's urls_json is not a list of URLs; it was left as it is");
    } else if (add->new_json) {
        DBKI_BIND(more, &SET_URLS, dbki_text(add->new_json), dbki_int(add->stepid));
        dbki_event_bind_step(op, more, "updated", add->stepid);
    }
}

static const struct dbki_opkind ADD_URL_KIND = {
    .action = "adding a URL to a step",
    .orders = DBKI_ORDERS_STEP,
    .lock = &dbki_lock_step,
    .access = DBKI_ACCESS_EXISTING,
    .bind = add_url_bind,
    .row = add_url_row,
    .read = add_url_read,
    .deliver = dbki_write_deliver,
    .bind_arguments = add_url_bind_arguments,
};

int dbk_add_url(struct dbk_store *store, int64_t stepid, const char *name, const char *url,
                const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "a URL's name", name, 0, false);
    dbki_check_text(&check, "url", url, 0, false);
    if (check.status)
        return check.status;
    struct add_url_op *op = dbki_op_new(&ADD_URL_KIND, sizeof *op, strlen(name) + strlen(url) + 512,
                                        (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->op.order_id = op->stepid = stepid;
    op->name = dbki_op_text(&op->op, name);
    op->url = dbki_op_text(&op->op, url);
    return dbki_submit(store, &op->op, call);
}
