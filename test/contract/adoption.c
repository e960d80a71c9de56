/* See adoption.h. */
#include "adoption.h"

static int64_t read_clock(void *user)
{
    return ((const struct buildbot *)user)->now;
}

void buildbot_open_exclusive(struct buildbot *b, const char *url_options, bool is_forced)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    options.clock = read_clock;
    options.clock_user = b;
    options.is_exclusive = true;
    options.is_forced = is_forced;
    if (dbk_open(buildbot_url(b, url_options), &options, &b->store, &error))
        fail_msg("%s", error.message);
}

void on_report(void *user, const struct dbk_report *report)
{
    struct reports *r = user;
    r->count++;
    if (report->kind == DBK_REPORT_STATEMENT) {
        r->statements = test_format("%s%s\n", r->statements, report->text);
        r->rows += report->rows;
    } else if (report->kind == DBK_REPORT_FINDING) {
        r->findings = test_format("%s%s %s %lld\n", r->findings, report->problem, report->subject,
                                  (long long)report->id);
        r->texts = test_format("%s%s\n", r->texts, report->text);
    } else {
        r->turns++;
    }
    if (r->count == r->cancel_after)
        r->cancelled = dbk_cancel(r->store, *r->answer.call.out_op);
}

static void begin(struct reports *reports, struct dbk_store *store)
{
    int cancel_after = reports->cancel_after;
    *reports = (struct reports){.store = store,
                                .cancel_after = cancel_after,
                                .cancelled = DBK_NOT_FOUND,
                                .statements = test_copy(""),
                                .findings = test_copy(""),
                                .texts = test_copy("")};
    answer_begin(&reports->answer);
    reports->answer.call.out_op = test_take(sizeof(struct dbk_op));
}

int long_run(struct reports *reports, struct dbk_store *store, long_fn *function, bool is_dry_run)
{
    begin(reports, store);
    return answer_end(
        &reports->answer, store,
        function(store, is_dry_run, &reports->answer.call, on_report, on_done, reports));
}

int long_run_alone(struct buildbot *b, struct reports *reports, long_fn *function)
{
    buildbot_open_exclusive(b, "", false);
    int status = long_run(reports, b->store, function, false);
    buildbot_close(b);
    return status;
}
