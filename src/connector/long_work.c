/* Long work: its reports, and submitting it; see long_work.h. */
#include "connector/long_work.h"

struct dbki_news {
    struct dbk_report report;
    struct dbki_news *next;
};

void dbki_long_begin(struct dbki_op *op)
{
    struct dbki_long_op *work = (struct dbki_long_op *)op;
    work->first = work->last = NULL;
}

static bool copy_text(struct dbki_op *op, const char **text)
{
    if (*text)
        *text = dbki_arena_copy(&op->arena, *text, strlen(*text));
    return *text;
}

int dbki_long_report(struct dbki_op *op, const struct dbk_report *report)
{
    struct dbki_long_op *work = (struct dbki_long_op *)op;
    struct dbki_news *news = dbki_op_take(op, sizeof *news);
    if (!news)
        return dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
    *news = (struct dbki_news){.report = *report};
    if ((report->subject && !copy_text(op, &news->report.subject)) ||
        (report->problem && !copy_text(op, &news->report.problem)) ||
        (report->text && !copy_text(op, &news->report.text)))
        return dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
    if (work->last)
        work->last->next = news;
    else
        work->first = news;
    work->last = news;
    return DBK_OK;
}

int dbki_long_progress(struct dbki_op *op, const char *subject, int64_t done, int64_t total)
{
    return dbki_long_report(op, &(struct dbk_report){.kind = DBK_REPORT_PROGRESS,
                                                     .subject = subject,
                                                     .id = DBK_NONE,
                                                     .done = done,
                                                     .total = total,
                                                     .rows = DBK_NONE,
                                                     .bytes = DBK_NONE});
}

void dbki_long_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    const struct dbki_long_op *work = (const struct dbki_long_op *)op;
    bool is_last = error || !op->is_turn_over;
    for (const struct dbki_news *news = work->first; news && !error; news = news->next)
        work->report(op->user, &news->report);
    if (is_last)
        ((dbk_done_fn *)op->done)(op->user, error);
}

int dbki_long_new(struct dbk_store *store, const struct dbki_opkind *kind, size_t size,
                  const struct dbk_call *call, dbk_report_fn *report, dbk_done_fn *done, void *user,
                  struct dbki_op **out_op)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && report && done, "store, report and done must not be NULL");
    dbki_check_that(&check, !call || call->size < sizeof *call || !call->key,
                    "an operation key is not for long work: it can be done again");
    if (check.status)
        return check.status;
    struct dbki_long_op *work = dbki_op_new(kind, size, 0, (dbki_callback *)done, user);
    if (!work)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    work->report = report;
    *out_op = &work->op;
    return DBK_OK;
}

int dbki_long_submit(struct dbk_store *store, const struct dbki_opkind *kind, size_t size,
                     bool is_dry_run, const struct dbk_call *call, dbk_report_fn *report,
                     dbk_done_fn *done, void *user)
{
    struct dbki_op *op;
    int status = dbki_long_new(store, kind, size, call, report, done, user, &op);
    if (status)
        return status;
    ((struct dbki_long_op *)op)->is_dry_run = is_dry_run;
    return dbki_submit(store, op, call);
}
