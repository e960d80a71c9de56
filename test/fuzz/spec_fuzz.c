/* The text form of a spec: parsed or refused with a sentence; and each list call takes what was parsed, or
 * refuses it, and gives pages that hold to it. */
#include "base/text.h"
#include "connector/spec.h"
#include "fuzz.h"

static struct dbk_store *store;
static int64_t buildid;
static bool is_done;
static size_t page_count;
static char cursor[4096]; /* of the last page; "": none */

static void take_page(const struct dbk_error *error, const struct dbk_page *page)
{
    MUST(!error || (error->status != DBK_OK && error->status != DBK_INTERNAL && error->message[0]));
    cursor[0] = '\0';
    page_count = page ? page->count : 0;
    if (page && page->next_cursor)
        snprintf(cursor, sizeof cursor, "%s", page->next_cursor);
    is_done = true;
}

#define ON(name, record)                                                                           \
    static void name(void *user, const struct dbk_error *error,                                    \
                     const struct record *const *records, const struct dbk_page *page)             \
    {                                                                                              \
        (void)user;                                                                                \
        take_page(error, page);                                                                    \
        for (size_t i = 0; page && i < page->count; i++)                                           \
            MUST(records[i]);                                                                      \
    }
ON(on_builds, dbk_build)
ON(on_steps, dbk_step)
ON(on_properties, dbk_property)
ON(on_data, dbk_build_data)
ON(on_builders, dbk_builder)
ON(on_events, dbk_event)

static void wait_until_done(void)
{
    while (!is_done)
        dbk_wait(store, -1);
    is_done = false;
}

static void on_id(void *user, const struct dbk_error *error, int64_t id)
{
    MUST(!error);
    *(int64_t *)user = id;
    is_done = true;
}

static void on_added(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    (void)user;
    (void)number;
    MUST(!error);
    buildid = id;
    is_done = true;
}

/* A store in memory with a few records of each kind. */
static void make_store(void)
{
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_new_step steps[3] = {DBK_NEW_STEP_INIT, DBK_NEW_STEP_INIT, DBK_NEW_STEP_INIT};
    const struct dbk_new_step *const step_list[] = {&steps[0], &steps[1], &steps[2]};
    const struct dbk_new_property properties[] = {{"a", "1", "s"}, {"b", "\"x\"", "s"}};
    const struct dbk_new_data data[] = {{"a", "1", 1, "s"}, {"b%_", "22", 2, "t"}};
    int64_t other;
    MUST(!dbk_open("sqlite://", NULL, &store, NULL));
    MUST(!dbk_find_builder_id(store, "other", true, NULL, on_id, &other));
    wait_until_done();
    build.builder = "builder";
    build.worker = "worker";
    build.properties = properties;
    build.property_count = 2;
    build.data = data;
    build.data_count = 2;
    build.steps = step_list;
    build.step_count = 3;
    for (int i = 0; i < 3; i++)
        steps[i].name = "step";
    steps[1].started_at = 5;
    for (int i = 0; i < 6; i++) {
        build.results = i % 2 ? DBK_NONE : i;
        build.state_string = i % 3 ? "100% a_b" : "";
        MUST(!dbk_record_build(store, &build, NULL, on_added, NULL));
        wait_until_done();
    }
}

enum { BUILDS, STEPS, PROPERTIES, DATA, BUILDERS, EVENTS, KINDS };

static int submit(int kind, const struct dbk_spec *spec, struct dbk_error *refusal)
{
    struct dbk_call call = DBK_CALL_INIT;
    call.out_refusal = refusal;
    switch (kind) {
    case BUILDS:
        return dbk_get_builds(store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec, &call, on_builds,
                              NULL);
    case STEPS:
        return dbk_get_steps(store, buildid, spec, &call, on_steps, NULL);
    case PROPERTIES:
        return dbk_get_build_properties(store, buildid, spec, &call, on_properties, NULL);
    case DATA:
        return dbk_get_all_build_data_no_values(store, buildid, NULL, spec, &call, on_data, NULL);
    case BUILDERS:
        return dbk_get_builders(store, spec, &call, on_builders, NULL);
    default:
        return dbk_get_events(store, 0, spec, &call, on_events, NULL);
    }
}

static void list(int kind, struct dbk_spec *spec)
{
    struct dbk_error refusal = {.status = DBK_OK};
    int status = submit(kind, spec, &refusal);
    if (status) {
        MUST(status == DBK_INVALID && refusal.status == DBK_INVALID && refusal.message[0]);
        MUST(dbki_text_is_valid(refusal.message, strlen(refusal.message), NULL));
        return;
    }
    wait_until_done();
    MUST(spec->limit == DBK_NONE || (int64_t)page_count <= spec->limit);
    MUST(!cursor[0] || (int64_t)page_count == spec->limit);
    /* A cursor that was given is taken back, without the offset. */
    if (cursor[0] && strlen(cursor) < sizeof cursor - 1) {
        MUST(!dbk_spec_offset(spec, 0));
        MUST(!dbk_spec_cursor(spec, cursor));
        MUST(!submit(kind, spec, &refusal));
        wait_until_done();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!store)
        make_store();
    char *text = fuzz_text(data, size);
    for (int kind = 0; kind < KINDS; kind++) {
        struct dbk_spec *spec = NULL;
        struct dbk_error error = {.status = DBK_OK};
        int status = dbk_spec_parse(text, &spec, &error);
        if (status) {
            MUST(status == DBK_INVALID && !spec);
            MUST(error.status == DBK_INVALID && error.message[0]);
            MUST(dbki_text_is_valid(error.message, strlen(error.message), NULL));
            break;
        }
        list(kind, spec);
        dbk_spec_free(spec);
    }
    free(text);
    return 0;
}
