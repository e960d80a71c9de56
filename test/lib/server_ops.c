/* Builds added on a server, each with what its caller was told; see server_ops.h. */
#include "server_ops.h"

#include "server_load.h"

#include <stdio.h>
#include <stdlib.h>

/* An operation: add_build, whose build says in its state string which one it was. */
struct server_op {
    struct server_ops *ops;
    int64_t late_at_ms;
    bool is_done;
    struct dbk_error error;
};

void server_ops_make(struct server_ops *out_ops, const char *url)
{
    struct dbk_store *store = load_open(url, true);
    assert_non_null(store);
    *out_ops = (struct server_ops){
        .all = test_take(SERVER_OPS_MAX * sizeof *out_ops->all),
        .overshoot_ms = INT64_MIN,
    };
    seed_make(store, &out_ops->seed);
    dbk_close_wait(store);
}

static void submit_next(struct server_ops *ops);

static void on_added(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    struct server_op *op = user;
    struct server_ops *ops = op->ops;
    int64_t over_ms = load_now_ms() - op->late_at_ms;
    (void)id;
    (void)number;
    op->is_done = true;
    if (error)
        op->error = *error;
    ops->acknowledged += !error;
    ops->overshoot_ms = over_ms > ops->overshoot_ms ? over_ms : ops->overshoot_ms;
    ops->outstanding--;
    if (ops->outstanding < ops->wanted)
        submit_next(ops);
}

static void submit_next(struct server_ops *ops)
{
    char name[32];
    struct dbk_call call = DBK_CALL_INIT;
    assert_true(ops->count < SERVER_OPS_MAX);
    struct server_op *op = &ops->all[ops->count];
    snprintf(name, sizeof name, "op %d", ops->count++);
    *op = (struct server_op){.ops = ops, .late_at_ms = load_now_ms() + ops->timeout_ms};
    call.timeout_ms = ops->timeout_ms;
    ops->outstanding++;
    assert_int_equal(dbk_add_build(ops->store, ops->seed.builderid, ops->seed.buildrequestid,
                                   DBK_NONE, ops->seed.masterid, name, &call, on_added, op),
                     DBK_OK);
}

void server_ops_fill(struct server_ops *ops)
{
    ops->wanted = SERVER_OPS_OUTSTANDING;
    while (ops->outstanding < ops->wanted)
        submit_next(ops);
}

void server_ops_run_until(struct server_ops *ops, int acknowledged)
{
    server_ops_fill(ops);
    while (ops->acknowledged < acknowledged)
        dbk_wait(ops->store, 1000);
}

void server_ops_run_out(struct server_ops *ops)
{
    ops->wanted = 0;
    while (ops->outstanding)
        dbk_wait(ops->store, 1000);
}

void server_ops_expect_done(const struct server_ops *ops, int last_count)
{
    for (int i = ops->count - last_count; i < ops->count; i++)
        assert_string_equal(ops->all[i].error.status ? ops->all[i].error.message : "", "");
}

/* How often each is there. */
static int *count_found(const struct server_ops *ops, const char *list)
{
    int *found = test_take((size_t)ops->count * sizeof *found);
    memset(found, 0, (size_t)ops->count * sizeof *found);
    for (const char *at = list; at && *at; at += strcspn(at, " "), at += *at == ' ') {
        int op, count;
        assert_int_equal(sscanf(at, "%d=%d", &op, &count), 2);
        assert_in_range(op, 0, ops->count - 1);
        found[op] = count;
    }
    return found;
}

void server_ops_expect_truth(const struct server_ops *ops, const struct engine *engine,
                             const char *url, const char *list_sql)
{
    const int *found = count_found(ops, engine->look(url, list_sql));
    int unknown = 0;
    for (int i = 0; i < ops->count; i++) {
        const struct server_op *op = &ops->all[i];
        assert_true(op->is_done);
        if (op->error.status == DBK_OK)
            assert_int_equal(found[i], 1);
        else if (op->error.outcome == DBK_NOT_DONE)
            assert_int_equal(found[i], 0);
        else
            assert_in_range(found[i], 0, 1);
        unknown += op->error.status != DBK_OK && op->error.outcome == DBK_UNKNOWN;
    }
    print_message("%d acknowledged and there, %d ended otherwise, %d of these not known\n",
                  ops->acknowledged, ops->count - ops->acknowledged, unknown);
    assert_same_text(engine->look(url, "SELECT count(*) FROM (SELECT builderid FROM builds GROUP BY"
                                       " builderid HAVING max(number) <> count(*)) wrong"),
                     "0");
}
