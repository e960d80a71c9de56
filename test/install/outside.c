/*
 * A program outside the tree: C11 and C++ alike. Adds a build to a database in memory and reads it back.
 * Exits with 0 when that worked.
 */
#include <daybook.h>

#include <stdio.h>
#include <string.h>

struct seen {
    int64_t id;
    int64_t number;
    int answers;
};

static void got_id(void *user, const struct dbk_error *error, int64_t id)
{
    struct seen *seen = (struct seen *)user;
    if (error)
        fprintf(stderr, "%s\n", error->message);
    seen->id = error ? 0 : id;
    seen->answers++;
}

static void got_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct seen *seen = (struct seen *)user;
    seen->number = !error && build && !strcmp(build->state_string, "outside") ? build->number : 0;
    seen->answers++;
}

static void added(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    (void)number;
    got_id(user, error, buildid);
}

static int64_t settle(struct dbk_store *store, struct seen *seen, int submitted)
{
    int before = seen->answers;
    if (submitted)
        return 0;
    while (seen->answers == before)
        dbk_wait(store, -1);
    return seen->id;
}

int main(void)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_new_buildset new_buildset = DBK_NEW_BUILDSET_INIT;
    struct dbk_call call = DBK_CALL_INIT;
    struct seen seen = {0, 0, 0};
    struct dbk_store *store = NULL;
    struct dbk_error error;
    int64_t builder, master, buildset, request, build;
    if (strcmp(dbk_version(), DBK_VERSION))
        return fprintf(stderr, "header %s, library %s\n", DBK_VERSION, dbk_version()), 1;
    options.is_created = true;
    if (dbk_open("sqlite://", &options, &store, &error))
        return fprintf(stderr, "%s\n", error.message), 1;
    call.timeout_ms = 30000;
    builder = settle(store, &seen, dbk_find_builder_id(store, "b", true, &call, got_id, &seen));
    master = settle(store, &seen, dbk_find_master_id(store, "m", true, &call, got_id, &seen));
    buildset = settle(store, &seen, dbk_add_buildset(store, &new_buildset, &call, got_id, &seen));
    request =
        settle(store, &seen,
               dbk_add_buildrequest(store, buildset, builder, 0, false, &call, got_id, &seen));
    build = settle(
        store, &seen,
        dbk_add_build(store, builder, request, DBK_NONE, master, "outside", &call, added, &seen));
    settle(store, &seen, dbk_get_build(store, build, &call, got_build, &seen));
    dbk_close_wait(store);
    return seen.number == 1 ? 0 : 1;
}
