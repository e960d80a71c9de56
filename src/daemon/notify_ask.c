/*
 * Reading a builder's last build: see notify_ask.h. One read, which an index answers.
 */
#include "notify_ask.h"

#include "notifier.h"

#include <stdlib.h>

struct ask_job {
    struct notifier *notifier;
    int64_t until; /* those that ended later do not count */
    ask_last_fn *done;
};

static bool is_later(const struct dbk_build *build, const struct finished *last)
{
    return last->buildid == DBK_NONE || build->complete_at > last->complete_at ||
           (build->complete_at == last->complete_at && build->number > last->number);
}

static void take_builds(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct ask_job job = *(struct ask_job *)user;
    struct finished last = {.buildid = DBK_NONE};
    free(user);
    job.notifier->asking_count--;
    if (job.notifier->is_ending)
        return;
    for (size_t i = 0; !error && i < page->count; i++) {
        const struct dbk_build *b = builds[i];
        if (b->complete_at == DBK_NONE || b->complete_at > job.until ||
            verdict_of(b->results) == VERDICT_UNKNOWN || !is_later(b, &last))
            continue;
        last = (struct finished){.builderid = b->builderid,
                                 .buildid = b->id,
                                 .number = b->number,
                                 .results = b->results,
                                 .started_at = b->started_at,
                                 .complete_at = b->complete_at};
    }
    job.done(job.notifier, error, last.buildid == DBK_NONE ? NULL : &last);
}

bool ask_last(struct notifier *notifier, int64_t builderid, const struct finished *before,
              ask_last_fn *done)
{
    struct ask_job *job = malloc(sizeof(*job));
    struct dbk_spec *spec = dbk_spec_new();
    struct dbk_call call = notifier_call(notifier);
    int status = DBK_NO_MEMORY;
    if (job)
        *job = (struct ask_job){notifier, before ? before->complete_at : INT64_MAX, done};
    if (job && spec && !dbk_spec_order(spec, "-number") && !dbk_spec_limit(spec, ASK_NEWEST) &&
        (!before || !dbk_spec_filter_int(spec, "number", DBK_LT, &before->number, 1)))
        status = dbk_get_builds(notifier->server->store, builderid, DBK_NONE, DBK_NONE, 1, spec,
                                &call, take_builds, job);
    dbk_spec_free(spec);
    if (status)
        free(job);
    else
        notifier->asking_count++;
    return !status;
}
