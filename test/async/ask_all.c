/* See ask_all.h. */
#include "ask_all.h"

/* What the web page and Buildbot's clients ask of builds, beside every_call.c's. */
static const struct {
    int64_t builderid, requestid, workerid, complete;
    const char *spec;
} LISTS[] = {
    {DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, "order=-id&limit=50"},
    {DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, "complete=0&order=-id&limit=50"},
    {DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, "complete=false"},
    {DBK_NONE, DBK_NONE, DBK_NONE, 0, "order=-id&limit=50"},
    {DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, "order=-complete_at&limit=50"},
    {1, DBK_NONE, DBK_NONE, DBK_NONE, "order=-number&limit=50"},
    {1, DBK_NONE, DBK_NONE, 0, "order=-number&limit=50"},
    {1, DBK_NONE, DBK_NONE, DBK_NONE, "results=2&order=-number&limit=50"},
    {1, DBK_NONE, DBK_NONE, DBK_NONE, "number__lt=5&order=-number&limit=1"},
    {1, DBK_NONE, DBK_NONE, DBK_NONE, "number__lt=5&results=0&order=-number&limit=1"},
    {1, DBK_NONE, DBK_NONE, DBK_NONE, "number__gt=1&order=number&limit=1"},
    {DBK_NONE, 1, DBK_NONE, DBK_NONE, ""},
    {DBK_NONE, DBK_NONE, 1, DBK_NONE, "order=-id&limit=50"},
};

typedef void said_fn(const char *name, const struct answer *answer);

static void wait_for(struct dbk_store *store, const char *name, struct answer *answer,
                     said_fn *said)
{
    while (!answer->count)
        dispatch_wait(store, NO_LIMIT_MS);
    if (said)
        said(name, answer);
    else
        assert_false(answer->is_error);
}

static void ask_lists(struct dbk_store *store, said_fn *said)
{
    for (size_t i = 0; i < COUNT_OF(LISTS); i++) {
        struct dbk_spec *spec;
        struct answer answer = {.count = 0};
        assert_int_equal(dbk_spec_parse(LISTS[i].spec, &spec, NULL), DBK_OK);
        assert_int_equal(dbk_get_builds(store, LISTS[i].builderid, LISTS[i].requestid,
                                        LISTS[i].workerid, LISTS[i].complete, spec, NULL, on_builds,
                                        &answer),
                         DBK_OK);
        wait_for(store, LISTS[i].spec, &answer, said);
        dbk_spec_free(spec);
    }
}

static bool is_joined(const char *name)
{
    static const char *const names[] = {"dbk_get_build", "dbk_get_build_by_number", "dbk_get_step"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* So many of each get that they are answered together, by the statement for several. */
static void ask_together(struct dbk_store *store)
{
    enum { TOGETHER = 128 };
    struct answer *answers = test_take(TOGETHER * sizeof *answers);
    for (size_t i = 0; i < EVERY_CALL_COUNT; i++) {
        if (!is_joined(EVERY_CALL[i].name))
            continue;
        dbk_gather(store);
        for (int j = 0; j < TOGETHER; j++) {
            answers[j] = (struct answer){.count = 0};
            assert_int_equal(EVERY_CALL[i].submit(store, NULL, &answers[j]), DBK_OK);
        }
        for (int j = 0; j < TOGETHER; j++)
            wait_for(store, EVERY_CALL[i].name, &answers[j], NULL);
    }
}

void ask_all(struct dbk_store *store, said_fn *said)
{
    for (size_t i = 0; i < EVERY_CALL_COUNT; i++) {
        struct answer answer = {.count = 0};
        assert_int_equal(EVERY_CALL[i].submit(store, NULL, &answer), DBK_OK);
        wait_for(store, EVERY_CALL[i].name, &answer, said);
    }
    ask_lists(store, said);
    ask_together(store);
}
