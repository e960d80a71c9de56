/*
 * The asynchronous calls, waited for. Results are copied with the library's _dup() functions, or by hand
 * where there is none, and live until the test ends.
 *
 *     struct answer a;
 *     assert_int_equal(ASK(&a, store, on_build, dbk_get_build, buildid), DBK_OK);
 *     assert_int_equal(a.build->number, 1);
 */
#ifndef WAIT_H
#define WAIT_H

#include "daybook.h"
#include "test.h"

/* What a call gave. */
struct answer {
    struct dbk_call call; /* with which it was submitted; ASK_WITH() keeps what it holds */
    struct dbk_error refusal;
    int submitted;          /* what submitting returned */
    int done_count;         /* how often the callback ran */
    struct dbk_error error; /* of the callback, or the refusal; status DBK_OK for none */
    int64_t id, number, count;
    char *name;
    struct dbk_build *build, **builds;
    struct dbk_step *step, **steps;
    struct dbk_build_data *data, **datas;
    struct dbk_property **properties;
    struct dbk_event **events;
    struct dbk_page page;
};

/*
 * Submits a call and waits for its end. `on` is one of the callbacks below; the arguments are the call's
 * own, without call, done and user. Result: the status with which it was refused or ended.
 */
#define ASK(answer, store, on, function, ...)                                                      \
    (answer_begin(answer),                                                                         \
     answer_end(answer, store, function(store, __VA_ARGS__, &(answer)->call, on, answer)))

/* The same with a struct dbk_call of the test's. */
#define ASK_WITH(answer, store, with, on, function, ...)                                           \
    (answer_begin(answer),                                                                         \
     answer_end(answer, store, function(store, __VA_ARGS__, with, on, answer)))

void answer_begin(struct answer *answer);
int answer_end(struct answer *answer, struct dbk_store *store, int submitted);

/* Waits until the callback ran, for calls that were submitted by hand. */
void answer_wait(struct answer *answer, struct dbk_store *store);

dbk_done_fn on_done;
dbk_id_fn on_id;
dbk_count_fn on_count;
dbk_added_build_fn on_added_build;
dbk_added_step_fn on_added_step;
dbk_build_fn on_build;
dbk_builds_fn on_builds;
dbk_step_fn on_step;
dbk_steps_fn on_steps;
dbk_properties_fn on_properties;
dbk_build_data_fn on_data;
dbk_build_data_list_fn on_data_list;
dbk_events_fn on_events;

/* For callbacks of other records: marks the end, and copies error and page (NULL for none). */
void answer_take(struct answer *answer, const struct dbk_error *error, const struct dbk_page *page);

#endif
