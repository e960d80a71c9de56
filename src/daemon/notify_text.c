/*
 * Tidings in words: see notify_text.h.
 */
#include "notify_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *tiding_word(enum tiding tiding)
{
    static const char *const words[] = {"failing", "fixed", "late", "on-time"};
    return words[tiding];
}

static const char *result_word(int64_t results)
{
    const char *word = dbk_results_name(results);
    return word ? word : "unknown";
}

static void put_time(FILE *file, int64_t at)
{
    const time_t time = (time_t)at;
    struct tm parts;
    char text[40];
    if (gmtime_r(&time, &parts) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &parts))
        fputs(text, file);
    else
        fprintf(file, "%" PRId64, at);
}

/* As settings say it: 26h, 90m, 45s. */
static void put_duration(FILE *file, int64_t seconds)
{
    static const struct {
        int64_t factor;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    /* 48 hours say more than 2 days to who set 26h. */
    while (seconds % units[i].factor || (i == 0 && seconds < 3 * units[i].factor))
        i++;
    fprintf(file, "%" PRId64 "%c", seconds / units[i].factor, units[i].unit);
}

static void put_sentence(FILE *file, enum tiding tiding, const struct ward *ward,
                         const struct finished *build)
{
    static const char *const openings[] = {"is failing", "is fixed", "is late", "is on time again"};
    fprintf(file, "%s %s: ", ward->name, openings[tiding]);
    if (build) {
        fprintf(file, "build %" PRId64 " ended with %s", build->number,
                result_word(build->results));
        return;
    }
    fputs(ward->last_at == DBK_NONE ? "no build has ended since " : "the last build ended ", file);
    put_time(file, ward->last_at == DBK_NONE ? ward->since : ward->last_at);
    fputs(", one is expected every ", file);
    put_duration(file, ward->every_s);
}

/* Result: yours; NULL: out of memory, as the next ones. */
static char *sentence(enum tiding tiding, const struct ward *ward, const struct finished *build)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    if (!file)
        return NULL;
    put_sentence(file, tiding, ward, build);
    if (!fclose(file))
        return text;
    free(text);
    return NULL;
}

static char *address(const char *public_url, const struct ward *ward, const struct finished *build)
{
    char *url;
    int len = build ? asprintf(&url, "%s/#/builders/%" PRId64 "/builds/%" PRId64, public_url,
                               ward->builderid, build->number)
                    : asprintf(&url, "%s/#/builders/%" PRId64, public_url, ward->builderid);
    return len < 0 ? NULL : url;
}

/* In chats < > & begin what is no text: a builder's name is not to call everybody in a channel. */
static char *chat_text(const char *sentence_text, const char *url)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    if (!file)
        return NULL;
    for (const char *at = sentence_text; *at; at++)
        if (*at == '<' || *at == '>')
            fputs(*at == '<' ? "&lt;" : "&gt;", file);
        else if (*at == '&')
            fputs("&amp;", file);
        else
            fputc(*at, file);
    if (url)
        fprintf(file, " %s", url);
    if (!fclose(file))
        return text;
    free(text);
    return NULL;
}

static json_t *number_or_null(int64_t number)
{
    return number == DBK_NONE ? json_null() : json_integer(number);
}

static json_t *whole(enum tiding tiding, const char *delivery, const struct ward *ward,
                     const struct finished *build, const char *text, const char *url, int64_t now)
{
    json_t *body = json_pack("{s:s, s:s, s:I, s:s, s:{s:I, s:s}}", "delivery", delivery, "event",
                             tiding_word(tiding), "at", (json_int_t)now, "text", text, "builder",
                             "id", (json_int_t)ward->builderid, "name", ward->name);
    int failed = !body;
    if (build)
        failed |= json_object_set_new(
            body, "build",
            json_pack("{s:I, s:I, s:I, s:s, s:o, s:o}", "id", (json_int_t)build->buildid, "number",
                      (json_int_t)build->number, "results", (json_int_t)build->results, "result",
                      result_word(build->results), "started_at", number_or_null(build->started_at),
                      "complete_at", number_or_null(build->complete_at)));
    if (ward->every_s) {
        failed |= json_object_set_new(body, "expected_every_s", json_integer(ward->every_s));
        failed |= json_object_set_new(body, "last_at", number_or_null(ward->last_at));
    }
    if (url)
        failed |= json_object_set_new(body, "url", json_string(url));
    if (!failed)
        return body;
    json_decref(body);
    return NULL;
}

json_t *tiding_body(enum tiding tiding, enum notify_kind kind, const char *delivery,
                    const struct ward *ward, const struct finished *build, const char *public_url,
                    int64_t now)
{
    char *text = sentence(tiding, ward, build);
    char *url = public_url ? address(public_url, ward, build) : NULL;
    char *chat = text && kind == NOTIFY_CHAT ? chat_text(text, url) : NULL;
    json_t *body = NULL;
    if (text && (url || !public_url))
        body = kind == NOTIFY_CHAT ? json_pack("{s:s}", "text", chat)
                                   : whole(tiding, delivery, ward, build, text, url, now);
    free(chat);
    free(url);
    free(text);
    return body;
}
