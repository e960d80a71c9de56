/*
 * Builders, workers and masters: found by name, or added.
 */
#include "routes.h"

#include "writing.h"

typedef int find_fn(struct dbk_store *store, const char *name, bool is_added,
                    const struct dbk_call *call, dbk_id_fn *done, void *user);

static void find(struct exchange *exchange, find_fn *find_id, dbk_id_fn *done)
{
    struct body body;
    const char *name;
    if (writing_read(exchange, &body, &form_name, &name))
        exchange_submitted(exchange, find_id(exchange->server->store, name, true,
                                             writing_call(exchange), done, exchange));
    body_fini(&body);
}

static void give(struct exchange *exchange, const struct dbk_error *error, const char *name,
                 int64_t id)
{
    if (!exchange_is_over(exchange, error))
        writing_give(exchange, &(struct writing_id){name, id}, 1, NULL, NULL);
}

static void give_builder(void *user, const struct dbk_error *error, int64_t id)
{
    give(user, error, "builderid", id);
}

static void give_worker(void *user, const struct dbk_error *error, int64_t id)
{
    give(user, error, "workerid", id);
}

static void give_master(void *user, const struct dbk_error *error, int64_t id)
{
    give(user, error, "masterid", id);
}

void write_builder(struct exchange *exchange)
{
    find(exchange, dbk_find_builder_id, give_builder);
}

void write_worker(struct exchange *exchange)
{
    find(exchange, dbk_find_worker_id, give_worker);
}

void write_master(struct exchange *exchange)
{
    find(exchange, dbk_find_master_id, give_master);
}
