/*
 * A program without an event loop: runs a command, records it as a whole build of one step, and lists the
 * builder's last builds.
 * usage: blocking [DATABASE]
 */
#include "reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct dbk_store *store;
static struct reply reply; /* the answer that is waited for */

/* Waits for the answer to what was submitted. */
static int64_t await(int submitted)
{
    check_submitted(submitted);
    for (reply.has_come = false; !reply.has_come;)
        dbk_wait(store, -1);
    return reply.id;
}

static void got_builds(void *user, const struct dbk_error *error,
                       const struct dbk_build *const *builds, const struct dbk_page *page)
{
    check(error);
    for (size_t i = 0; i < page->count; i++) {
        const struct dbk_build *build = builds[i];
        const char *results = dbk_results_name(build->results);
        printf("#%" PRId64 "  %s  %s\n", build->number, results ? results : "running",
               build->state_string);
    }
    done(user, NULL);
}

int main(int argc, char **argv)
{
    struct dbk_new_step step = DBK_NEW_STEP_INIT;
    const struct dbk_new_step *steps[] = {&step};
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_spec *spec;
    struct dbk_error error;
    if (dbk_spec_parse("order=-number&limit=5", &spec, &error))
        check(&error);
    store = open_store(argc, argv);

    build.started_at = step.started_at = step.locks_acquired_at = time(NULL);
    bool is_well = system("sleep 0.1") == 0;
    step.complete_at = time(NULL);
    build.builder = "example";
    build.results = step.results = is_well ? DBK_SUCCESS : DBK_FAILURE;
    build.state_string = step.state_string = is_well ? "all is well" : "sleep failed";
    step.name = "sleep";
    build.steps = steps;
    build.step_count = 1;
    await(dbk_record_build(store, &build, NULL, added_build, &reply));

    int64_t builder = await(dbk_find_builder_id(store, "example", false, NULL, got_id, &reply));
    await(dbk_get_builds(store, builder, DBK_NONE, DBK_NONE, DBK_NONE, spec, NULL, got_builds,
                         &reply));
    dbk_spec_free(spec);
    return dbk_close_wait(store);
}
