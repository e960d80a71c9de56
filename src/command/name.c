/*
 * Names of builders and builds: see name.h.
 */
#include "name.h"

#include "command.h"
#include "message.h"
#include "nearest.h"
#include "text.h"
#include "waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many builders are looked at for near names. */
#define NEAR_BUILDERS_MAX 2000

static const int64_t failed_results[] = {DBK_FAILURE, DBK_EXCEPTION};

bool results_are_failed(int64_t results)
{
    return results == DBK_FAILURE || results == DBK_EXCEPTION;
}

void named_builder_fini(struct named_builder *builder)
{
    free(builder->name);
    builder->name = NULL;
}

void named_build_fini(struct named_build *build)
{
    dbk_build_free(build->build);
    free(build->builder);
    *build = (struct named_build){0};
}

const char *named_build_text(const struct named_build *build)
{
    static char text[512];
    char number[TEXT_SHORT_SIZE];
    snprintf(text, sizeof(text), "%s/%s", message_word(build->builder),
             text_number(build->build->number, number));
    return text;
}

/* Reads an id or a number: digits alone. Result: DBK_NONE if it is none. */
static int64_t read_digits(const char *text)
{
    size_t len = strlen(text);
    if (!len || strspn(text, "0123456789") != len)
        return DBK_NONE;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    return errno ? DBK_NONE : number;
}

struct builder_lookup {
    struct waiting waiting;
    struct named_builder *builder;
};

static void take_builder(void *user, const struct dbk_error *error,
                         const struct dbk_builder *builder)
{
    struct builder_lookup *lookup = user;
    if (!error && builder) {
        lookup->builder->id = builder->id;
        lookup->builder->name = memory_need(strdup(text_or_empty(builder->name)));
    }
    waiting_note(&lookup->waiting, error);
}

/* Gets a builder by id. Result: 0, *builder without a name if it is not there; or an exit code. */
static int get_builder(struct archive *archive, int64_t id, struct named_builder *builder)
{
    struct builder_lookup lookup = {.builder = builder};
    waiting_init(&lookup.waiting, archive);
    waiting_add(&lookup.waiting,
                archive_get_builder(archive, id, &lookup.waiting.call, take_builder, &lookup));
    return waiting_finish(&lookup.waiting);
}

enum look_up { LOOK_UP_NAME, LOOK_UP_ANY };

/* Looks for a builder by name, then also by id. Result: 0, *builder without a name if there is
 * none. */
static int look_up_builder(struct archive *archive, const char *text, enum look_up how,
                           struct named_builder *builder)
{
    struct waiting waiting;
    struct waiting_id found = {&waiting, DBK_NONE};
    *builder = (struct named_builder){DBK_NONE, NULL};
    waiting_init(&waiting, archive);
    waiting_add(&waiting,
                archive_find_builder_id(archive, text, &waiting.call, waiting_id_done, &found));
    enum dbk_status status = waiting_wait(&waiting);
    if (status == DBK_OK) {
        builder->id = found.id;
        builder->name = memory_need(strdup(text));
        return 0;
    }
    if (status != DBK_NOT_FOUND)
        return message_error(&waiting.error);
    int64_t id = how == LOOK_UP_ANY ? read_digits(text) : DBK_NONE;
    return id == DBK_NONE ? 0 : get_builder(archive, id, builder);
}

struct near_lookup {
    struct waiting waiting;
    struct nearest nearest;
    size_t seen_count;
};

static void take_near(void *user, const struct dbk_error *error,
                      const struct dbk_builder *const *builders, const struct dbk_page *page)
{
    struct near_lookup *lookup = user;
    if (!error) {
        lookup->seen_count = page->count;
        for (size_t i = 0; i < page->count; i++)
            nearest_add(&lookup->nearest, builders[i]->name);
    }
    waiting_note(&lookup->waiting, error);
}

/* Says that a builder is not there. Result: DBK_NOT_FOUND's exit code. */
static int tell_no_builder(struct archive *archive, const char *text)
{
    struct near_lookup lookup = {.seen_count = 0};
    struct selection *selection = selection_new();
    selection_limit(selection, NEAR_BUILDERS_MAX);
    nearest_init(&lookup.nearest, text, strlen(text));
    waiting_init(&lookup.waiting, archive);
    waiting_add(&lookup.waiting,
                archive_get_builders(archive, selection, &lookup.waiting.call, take_near, &lookup));
    waiting_wait(&lookup.waiting);
    selection_free(selection);
    const char *a = nearest_get(&lookup.nearest, 0);
    const char *b = nearest_get(&lookup.nearest, 1);
    const char *c = nearest_get(&lookup.nearest, 2);
    if (a)
        message_print("there is no builder \"%s\"; near are: %s%s%s%s%s", message_word(text),
                      message_word(a), b ? ", " : "", message_word(b), c ? ", " : "",
                      message_word(c));
    else if (lookup.seen_count)
        message_print("there is no builder \"%s\"; `daybook builders` lists those that are",
                      message_word(text));
    else
        message_print("there is no builder \"%s\": nothing is recorded yet", message_word(text));
    nearest_fini(&lookup.nearest);
    return dbk_status_exit_code(DBK_NOT_FOUND);
}

int name_find_builder(struct archive *archive, const char *text, struct named_builder *out_builder)
{
    int exit_code = look_up_builder(archive, text, LOOK_UP_ANY, out_builder);
    if (!exit_code && !out_builder->name)
        exit_code = tell_no_builder(archive, text);
    return exit_code;
}

struct build_lookup {
    struct waiting waiting;
    struct dbk_build *build;
};

static void take_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct build_lookup *lookup = user;
    if (!error && build)
        lookup->build = memory_need(dbk_build_dup(build));
    waiting_note(&lookup->waiting, error);
}

static void take_first_build(void *user, const struct dbk_error *error,
                             const struct dbk_build *const *builds, const struct dbk_page *page)
{
    take_build(user, error, !error && page->count ? builds[0] : NULL);
}

/* Gets the last build of a builder, or of all (DBK_NONE); none gives NULL. */
static int get_last_build(struct archive *archive, int64_t builderid, enum build_choice choice,
                          struct dbk_build **out_build)
{
    struct build_lookup lookup = {.build = NULL};
    struct selection *selection = selection_new();
    selection_order(selection, builderid == DBK_NONE ? "-id" : "-number");
    selection_limit(selection, 1);
    if (choice == BUILD_LAST_FAILED)
        selection_any(selection, "results", failed_results, 2);
    waiting_init(&lookup.waiting, archive);
    waiting_add(&lookup.waiting,
                archive_get_builds(archive, builderid, DBK_NONE, selection, &lookup.waiting.call,
                                   take_first_build, &lookup));
    selection_free(selection);
    *out_build = NULL;
    int exit_code = waiting_finish(&lookup.waiting);
    *out_build = lookup.build;
    return exit_code;
}

/* Gets a build by its number (builderid given) or its id (DBK_NONE); none gives NULL. */
static int get_build(struct archive *archive, int64_t builderid, int64_t number,
                     struct dbk_build **out_build)
{
    struct build_lookup lookup = {.build = NULL};
    waiting_init(&lookup.waiting, archive);
    const struct dbk_call *call = &lookup.waiting.call;
    waiting_add(&lookup.waiting, builderid == DBK_NONE
                                     ? archive_get_build(archive, number, call, take_build, &lookup)
                                     : archive_get_build_by_number(archive, builderid, number, call,
                                                                   take_build, &lookup));
    int exit_code = waiting_finish(&lookup.waiting);
    *out_build = lookup.build;
    return exit_code;
}

/* What stands behind a name's last "/". */
struct selector {
    bool is_valid;
    int64_t number; /* DBK_NONE: choice says which */
    enum build_choice choice;
};

static struct selector read_selector(const char *text)
{
    struct selector selector = {true, DBK_NONE, BUILD_LAST};
    if (!strcmp(text, "last"))
        return selector;
    if (!strcmp(text, "last-failed")) {
        selector.choice = BUILD_LAST_FAILED;
        return selector;
    }
    selector.number = read_digits(*text == '#' ? text + 1 : text);
    selector.is_valid = selector.number != DBK_NONE;
    return selector;
}

/* Says that a builder does not have the build that was asked for. Result: an exit code. */
static int tell_no_build(struct archive *archive, const struct named_builder *builder,
                         struct selector selector)
{
    struct dbk_build *last;
    int exit_code = get_last_build(archive, builder->id, BUILD_LAST, &last);
    if (exit_code)
        return exit_code;
    exit_code = dbk_status_exit_code(DBK_NOT_FOUND);
    const char *name = message_word(builder->name);
    if (!last) {
        message_print("%s has no builds yet", name);
    } else if (selector.number != DBK_NONE) {
        message_print("%s has no build %" PRId64 "; its last is %s/%" PRId64, name, selector.number,
                      name, last->number);
    } else {
        message_print("no build of %s has failed", name);
        exit_code = EXIT_NO;
    }
    dbk_build_free(last);
    return exit_code;
}

/* Gets a builder's build. Takes over the builder's name. */
static int select_build(struct archive *archive, struct named_builder *builder,
                        struct selector selector, struct named_build *out_build)
{
    struct dbk_build *build;
    int exit_code = selector.number == DBK_NONE
                        ? get_last_build(archive, builder->id, selector.choice, &build)
                        : get_build(archive, builder->id, selector.number, &build);
    if (!exit_code && !build)
        exit_code = tell_no_build(archive, builder, selector);
    if (exit_code) {
        named_builder_fini(builder);
        return exit_code;
    }
    *out_build = (struct named_build){
        .build = build, .builder = builder->name, .is_last = selector.number == DBK_NONE};
    return 0;
}

/* Completes a build that was found without its builder. Takes over the build. */
static int add_builder_name(struct archive *archive, struct dbk_build *build,
                            struct named_build *out_build)
{
    struct named_builder builder = {0};
    int exit_code = get_builder(archive, build->builderid, &builder);
    if (exit_code) {
        dbk_build_free(build);
        return exit_code;
    }
    if (!builder.name) { /* an orphan of an old database */
        char id[TEXT_SHORT_SIZE];
        builder.name = memory_need(strdup(text_number(build->builderid, id)));
    }
    *out_build = (struct named_build){.build = build, .builder = builder.name};
    return 0;
}

/* Finds the last build of all builders. */
static int find_last_of_all(struct archive *archive, enum build_choice choice,
                            struct named_build *out_build)
{
    struct dbk_build *build;
    int exit_code = get_last_build(archive, DBK_NONE, choice, &build);
    if (exit_code)
        return exit_code;
    if (build)
        return add_builder_name(archive, build, out_build);
    if (choice == BUILD_LAST_FAILED) {
        message_print("no build has failed");
        return EXIT_NO;
    }
    message_print("nothing is recorded yet");
    return dbk_status_exit_code(DBK_NOT_FOUND);
}

/* Says that no builder matches a name that may be one with a selector. Result: an exit code. */
static int tell_no_match(struct archive *archive, const char *text)
{
    const char *slash = strrchr(text, '/');
    if (!slash)
        return tell_no_builder(archive, text);
    char *prefix = memory_need(strndup(text, (size_t)(slash - text)));
    struct named_builder builder;
    int exit_code = look_up_builder(archive, prefix, LOOK_UP_ANY, &builder);
    if (!exit_code && builder.name) {
        message_print("%s has no build \"%s\": a build is a number, last or last-failed",
                      message_word(prefix), message_word(slash + 1));
        exit_code = dbk_status_exit_code(DBK_NOT_FOUND);
    } else if (!exit_code) {
        exit_code = tell_no_builder(archive, read_selector(slash + 1).is_valid ? prefix : text);
    }
    named_builder_fini(&builder);
    free(prefix);
    return exit_code;
}

/* Looks for the builder of "BUILDER/SELECTOR", or of "BUILDER", whose selector is choice. Result:
 * 0, *builder without a name if there is none. */
static int split_name(struct archive *archive, const char *text, enum build_choice choice,
                      struct named_builder *builder, struct selector *selector)
{
    const char *slash = strrchr(text, '/');
    *selector = slash ? read_selector(slash + 1) : (struct selector){.is_valid = false};
    if (selector->is_valid && slash > text) {
        char *prefix = memory_need(strndup(text, (size_t)(slash - text)));
        int exit_code = look_up_builder(archive, prefix, LOOK_UP_ANY, builder);
        free(prefix);
        if (exit_code || builder->name)
            return exit_code;
    }
    /* Perhaps the whole is a builder's name. */
    *selector = (struct selector){true, DBK_NONE, choice};
    return look_up_builder(archive, text, LOOK_UP_ANY, builder);
}

/* Finds a build by its id. Digits alone never mean the last build of a builder that is called so: what
 * they name would change once there is a build of that id. */
static int find_by_id(struct archive *archive, const char *text, int64_t id,
                      struct named_build *out_build)
{
    struct dbk_build *build;
    struct named_builder builder = {0};
    int exit_code = get_build(archive, DBK_NONE, id, &build);
    if (exit_code)
        return exit_code;
    if (build)
        return add_builder_name(archive, build, out_build);
    exit_code = look_up_builder(archive, text, LOOK_UP_NAME, &builder);
    if (exit_code)
        return exit_code;
    if (builder.name)
        message_print("there is no build with the id %" PRId64
                      "; the last build of the builder %s is %s/last",
                      id, text, text);
    else
        message_print("there is no build with the id %" PRId64, id);
    named_builder_fini(&builder);
    return dbk_status_exit_code(DBK_NOT_FOUND);
}

int name_find_chosen_build(struct archive *archive, const char *text, enum build_choice choice,
                           struct named_build *out_build)
{
    if (!text)
        return find_last_of_all(archive, choice, out_build);
    if (!strcmp(text, ".") && !(text = getenv("DAYBOOK_BUILD"))) {
        message_print("no build runs here that . could name: DAYBOOK_BUILD is not set");
        return dbk_status_exit_code(DBK_NOT_FOUND);
    }
    int64_t id = read_digits(*text == '#' ? text + 1 : text);
    if (id != DBK_NONE)
        return find_by_id(archive, text, id, out_build);
    struct named_builder builder = {0};
    struct selector selector;
    int exit_code = split_name(archive, text, choice, &builder, &selector);
    if (exit_code)
        return exit_code;
    if (builder.name)
        return select_build(archive, &builder, selector, out_build);
    return tell_no_match(archive, text);
}

int name_find_build(struct archive *archive, const char *text, struct named_build *out_build)
{
    return name_find_chosen_build(archive, text, BUILD_LAST, out_build);
}
