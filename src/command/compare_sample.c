/*
 * The questions: see compare_sample.h.
 */
#include "compare_sample.h"

#include "clock.h"
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TARGET_MAX = 8000, PAGE = 20 };

/* No master has more builds; what claims to must not make ids overflow. */
#define NEWEST_MAX (INT64_MAX / 4)

/* Larger values are left to who asks for them by name. */
#define VALUE_MAX ((int64_t)1 << 20)

/* ----------------------------------------------------------------------------------- asking ---- */

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int compare_get(struct http *http, const char *name, const char *target, struct http_answer *answer,
                int64_t *out_us, struct dbk_error *out_error)
{
    struct http_request request = HTTP_REQUEST_INIT;
    struct dbk_error error;
    request.target = target;
    request.end_ms = clock_ms() + COMPARE_DEADLINE_MS;
    int64_t begun_us = now_us();
    int status = http_perform(http, &request, answer, &error);
    if (out_us)
        *out_us = now_us() - begun_us;
    if (status) {
        const char *detail = strstr(error.message, ": ");
        *out_error = error;
        snprintf(out_error->message, sizeof out_error->message,
                 "%.100s gave no answer to %.100s: %.140s", name, target,
                 detail ? detail + 2 : error.message);
    }
    return status;
}

/* The JSON that the master gives for a path. Result: 0 and *out_json, NULL when there is no such record; or an exit
 * code after a message. */
static int read_json(struct http *master, const char *name, const char *target, json_t **out_json)
{
    struct http_answer answer;
    struct dbk_error error;
    int exit_code =
        compare_get(master, name, target, &answer, NULL, &error) ? message_error(&error) : 0;
    *out_json = NULL;
    if (!exit_code && answer.http_status == 200)
        *out_json = json_loadb(answer.body ? answer.body : "", answer.len, 0, NULL);
    if (!exit_code && !*out_json && answer.http_status != 404) {
        message_print("%s does not answer as Buildbot's REST API does: %ld for %s",
                      message_word(name), answer.http_status, target);
        exit_code = dbk_status_exit_code(DBK_UNREACHABLE);
    }
    http_answer_fini(&answer);
    return exit_code;
}

/* -------------------------------------------------------------------------------- questions ---- */

static void add(struct compare_questions *questions, const char *kind, char *target)
{
    if (questions->count == questions->room) {
        questions->room = questions->room ? 2 * questions->room : 64;
        questions->items =
            memory_need(realloc(questions->items, questions->room * sizeof *questions->items));
    }
    questions->items[questions->count++] = (struct compare_question){kind, target};
}

void compare_questions_fini(struct compare_questions *questions)
{
    for (size_t i = 0; i < questions->count; i++)
        free(questions->items[i].target);
    free(questions->items);
}

/* What is drawn: a build of the master's, and numbers by lot. */
struct lot {
    uint64_t state;
    int64_t newest; /* the highest id */
    int64_t id, builderid, number, requestid, workerid, results, offset;
};

/* splitmix64 */
static uint64_t draw(struct lot *lot)
{
    uint64_t z = lot->state += 0x9E3779B97F4A7C15U;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
}

/* The questions, in turn. A word in braces is the build's. */
static const struct {
    const char *kind, *target;
} KINDS[] = {
    {"build", "builds/{id}"},
    {"build by number", "builders/{builder}/builds/{number}"},
    {"build with properties", "builds/{id}?property=*"},
    {"builds, newest first", "builds?order=-buildid&limit=20&offset={offset}"},
    {"builds of a builder", "builders/{builder}/builds?order=-number&limit=20"},
    {"builds before one", "builders/{builder}/builds?number__lt={number}&order=-number&limit=5"},
    {"builds of a result", "builders/{builder}/builds?results={results}&order=-number&limit=20"},
    {"builds of a worker", "workers/{worker}/builds?order=-buildid&limit=20"},
    {"builds of a request", "buildrequests/{request}/builds"},
    {"builds that run", "builds?complete=false&order=-buildid&limit=20"},
    {"triggered builds", "builds/{id}/triggered_builds"},
    {"steps", "builds/{id}/steps"},
    {"steps by number", "builders/{builder}/builds/{number}/steps?order=-number&limit=5"},
    {"step", "builds/{id}/steps/0"},
    {"properties", "builds/{id}/properties"},
    {"property list", "builds/{id}/property_list"},
    {"data", "builds/{id}/data"},
    {"value", NULL},
    {"what is not there", "builds/{missing}"},
};
enum { KIND_COUNT = sizeof KINDS / sizeof KINDS[0], VALUE_KIND = KIND_COUNT - 2 };

static char *fill(const char *format, const struct lot *lot)
{
    const struct {
        const char *word;
        int64_t number;
    } words[] = {{"id", lot->id},           {"builder", lot->builderid},
                 {"number", lot->number},   {"request", lot->requestid},
                 {"worker", lot->workerid}, {"results", lot->results},
                 {"offset", lot->offset},   {"missing", lot->newest + 1000000 + lot->offset}};
    char target[256];
    size_t len = 0;
    for (const char *at = format; *at && len + 24 < sizeof target;) {
        size_t word_len = *at == '{' ? strcspn(at + 1, "}") : 0, found = 0;
        if (!word_len) {
            target[len++] = *at++;
            continue;
        }
        while (strlen(words[found].word) != word_len ||
               strncmp(words[found].word, at + 1, word_len) != 0)
            found++;
        len += (size_t)snprintf(target + len, sizeof target - len, "%" PRId64, words[found].number);
        at += word_len + 2;
    }
    target[len] = '\0';
    return memory_need(strdup(target));
}

static int64_t member(const json_t *record, const char *name)
{
    const json_t *value = json_object_get(record, name);
    return json_is_integer(value) ? json_integer_value(value) : 0;
}

/* Draws a build. Result: 0 and *out_is_there; or an exit code after a message. */
static int draw_build(struct http *master, const char *name, struct lot *lot, bool *out_is_there)
{
    char target[64];
    json_t *answer;
    lot->id = 1 + (int64_t)(draw(lot) % (uint64_t)lot->newest);
    lot->offset = (int64_t)(draw(lot) % (uint64_t)lot->newest);
    snprintf(target, sizeof target, "builds/%" PRId64, lot->id);
    int exit_code = read_json(master, name, target, &answer);
    const json_t *build = json_array_get(json_object_get(answer, "builds"), 0);
    *out_is_there = build;
    lot->builderid = member(build, "builderid");
    lot->number = member(build, "number");
    lot->requestid = member(build, "buildrequestid");
    lot->workerid = member(build, "workerid");
    lot->results = member(build, "results");
    json_decref(answer);
    return exit_code;
}

/* The path of a value of the build's, one that is not large; NULL: it has none. */
static int find_value(struct http *master, const char *name, const struct lot *lot,
                      char **out_target)
{
    char target[64];
    json_t *answer;
    snprintf(target, sizeof target, "builds/%" PRId64 "/data", lot->id);
    int exit_code = read_json(master, name, target, &answer);
    const json_t *list = json_object_get(answer, "build_data");
    *out_target = NULL;
    for (size_t i = 0; i < json_array_size(list) && !*out_target; i++) {
        const json_t *value = json_array_get(list, i);
        const char *value_name = json_string_value(json_object_get(value, "name"));
        /* A name that is to be escaped is left out: the two need not agree on how. */
        if (value_name && *value_name && member(value, "length") <= VALUE_MAX &&
            strspn(value_name,
                   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
                strlen(value_name) &&
            asprintf(out_target, "builds/%" PRId64 "/data/%s/value", lot->id, value_name) < 0)
            memory_need(NULL);
    }
    json_decref(answer);
    return exit_code;
}

static int draw_question(struct http *master, const char *name, int index, struct lot *lot,
                         struct compare_questions *questions)
{
    bool is_there;
    char *value = NULL;
    int kind = index % KIND_COUNT;
    int exit_code = draw_build(master, name, lot, &is_there);
    if (!exit_code && is_there && kind == VALUE_KIND)
        exit_code = find_value(master, name, lot, &value);
    if (exit_code)
        return exit_code;
    if (!is_there) /* it was deleted: then both say so */
        kind = 0;
    if (value)
        add(questions, KINDS[kind].kind, value);
    else
        add(questions, KINDS[kind].kind,
            fill(KINDS[kind].target ? KINDS[kind].target : "builds/{id}/data", lot));
    return 0;
}

int compare_sample(struct http *master, const char *name, int64_t seed, int64_t count,
                   struct compare_questions *questions)
{
    struct lot lot = {.state = (uint64_t)seed};
    json_t *answer;
    int exit_code = read_json(master, name, "builds?order=-buildid&limit=1", &answer);
    lot.newest = member(json_array_get(json_object_get(answer, "builds"), 0), "buildid");
    if (lot.newest > NEWEST_MAX)
        lot.newest = NEWEST_MAX;
    if (!exit_code && lot.newest < 1) {
        message_print("%s has no builds", message_word(name));
        exit_code = dbk_status_exit_code(DBK_NOT_FOUND);
    }
    json_decref(answer);
    for (int i = 0; i < count && !exit_code; i++)
        exit_code = draw_question(master, name, i, &lot, questions);
    return exit_code;
}

/* ---------------------------------------------------------------------------------- of a file ---- */

/* Result: the path below the API's; NULL: it is none. */
static const char *target_of(char *line)
{
    static const char api[] = "/api/v2/";
    line[strcspn(line, "\r\n")] = '\0';
    for (const char *at = line; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == '\x7f')
            return NULL;
    if (!strncmp(line, api, strlen(api)))
        line += strlen(api);
    return *line == '/' || strlen(line) > TARGET_MAX ? NULL : line;
}

int compare_questions_read(const char *path, struct compare_questions *questions)
{
    FILE *file = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
    char *line = NULL;
    size_t size = 0;
    int exit_code = 0, number = 0;
    if (!file) {
        message_print("%s: %s", message_word(path), strerror(errno));
        return dbk_status_exit_code(DBK_NOT_FOUND);
    }
    while (!exit_code && getline(&line, &size, file) >= 0) {
        const char *target = target_of(line);
        number++;
        if (!*line || *line == '#')
            continue;
        if (target && *target && questions->count < COMPARE_SAMPLE_MAX) {
            add(questions, "of the file", memory_need(strdup(target)));
            continue;
        }
        message_print(
            "%s:%d: a line is a path below /api/v2/, without spaces, and there are %d at most",
            message_word(path), number, COMPARE_SAMPLE_MAX);
        exit_code = dbk_status_exit_code(DBK_INVALID);
    }
    free(line);
    if (file != stdin)
        fclose(file);
    return exit_code;
}
