/*
 * Two answers: see compare_answer.h.
 */
#include "compare_answer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(char out[COMPARE_TEXT_SIZE], const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    snprintf(out, COMPARE_TEXT_SIZE, "%s", value ? (text ? text : "?") : "nothing");
    free(text);
}

static bool differ(struct compare_difference *out, const json_t *first, const json_t *second)
{
    say(out->said[0], first);
    say(out->said[1], second);
    return false;
}

static bool compare_values(const json_t *first, const json_t *second,
                           struct compare_difference *out);

/* Goes into a part; the place is as it was when that is the same. */
static bool compare_parts(const char *key, size_t index, const json_t *first, const json_t *second,
                          struct compare_difference *out)
{
    char *place = out->place;
    size_t len = strlen(place);
    if (key)
        snprintf(place + len, COMPARE_TEXT_SIZE - len, "%s%s", len ? "." : "", key);
    else
        snprintf(place + len, COMPARE_TEXT_SIZE - len, "[%zu]", index);
    if (!first || !second)
        return differ(out, first, second);
    if (!compare_values(first, second, out))
        return false;
    place[len] = '\0';
    return true;
}

static bool compare_objects(const json_t *first, const json_t *second,
                            struct compare_difference *out)
{
    const char *key;
    json_t *value;
    json_object_foreach(
        (json_t *)first, key,
        value) if (!compare_parts(key, 0, value, json_object_get(second, key), out)) return false;
    json_object_foreach((json_t *)second, key,
                        value) if (!json_object_get(first, key)) return compare_parts(key, 0, NULL,
                                                                                      value, out);
    return true;
}

static bool compare_arrays(const json_t *first, const json_t *second,
                           struct compare_difference *out)
{
    size_t counts[] = {json_array_size(first), json_array_size(second)};
    for (int i = 0; i < 2 && counts[0] != counts[1]; i++)
        snprintf(out->said[i], COMPARE_TEXT_SIZE, "%zu elements", counts[i]);
    if (counts[0] != counts[1])
        return false;
    for (size_t i = 0; i < counts[0]; i++)
        if (!compare_parts(NULL, i, json_array_get(first, i), json_array_get(second, i), out))
            return false;
    return true;
}

static bool compare_values(const json_t *first, const json_t *second,
                           struct compare_difference *out)
{
    if (json_is_object(first) && json_is_object(second))
        return compare_objects(first, second, out);
    if (json_is_array(first) && json_is_array(second))
        return compare_arrays(first, second, out);
    return json_equal(first, second) || differ(out, first, second);
}

static bool compare_bytes(const struct http_answer *first, const struct http_answer *second,
                          struct compare_difference *out)
{
    size_t at = 0, least = first->len < second->len ? first->len : second->len;
    while (at < least && first->body[at] == second->body[at])
        at++;
    if (at == first->len && at == second->len)
        return true;
    snprintf(out->place, COMPARE_TEXT_SIZE, "byte %zu", at);
    const struct http_answer *answers[] = {first, second};
    for (int i = 0; i < 2; i++)
        if (at < answers[i]->len)
            snprintf(out->said[i], COMPARE_TEXT_SIZE, "0x%02x of %zu bytes",
                     (unsigned char)answers[i]->body[at], answers[i]->len);
        else
            snprintf(out->said[i], COMPARE_TEXT_SIZE, "the end of %zu bytes", answers[i]->len);
    return false;
}

/* How many records an answer lists; -1: it is no list. */
static int64_t record_count(const json_t *answer)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)answer, key,
                        value) if (json_is_array(value)) return (int64_t)json_array_size(value);
    return -1;
}

/* Leaves out both totals where the master's counts the page alone. Result: whether they differed in that. */
static bool leave_out_totals(json_t *master, json_t *daybook)
{
    json_t *metas[] = {json_object_get(master, "meta"), json_object_get(daybook, "meta")};
    const json_t *total = json_object_get(metas[0], "total"),
                 *all = json_object_get(metas[1], "total");
    if (!json_is_integer(total) || !json_is_integer(all) ||
        json_integer_value(all) <= json_integer_value(total) ||
        json_integer_value(total) != record_count(master))
        return false;
    return !json_object_del(metas[0], "total") && !json_object_del(metas[1], "total");
}

bool compare_answers(const struct http_answer *master, const struct http_answer *daybook,
                     bool is_page, struct compare_difference *out, bool *out_is_page_total)
{
    const struct http_answer *answers[] = {master, daybook};
    json_t *values[2];
    memset(out, 0, sizeof *out);
    *out_is_page_total = false;
    if (master->http_status == daybook->http_status && master->http_status != 200)
        return true;
    if (master->http_status != daybook->http_status) {
        snprintf(out->place, COMPARE_TEXT_SIZE, "status");
        for (int i = 0; i < 2; i++)
            snprintf(out->said[i], COMPARE_TEXT_SIZE, "%ld", answers[i]->http_status);
        return false;
    }
    for (int i = 0; i < 2; i++)
        values[i] =
            answers[i]->body ? json_loadb(answers[i]->body, answers[i]->len, 0, NULL) : NULL;
    if (is_page)
        *out_is_page_total = leave_out_totals(values[0], values[1]);
    bool is_same = values[0] && values[1] ? compare_values(values[0], values[1], out)
                                          : compare_bytes(master, daybook, out);
    json_decref(values[0]);
    json_decref(values[1]);
    return is_same;
}
