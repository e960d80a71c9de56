/* The turns of long deletions: how much is in one, and the rests between them; see turns.h. */
#include "connector/turns.h"

#include "base/clock.h"
#include "store/store.h"

/*
 * On SQLite a turn keeps others from writing for as long as it takes, and costs another process all that it had read. On
 * servers, where others are not seen, a turn takes of them what the machine does for it.
 */
enum { REST_TIMES = 24, REST_TIMES_ON_SERVER = 3 };
static const int64_t REST_MAX_NS = 250 * 1000 * 1000;
static const struct dbki_statement GET_VERSION = {.sql = "PRAGMA data_version", .is_one_row = true};

static bool is_on_server(const struct dbki_op *op)
{
    return op->store->engine->is_server;
}

void dbki_turns_begin(struct dbki_turns *turns, const struct dbki_op *op)
{
    int64_t turn = (int64_t)op->looked_at_turn;
    turns->begun_ns = dbki_clock_ns();
    /* The last turn of ours is one of those that are counted. */
    turns->is_beside_writers = is_on_server(op) || turn > turns->own_turn + 1;
    turns->own_turn = turn;
    turns->version_index = -1;
}

void dbki_turns_ask(struct dbki_turns *turns, const struct dbki_op *op, struct dbki_binder *binder,
                    int first)
{
    if (is_on_server(op))
        return;
    turns->version_index = binder->count - first;
    dbki_bind(binder, &GET_VERSION, NULL, 0);
}

bool dbki_turns_take(struct dbki_turns *turns, int index, const struct dbki_value *cells)
{
    if (index != turns->version_index)
        return false;
    int64_t version = dbki_value_int(&cells[0]);
    turns->is_beside_writers |= version != turns->version;
    turns->version = version;
    turns->version_index = -1; /* later passes have statements of that index, too */
    return true;
}

int64_t dbki_turns_elapsed_ns(const struct dbki_turns *turns)
{
    return dbki_clock_ns() - turns->begun_ns;
}

/* Half as much the next time if it took too long; more if it was as much as may be, and quick. What others wait for on
 * SQLite is the commit, too, and then their own writes, which came meanwhile: beside them it is half as long. */
void dbki_turns_adapt(struct dbki_turns *turns, const struct dbki_op *op, bool was_full)
{
    bool is_waited_for = turns->is_beside_writers && !is_on_server(op);
    int64_t took_ns = dbki_turns_elapsed_ns(turns);
    int64_t most_ns = is_waited_for ? turns->turn_ns / 2 : turns->turn_ns;
    if (took_ns > most_ns)
        turns->row_limit /= 2;
    else if (took_ns < most_ns / 2 && was_full)
        turns->row_limit += turns->row_limit / (turns->is_beside_writers ? 8 : 2);
    turns->row_limit = turns->row_limit < turns->row_min   ? turns->row_min
                       : turns->row_limit > turns->row_max ? turns->row_max
                                                           : turns->row_limit;
}

void dbki_turns_rest(const struct dbki_turns *turns, struct dbki_op *op)
{
    int64_t times = is_on_server(op) ? REST_TIMES_ON_SERVER : REST_TIMES;
    int64_t rest_ns = times * dbki_turns_elapsed_ns(turns);
    if (op->is_turn_over && turns->is_beside_writers)
        op->rest_until_ns = dbki_clock_ns() + (rest_ns < REST_MAX_NS ? rest_ns : REST_MAX_NS);
}
