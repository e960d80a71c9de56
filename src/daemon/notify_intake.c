/*
 * Taking in finished builds: see notify_intake.h. One after the other; of a builder that is not known yet its name and
 * what its last build said are read first.
 */
#include "notify_intake.h"

#include "notifier.h"

static void go_on(struct notifier *notifier);

static void take_builder(void *user, const struct dbk_error *error,
                         const struct dbk_builder *builder)
{
    struct notifier *notifier = user;
    struct intake *intake = &notifier->intake;
    notifier->asking_count--;
    intake->is_waiting = false;
    if (notifier->is_ending || error)
        return; /* the next second asks again */
    if (!builder)
        intake->index++; /* it is gone, and its builds with it */
    else if (!wards_add(&notifier->wards, builder->id, builder->name, notifier->options))
        return;
    go_on(notifier);
}

static void ask_builder(struct notifier *notifier, int64_t builderid)
{
    struct dbk_call call = notifier_call(notifier);
    if (dbk_get_builder(notifier->server->store, builderid, &call, take_builder, notifier))
        return;
    notifier->asking_count++;
    notifier->intake.is_waiting = true;
}

static void take_verdict(struct notifier *notifier, const struct dbk_error *error,
                         const struct finished *last)
{
    struct intake *intake = &notifier->intake;
    struct ward *ward = wards_find(&notifier->wards, intake->builds[intake->index].builderid);
    intake->is_waiting = false;
    if (error || !ward)
        return;
    ward->verdict = last ? verdict_of(last->results) : VERDICT_UNKNOWN;
    ward->is_verdict_known = true;
    go_on(notifier);
}

/* Result: false: not yet. */
static bool take_one(struct notifier *notifier)
{
    struct intake *intake = &notifier->intake;
    const struct finished *build = &intake->builds[intake->index];
    struct ward *ward = wards_find(&notifier->wards, build->builderid);
    if (!ward) {
        ask_builder(notifier, build->builderid);
        return false;
    }
    if (!ward->is_verdict_known && ward->is_told) {
        intake->is_waiting = ask_last(notifier, build->builderid, build, take_verdict);
        return false;
    }
    if (!notifier_take(notifier, ward, build))
        return false;
    intake->index++;
    return true;
}

static void go_on(struct notifier *notifier)
{
    struct intake *intake = &notifier->intake;
    bool is_taken = true;
    intake->is_going = true;
    while (is_taken && intake->index < intake->count)
        is_taken = take_one(notifier);
    intake->is_going = false;
    if (!is_taken)
        return;
    intake->index = intake->count = 0;
    intake->done(notifier);
}

void intake_take(struct notifier *notifier, const struct finished *builds, size_t count,
                 void (*done)(struct notifier *notifier))
{
    struct intake *intake = &notifier->intake;
    for (size_t i = 0; i < count; i++)
        intake->builds[i] = builds[i];
    intake->count = count;
    intake->index = 0;
    intake->done = done;
    go_on(notifier);
}

bool intake_is_busy(const struct notifier *notifier)
{
    return notifier->intake.count;
}

void intake_tend(struct notifier *notifier)
{
    if (notifier->intake.count && !notifier->intake.is_waiting && !notifier->intake.is_going)
        go_on(notifier);
}
