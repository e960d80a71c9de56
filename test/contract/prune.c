/* See prune.h. */
#include "prune.h"

enum { STEPS_MAX = 1000 };

int64_t prune_record(struct fixture *f, const struct new_build *new_build)
{
    static struct dbk_new_step steps[STEPS_MAX];
    const struct dbk_new_step *step_list[STEPS_MAX];
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    const struct dbk_sourcestamp_key *keys[] = {&key};
    struct dbk_new_property properties[2];
    struct dbk_new_data data[2];
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct answer a;
    int64_t at = f->now - new_build->days * DAY;
    bool is_open = new_build->results == DBK_NONE;
    build.builder = new_build->builder;
    build.started_at = at - 10;
    build.complete_at = is_open ? DBK_NONE : at;
    build.results = new_build->results;
    key.repository = "git://here";
    key.branch = new_build->branch;
    build.sourcestamps = keys;
    build.sourcestamp_count = new_build->branch != NULL;
    for (size_t i = 0; i < new_build->step_count; i++) {
        steps[i] = (struct dbk_new_step)DBK_NEW_STEP_INIT;
        steps[i].name = test_format("step %zu", i);
        step_list[i] = &steps[i];
    }
    build.steps = step_list;
    build.step_count = new_build->step_count;
    build.properties = properties;
    build.data = data;
    if (new_build->has_output)
        data[build.data_count++] = (struct dbk_new_data){"log/0", "12345", 5, "s"};
    if (new_build->has_other) {
        data[build.data_count++] = (struct dbk_new_data){"other", "1234", 4, "s"};
        properties[build.property_count++] = (struct dbk_new_property){"one", "1", "s"};
    }
    if (new_build->keep)
        properties[build.property_count++] =
            (struct dbk_new_property){"keep", new_build->keep, "s"};
    if (ASK(&a, f->store, on_added_build, dbk_record_build, &build))
        fail_msg("%s", a.error.message);
    return a.id;
}

static void on_report(void *user, const struct dbk_report *report)
{
    struct sums *sums = user;
    if (report->kind == DBK_REPORT_SUM)
        sums->text = test_format("%s%s %lld %lld\n", sums->text, report->subject,
                                 (long long)report->rows, (long long)report->bytes);
    else if (++sums->turns == sums->cancel_after)
        dbk_cancel(sums->store, *sums->answer.call.out_op);
}

int prune_with(struct fixture *f, struct sums *sums, const struct dbk_retention *retention,
               const struct dbk_prune_options *options)
{
    *sums = (struct sums){.text = "", .cancel_after = sums->cancel_after, .store = f->store};
    answer_begin(&sums->answer);
    sums->answer.call.out_op = test_take(sizeof(struct dbk_op));
    return answer_end(
        &sums->answer, f->store,
        dbk_prune(f->store, retention, options, &sums->answer.call, on_report, on_done, sums));
}

int prune_run(struct fixture *f, struct sums *sums, const char *rules,
              const struct dbk_prune_options *options)
{
    struct dbk_retention *retention;
    struct dbk_error error;
    if (dbk_retention_parse(rules, &retention, &error))
        fail_msg("%s", error.message);
    int status = prune_with(f, sums, retention, options);
    dbk_retention_free(retention);
    return status;
}

struct sums prune(struct fixture *f, const char *rules)
{
    struct dbk_prune_options options = DBK_PRUNE_OPTIONS_INIT;
    struct sums dry = {0}, wet = {0};
    options.is_dry_run = true;
    if (prune_run(f, &dry, rules, &options) || prune_run(f, &wet, rules, NULL))
        fail_msg("%s%s", dry.answer.error.message, wet.answer.error.message);
    assert_string_equal(dry.text, wet.text);
    return wet;
}
