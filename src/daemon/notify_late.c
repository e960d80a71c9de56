/*
 * Lateness: see notify_late.h. One builder is read after the other; a builder that is not due costs nothing.
 */
#include "notify_late.h"

#include "connection.h"
#include "lateness.h"
#include "notifier.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SCAN_MS 60000 /* so soon a new builder is found to be expected */
#define SCAN_PAGE 500 /* builders of one read */

/* -------------------------------------------------------------------------- builders to look after ---- */

static bool is_expected(const struct notify_options *options, const char *name)
{
    for (size_t i = 0; i < options->expected_count; i++)
        if (!fnmatch(options->expected[i].pattern, name, 0))
            return true;
    return false;
}

static void scan(struct notifier *notifier);

static void take_builders(void *user, const struct dbk_error *error,
                          const struct dbk_builder *const *builders, const struct dbk_page *page)
{
    struct notifier *notifier = user;
    struct late *late = &notifier->late;
    notifier->asking_count--;
    late->is_scanning = false;
    free(late->cursor);
    late->cursor = NULL;
    if (notifier->is_ending || error)
        return; /* the next turn begins anew */
    for (size_t i = 0; i < page->count; i++)
        if (builders[i]->name && is_expected(notifier->options, builders[i]->name))
            wards_add(&notifier->wards, builders[i]->id, builders[i]->name, notifier->options);
    if (page->next_cursor && (late->cursor = strdup(page->next_cursor)))
        scan(notifier);
}

static void scan(struct notifier *notifier)
{
    struct late *late = &notifier->late;
    struct dbk_call call = notifier_call(notifier);
    struct dbk_spec *spec = dbk_spec_new();
    if (spec && !dbk_spec_limit(spec, SCAN_PAGE) &&
        (!late->cursor || !dbk_spec_cursor(spec, late->cursor)) &&
        !dbk_get_builders(notifier->server->store, spec, &call, take_builders, notifier)) {
        late->is_scanning = true;
        notifier->asking_count++;
    }
    dbk_spec_free(spec);
}

/* ---------------------------------------------------------------------------------- looking at one ---- */

static int64_t waited_from(const struct ward *ward)
{
    return ward->last_at != DBK_NONE ? ward->last_at : ward->since;
}

static bool is_overdue(const struct ward *ward)
{
    return waited_from(ward) != DBK_NONE && lateness_of(ward->every_s, waited_from(ward),
                                                        ward->late_at, time(NULL)) == LATENESS_LATE;
}

static bool is_to_be_read(const struct ward *ward)
{
    return ward->is_to_be_checked || (ward->every_s && (!ward->is_last_known || is_overdue(ward)));
}

/* What is known now: is it late, has its waiting begun? Result: false when that could not be kept. */
static bool judge(struct notifier *notifier, struct ward *ward)
{
    struct ward after = *ward;
    const enum tiding late = TIDING_LATE;
    if (!ward->every_s)
        return true;
    if (waited_from(ward) == DBK_NONE) {
        after.since = time(NULL);
        return notifier_keep(notifier, ward, &after, NULL, 0, NULL);
    }
    if (!is_overdue(ward))
        return true;
    after.late_at = waited_from(ward);
    return notifier_keep(notifier, ward, &after, &late, 1, NULL);
}

static void look_on(struct notifier *notifier);

static void take_last(struct notifier *notifier, const struct dbk_error *error,
                      const struct finished *last)
{
    struct ward *ward = wards_find(&notifier->wards, notifier->late.asked_id);
    notifier->late.is_asking = false;
    if (error || !ward)
        return;
    if (last && ward->is_to_be_checked) {
        struct finished build = *last;
        memcpy(build.seen, notifier->seen, SEEN_SIZE);
        if (!notifier_take(notifier, ward, &build))
            return;
    }
    ward->is_to_be_checked = false;
    if (last && (ward->last_at == DBK_NONE || last->complete_at > ward->last_at))
        ward->last_at = last->complete_at;
    ward->is_last_known = true;
    if (judge(notifier, ward))
        look_on(notifier);
}

/* Reads the next builder that there is to read. */
static void look_on(struct notifier *notifier)
{
    struct late *late = &notifier->late;
    for (; late->index < notifier->wards.count; late->index++) {
        struct ward *ward = &notifier->wards.list[late->index];
        if (!is_to_be_read(ward))
            continue;
        late->asked_id = ward->builderid;
        late->index++;
        late->is_asking = ask_last(notifier, ward->builderid, NULL, take_last);
        return;
    }
}

/* ------------------------------------------------------------------------------------- in its turn ---- */

void late_tend(struct notifier *notifier)
{
    struct late *late = &notifier->late;
    int64_t now = connection_now_ms();
    if (notifier->options->expected_count && !late->is_scanning &&
        (!late->scanned_ms || now - late->scanned_ms > SCAN_MS)) {
        late->scanned_ms = now;
        scan(notifier);
    }
    /* What ended and is still on its way here is taken in first. */
    if (late->is_asking || notifier->is_stuck || intake_is_busy(notifier))
        return;
    late->index = 0;
    look_on(notifier);
}

void late_look_at_all(struct notifier *notifier)
{
    for (size_t i = 0; i < notifier->wards.count; i++)
        notifier->wards.list[i].is_to_be_checked = notifier->wards.list[i].is_told;
}

void late_fini(struct notifier *notifier)
{
    free(notifier->late.cursor);
    notifier->late.cursor = NULL;
}
