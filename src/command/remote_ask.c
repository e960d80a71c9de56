/*
 * Asking a daemon, on the remote's thread: targets, answers and their errors; see remote_job.h.
 */
#include "remote_job.h"

#include "clock.h"
#include "message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Records of one answer; a list may be longer. */
#define PAGE_MAX 1000

/* The HTTP status for who asks too often; a second later he may again. */
#define TOO_MANY_REQUESTS 429

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 1000

/* ---------------------------------------------------------------------------------- targets ---- */

char *job_escape(const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    char *escaped = memory_need(malloc(3 * strlen(text) + 1));
    char *out = escaped;
    for (; *text; text++)
        if (strchr(plain, *text))
            *out++ = *text;
        else
            out += sprintf(out, "%%%02X", (unsigned char)*text);
    *out = '\0';
    return escaped;
}

char *job_target(const char *format, ...)
{
    char *target = NULL;
    size_t len;
    va_list values;
    FILE *file = memory_need(open_memstream(&target, &len));
    va_start(values, format);
    for (const char *at = format; *at; at++) {
        if (*at != '%') {
            putc(*at, file);
        } else if (at[1] == 's') {
            char *text = job_escape(va_arg(values, const char *));
            fputs(text, file);
            free(text);
            at++;
        } else {
            fprintf(file, "%" PRId64, va_arg(values, int64_t));
            at += strlen(PRId64);
        }
    }
    va_end(values);
    if (fclose(file))
        memory_need(NULL);
    return target;
}

/* ---------------------------------------------------------------------------------- answers ---- */

/* What an HTTP status is among ours, and whether the same request may go well later. */
static struct dbk_error error_of(long http_status)
{
    static const struct {
        long http_status;
        enum dbk_status status;
        enum dbk_outcome outcome;
        bool is_retryable;
    } errors[] = {
        {400, DBK_INVALID, DBK_NOT_DONE, false},     {401, DBK_DENIED, DBK_NOT_DONE, false},
        {403, DBK_DENIED, DBK_NOT_DONE, false},      {404, DBK_NOT_FOUND, DBK_NOT_DONE, false},
        {405, DBK_UNSUPPORTED, DBK_NOT_DONE, false}, {409, DBK_UNSUPPORTED, DBK_NOT_DONE, false},
        {410, DBK_GONE, DBK_NOT_DONE, false},        {413, DBK_TOO_LARGE, DBK_NOT_DONE, false},
        {422, DBK_CONFLICT, DBK_NOT_DONE, false},    {429, DBK_BUSY, DBK_NOT_DONE, true},
        {503, DBK_BUSY, DBK_NOT_DONE, true},         {504, DBK_TIMEOUT, DBK_UNKNOWN, true},
        {507, DBK_FULL, DBK_NOT_DONE, true},         {502, DBK_UNREACHABLE, DBK_UNKNOWN, true},
    };
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
        if (errors[i].http_status == http_status)
            return (struct dbk_error){.status = errors[i].status,
                                      .outcome = errors[i].outcome,
                                      .is_retryable = errors[i].is_retryable};
    return (struct dbk_error){.status = http_status < 400 ? DBK_UNREACHABLE : DBK_INTERNAL,
                              .outcome = http_status < 500 ? DBK_NOT_DONE : DBK_UNKNOWN};
}

static void note_error(struct job *job, const struct http_answer *answer, const json_t *root)
{
    const char *said = json_string_value(json_object_get(root, "error"));
    struct dbk_error *error = &job->error;
    *error = error_of(answer->http_status);
    job->is_missing = answer->http_status == 404 && said;
    job->is_hidden = answer->http_status == 403 && said;
    bool is_of_token = error->status == DBK_DENIED && said && strstr(said, "token");
    const char *hint =
        is_of_token ? " (the token comes from DAYBOOK_TOKEN_FILE or DAYBOOK_TOKEN)" : "";
    if (said)
        snprintf(error->message, sizeof(error->message), "%.250s%s", said, hint);
    else if (answer->http_status >= 300 && answer->http_status < 400)
        snprintf(error->message, sizeof(error->message),
                 "it sends elsewhere (HTTP status %ld), where nobody is followed: name the address "
                 "of the daemon itself",
                 answer->http_status);
    else
        snprintf(error->message, sizeof(error->message),
                 "no `daybook serve` answers there, but something else (HTTP status %ld)",
                 answer->http_status);
    if (!said && error->status == DBK_NOT_FOUND)
        error->status = DBK_UNREACHABLE;
}

bool job_judge(struct job *job, const struct http_answer *answer, json_t **out_root)
{
    json_error_t wrong;
    bool is_good = answer->http_status == 200 || answer->http_status == 201;
    json_t *root = answer->body ? json_loadb(answer->body, answer->len, 0, &wrong) : NULL;
    if (is_good && !json_is_object(root) && out_root) {
        job->error = (struct dbk_error){
            .status = DBK_UNREACHABLE,
            .outcome = DBK_UNKNOWN,
            .message = "no `daybook serve` answers there: what came is not its JSON"};
        is_good = false;
    } else if (!is_good) {
        note_error(job, answer, root);
    }
    if (is_good && out_root)
        *out_root = root;
    else
        json_decref(root);
    return is_good;
}

/* ------------------------------------------------------------------------------------ asking ---- */

/* Asks for the target; again when it is not known whether the request arrived and that does no harm, and when
 * it was one too many in so short a time. */
static bool perform(struct job *job, struct http *http, const char *target, json_t **out_root)
{
    struct http_answer answer;
    job->request.target = target;
    for (int wait_ms = RETRY_MIN_MS;; wait_ms = wait_ms < RETRY_MAX_MS ? 2 * wait_ms : wait_ms) {
        bool was_unknown = job->error.outcome == DBK_UNKNOWN;
        job->error = (struct dbk_error){.status = DBK_OK};
        int status = http_perform(http, &job->request, &answer, &job->error);
        bool is_good = !status && job_judge(job, &answer, out_root);
        bool is_hasty = !status && answer.http_status == TOO_MANY_REQUESTS;
        http_answer_fini(&answer);
        /* What may have been done by the first try stays so until one is answered. */
        if (status && was_unknown)
            job->error.outcome = DBK_UNKNOWN;
        bool is_lost = job->error.status && job->error.outcome == DBK_UNKNOWN;
        bool is_late = job->request.end_ms && clock_ms() + wait_ms >= job->request.end_ms;
        if (is_hasty && !is_late && job_sleep(job, RETRY_MAX_MS))
            continue;
        if (is_good || !job->is_repeatable || !is_lost || is_late || !job_sleep(job, wait_ms))
            return is_good;
    }
}

void job_ask(struct job *job, struct http *http)
{
    perform(job, http, job->target, &job->root);
}

/* Adds the records of a page to the list. Result: whether it was one. */
static bool add_page(struct job *job, const json_t *page)
{
    const json_t *meta = json_object_get(page, "meta");
    json_t *records = json_object_get(page, job->kind->plural);
    const json_t *total = json_object_get(meta, "total");
    const char *cursor = json_string_value(json_object_get(meta, "next_cursor"));
    if (!json_is_array(records) || json_array_extend(job->root, records))
        return false;
    if (json_is_integer(total)) {
        job->page.total = json_integer_value(total);
        job->page.is_total_exact = true;
    }
    free(job->next_cursor);
    job->next_cursor = cursor ? memory_need(strdup(cursor)) : NULL;
    return true;
}

/* The target of the next page. */
static char *page_target(const struct job *job, int64_t limit, bool is_first)
{
    const char *cursor = is_first ? job->cursor : job->next_cursor;
    char *escaped = job_escape(cursor ? cursor : "");
    char *target = NULL;
    if (asprintf(&target, "%slimit=%" PRId64 "&offset=%" PRId64 "&cursor=%s%s", job->target, limit,
                 is_first ? job->skipped : 0, escaped, is_first ? "" : "&total=none") < 0)
        memory_need(NULL);
    free(escaped);
    return target;
}

void job_ask_list(struct job *job, struct http *http)
{
    static const struct dbk_error wrong = {
        .status = DBK_UNREACHABLE,
        .message = "no `daybook serve` answers there: what came is no list"};
    int64_t left = job->limit, page_max = PAGE_MAX;
    job->root = memory_need(json_array());
    for (bool is_first = true;;) {
        json_t *page = NULL;
        size_t before = json_array_size(job->root);
        int64_t limit = left == DBK_NONE || left > page_max ? page_max : left;
        char *target = page_target(job, limit, is_first);
        bool is_good = perform(job, http, target, &page);
        free(target);
        if (job->error.status == DBK_TOO_LARGE && limit > 1) { /* so many at once, that is */
            page_max = limit / 4 ? limit / 4 : 1;
            continue;
        }
        is_first = false;
        if (is_good && !add_page(job, page)) {
            job->error = wrong;
            is_good = false;
        }
        json_decref(page);
        if (left != DBK_NONE)
            left -= (int64_t)(json_array_size(job->root) - before);
        if (!is_good || !job->next_cursor || (left != DBK_NONE && left <= 0))
            return;
    }
}
