/* The asynchronous calls, waited for; see wait.h. */
#include "wait.h"

#include <stdlib.h>

void answer_begin(struct answer *answer)
{
    *answer = (struct answer){.call = DBK_CALL_INIT};
    answer->call.out_refusal = &answer->refusal;
    answer->id = answer->number = answer->count = DBK_NONE;
}

void answer_wait(struct answer *answer, struct dbk_store *store)
{
    while (!answer->done_count)
        assert_true(dbk_wait(store, -1) > 0);
    assert_int_equal(answer->done_count, 1);
}

int answer_end(struct answer *answer, struct dbk_store *store, int submitted)
{
    answer->submitted = submitted;
    if (submitted == DBK_OK) {
        assert_int_equal(answer->done_count, 0);
        answer_wait(answer, store);
        return answer->error.status;
    }
    assert_int_equal(answer->done_count, 0);
    answer->error = answer->refusal;
    if (answer->call.out_refusal) {
        assert_int_equal(answer->refusal.status, submitted);
        assert_true(answer->refusal.message[0] != '\0');
    }
    return submitted;
}

void answer_take(struct answer *answer, const struct dbk_error *error, const struct dbk_page *page)
{
    answer->done_count++;
    if (error) {
        assert_int_not_equal(error->status, DBK_OK);
        assert_true(error->message[0] != '\0');
        assert_true(error->action[0] != '\0');
        answer->error = *error;
    }
    if (page) {
        answer->page = *page;
        if (page->next_cursor)
            answer->page.next_cursor = test_copy(page->next_cursor);
    }
}

void on_done(void *user, const struct dbk_error *error)
{
    answer_take(user, error, NULL);
}

void on_id(void *user, const struct dbk_error *error, int64_t id)
{
    struct answer *answer = user;
    answer_take(answer, error, NULL);
    answer->id = id;
}

void on_count(void *user, const struct dbk_error *error, int64_t count)
{
    struct answer *answer = user;
    answer_take(answer, error, NULL);
    answer->count = count;
}

void on_added_build(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    struct answer *answer = user;
    answer_take(answer, error, NULL);
    answer->id = buildid;
    answer->number = number;
}

void on_added_step(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                   const char *name)
{
    struct answer *answer = user;
    answer_take(answer, error, NULL);
    answer->id = stepid;
    answer->number = number;
    answer->name = name ? test_copy(name) : NULL;
}

static void free_build(void *build)
{
    dbk_build_free(build);
}

static void free_step(void *step)
{
    dbk_step_free(step);
}

static void free_data(void *data)
{
    dbk_build_data_free(data);
}

static char *copy_or_null(const char *text)
{
    return text ? test_copy(text) : NULL;
}

/* Room for a page's pointers, with a NULL behind them. */
static void *take_list(const struct dbk_page *page)
{
    return test_take((page->count + 1) * sizeof(void *));
}

void on_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct answer *answer = user;
    answer_take(answer, error, NULL);
    answer->build = build ? test_keep(dbk_build_dup(build), free_build) : NULL;
}

void on_builds(void *user, const struct dbk_error *error, const struct dbk_build *const *builds,
               const struct dbk_page *page)
{
    struct answer *answer = user;
    answer_take(answer, error, page);
    if (error)
        return;
    answer->builds = take_list(page);
    for (size_t i = 0; i < page->count; i++)
        answer->builds[i] = test_keep(dbk_build_dup(builds[i]), free_build);
}

void on_step(void *user, const struct dbk_error *error, const struct dbk_step *step)
{
    struct answer *answer = user;
    answer_take(answer, error, NULL);
    answer->step = step ? test_keep(dbk_step_dup(step), free_step) : NULL;
}

void on_steps(void *user, const struct dbk_error *error, const struct dbk_step *const *steps,
              const struct dbk_page *page)
{
    struct answer *answer = user;
    answer_take(answer, error, page);
    if (error)
        return;
    answer->steps = take_list(page);
    for (size_t i = 0; i < page->count; i++)
        answer->steps[i] = test_keep(dbk_step_dup(steps[i]), free_step);
}

void on_properties(void *user, const struct dbk_error *error,
                   const struct dbk_property *const *properties, const struct dbk_page *page)
{
    struct answer *answer = user;
    answer_take(answer, error, page);
    if (error)
        return;
    answer->properties = take_list(page);
    for (size_t i = 0; i < page->count; i++) {
        struct dbk_property *copy = test_take(sizeof *copy);
        *copy = *properties[i];
        copy->name = copy_or_null(copy->name);
        copy->value = copy_or_null(copy->value);
        copy->source = copy_or_null(copy->source);
        answer->properties[i] = copy;
    }
}

void on_data(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    struct answer *answer = user;
    answer_take(answer, error, NULL);
    answer->data = data ? test_keep(dbk_build_data_dup(data), free_data) : NULL;
}

void on_data_list(void *user, const struct dbk_error *error,
                  const struct dbk_build_data *const *data, const struct dbk_page *page)
{
    struct answer *answer = user;
    answer_take(answer, error, page);
    if (error)
        return;
    answer->datas = take_list(page);
    for (size_t i = 0; i < page->count; i++)
        answer->datas[i] = test_keep(dbk_build_data_dup(data[i]), free_data);
}

void on_events(void *user, const struct dbk_error *error, const struct dbk_event *const *events,
               const struct dbk_page *page)
{
    struct answer *answer = user;
    answer_take(answer, error, page);
    if (error)
        return;
    answer->events = take_list(page);
    for (size_t i = 0; i < page->count; i++) {
        struct dbk_event *copy = test_take(sizeof *copy);
        *copy = *events[i];
        copy->kind = copy_or_null(copy->kind);
        copy->verb = copy_or_null(copy->verb);
        copy->name = copy_or_null(copy->name);
        answer->events[i] = copy;
    }
}
