/* Fills errors; see error.h. Also the words of the statuses and the result codes. */
#include "base/error.h"

#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int dbki_error_set(struct dbk_error *error, enum dbk_status status, const char *format, ...)
{
    if (!error)
        return status;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    if (len >= (int)sizeof error->message)
        dbki_text_cut(error->message, sizeof error->message - 1);
    dbki_text_repair(error->message); /* what was quoted may have been cut within a character */
    error->status = status;
    error->outcome = DBK_NOT_DONE;
    error->is_retryable = status == DBK_BUSY || status == DBK_TIMEOUT || status == DBK_CANCELLED ||
                          status == DBK_UNREACHABLE || status == DBK_FULL ||
                          status == DBK_NO_MEMORY;
    error->engine_code = 0;
    error->sqlstate[0] = '\0';
    return status;
}

void dbki_error_clear(struct dbk_error *error)
{
    if (!error)
        return;
    error->status = DBK_OK;
    error->outcome = DBK_NOT_DONE;
    error->is_retryable = false;
    error->engine_code = 0;
    error->sqlstate[0] = error->action[0] = error->message[0] = '\0';
}

void dbki_error_action(struct dbk_error *error, const char *action)
{
    if (error && !error->action[0])
        snprintf(error->action, sizeof error->action, "%s", action);
}

static const struct {
    const char *name, *words;
    int exit_code, http;
} STATUSES[] = {
#define STATUS_ROW(name, value, exit_code, http, exception, words)                                 \
    [value] = {#name, words, exit_code, http},
    DBK_STATUSES(STATUS_ROW)
#undef STATUS_ROW
};

enum { STATUS_COUNT = sizeof STATUSES / sizeof STATUSES[0] };

static int known(enum dbk_status status)
{
    return (int)status >= 0 && (int)status < STATUS_COUNT;
}

const char *dbk_status_name(enum dbk_status status)
{
    return known(status) ? STATUSES[status].name : "DBK_?";
}

const char *dbk_status_text(enum dbk_status status)
{
    return known(status) ? STATUSES[status].words : "an unknown status";
}

int dbk_status_exit_code(enum dbk_status status)
{
    return known(status) ? STATUSES[status].exit_code : STATUSES[DBK_INTERNAL].exit_code;
}

int dbk_status_http(enum dbk_status status)
{
    return known(status) ? STATUSES[status].http : STATUSES[DBK_INTERNAL].http;
}

static const char *const RESULTS[] = {"success",   "warnings", "failure",  "skipped",
                                      "exception", "retry",    "cancelled"};
enum { RESULTS_COUNT = sizeof RESULTS / sizeof RESULTS[0] };

const char *dbk_results_name(int64_t results)
{
    return results >= 0 && results < RESULTS_COUNT ? RESULTS[results] : NULL;
}

int64_t dbk_results_parse(const char *text)
{
    if (!text)
        return DBK_NONE;
    for (int i = 0; i < RESULTS_COUNT; i++)
        if (!strcasecmp(text, RESULTS[i]))
            return i;
    if (text[0] >= '0' && text[0] < '0' + RESULTS_COUNT && !text[1])
        return text[0] - '0';
    return DBK_NONE;
}

const char *dbk_version(void)
{
    return DBK_VERSION;
}
