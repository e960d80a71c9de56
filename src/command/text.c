/*
 * Text for people: see text.h.
 */
#include "text.h"

#include "message.h"

#include <daybook.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool text_terminal_is_coloured(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
}

void text_init(void)
{
    /* Nothing but the character set: numbers and messages are the same everywhere. */
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

char *text_escape(const char *text, bool are_lines_kept)
{
    text = text_or_empty(text);
    /* The longest form of a character is 8 times its bytes: \u{2028} is 8 for 3, \xHH is 4 for 1.
     */
    char *escaped = memory_need(malloc(strlen(text) * 4 + 1));
    char *out = escaped;
    const char *in = text;
    while (*in) {
        uint32_t point;
        size_t len = utf8_decode(in, &point);
        if (!len) {
            out += sprintf(out, "\\x%02x", (unsigned char)*in++);
            continue;
        }
        bool is_kept = are_lines_kept && (point == '\n' || point == '\t');
        if (!is_kept && utf8_is_control(point) && point < 0x100)
            out += sprintf(out, "\\x%02" PRIx32, point);
        else if (!is_kept && (utf8_is_control(point) || utf8_is_direction_mark(point)))
            out += sprintf(out, "\\u{%" PRIx32 "}", point);
        else
            for (size_t i = 0; i < len; i++)
                *out++ = in[i];
        in += len;
    }
    *out = '\0';
    return escaped;
}

void text_print(FILE *file, const char *text)
{
    if (!text)
        return;
    char *escaped = text_escape(text, false);
    fputs(escaped, file);
    free(escaped);
}

int64_t text_now(void)
{
    return (int64_t)time(NULL);
}

const char *text_time(int64_t at, char out[TEXT_SHORT_SIZE])
{
    time_t time_at = (time_t)at;
    struct tm tm;
    if (at == DBK_NONE)
        strcpy(out, "-");
    else if (!localtime_r(&time_at, &tm) || tm.tm_year > 8099 || tm.tm_year < -1900)
        snprintf(out, TEXT_SHORT_SIZE, "@%" PRId64, at);
    else
        strftime(out, TEXT_SHORT_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
    return out;
}

/* How many midnights of local time lie between two times, if that is a few. */
static int64_t days_between(int64_t at, int64_t now)
{
    time_t time_at = (time_t)at, time_now = (time_t)now;
    struct tm then, today;
    if (!localtime_r(&time_at, &then) || !localtime_r(&time_now, &today))
        return 0;
    int64_t days = (now - at) / 86400;
    /* The whole days between, and one more where the clock's time now is before the clock's time
     * then. */
    int64_t then_s = then.tm_hour * 3600 + then.tm_min * 60 + then.tm_sec;
    int64_t today_s = today.tm_hour * 3600 + today.tm_min * 60 + today.tm_sec;
    return days + (today_s < then_s);
}

const char *text_when(int64_t at, int64_t now, char out[TEXT_SHORT_SIZE])
{
    if (at == DBK_NONE || at > now || at < now - INT64_C(86400) * 365)
        goto date;
    int64_t age = now - at;
    int64_t days = days_between(at, now);
    if (age == 0)
        strcpy(out, "just now");
    else if (age < 60)
        snprintf(out, TEXT_SHORT_SIZE, "%d s ago", (int)age);
    else if (age < 3600)
        snprintf(out, TEXT_SHORT_SIZE, "%d min ago", (int)(age / 60));
    else if (age < 86400 && (days == 0 || age < 6 * 3600))
        snprintf(out, TEXT_SHORT_SIZE, "%d h ago", (int)(age / 3600));
    else if (days <= 1)
        strcpy(out, "yesterday");
    else if (days < 7)
        snprintf(out, TEXT_SHORT_SIZE, "%d days ago", (int)days);
    else
        goto date;
    return out;
date:
    text_time(at, out);
    if (at != DBK_NONE && at <= now)
        out[strcspn(out, " ")] = '\0';
    return out;
}

const char *text_took(int64_t seconds, char out[TEXT_SHORT_SIZE])
{
    if (seconds == DBK_NONE || seconds < 0) {
        strcpy(out, "-");
        return out;
    }
    int64_t days = seconds / 86400;
    int rest = (int)(seconds % 86400);
    int hours = rest / 3600, minutes = rest / 60 % 60;
    if (days)
        snprintf(out, TEXT_SHORT_SIZE, "%" PRId64 "d %02d:%02d:%02d", days, hours, minutes,
                 rest % 60);
    else if (hours)
        snprintf(out, TEXT_SHORT_SIZE, "%d:%02d:%02d", hours, minutes, rest % 60);
    else
        snprintf(out, TEXT_SHORT_SIZE, "%d:%02d", minutes, rest % 60);
    return out;
}

const char *text_span(int64_t started_at, int64_t complete_at, int64_t now,
                      char out[TEXT_SHORT_SIZE])
{
    int64_t end = complete_at == DBK_NONE ? now : complete_at;
    int64_t seconds;
    /* The database's times may be any numbers. */
    if (started_at == DBK_NONE || __builtin_sub_overflow(end, started_at, &seconds))
        seconds = DBK_NONE;
    return text_took(seconds, out);
}

const char *text_size(int64_t size, char out[TEXT_SHORT_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    if (size == DBK_NONE)
        return text_number(size, out);
    if (size < 1024) {
        snprintf(out, TEXT_SHORT_SIZE, "%" PRId64 " B", size);
        return out;
    }
    double amount = (double)size;
    size_t unit = 0;
    while (amount >= 1023.5 && unit + 1 < sizeof(units) / sizeof(*units)) {
        amount /= 1024;
        unit++;
    }
    snprintf(out, TEXT_SHORT_SIZE, amount < 9.95 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
    return out;
}

const char *text_number(int64_t number, char out[TEXT_SHORT_SIZE])
{
    if (number == DBK_NONE)
        strcpy(out, "-");
    else
        snprintf(out, TEXT_SHORT_SIZE, "%" PRId64, number);
    return out;
}

const char *text_results(int64_t results, int64_t started_at, int64_t complete_at,
                         char out[TEXT_SHORT_SIZE])
{
    const char *word = dbk_results_name(results);
    if (word)
        snprintf(out, TEXT_SHORT_SIZE, "%s", word);
    else if (results == DBK_NONE && started_at != DBK_NONE && complete_at == DBK_NONE)
        strcpy(out, "running");
    else
        text_number(results, out);
    return out;
}

/* By result code: the sign and the colour. */
static const struct {
    char sign;
    const char *color;
} results_looks[] = {
    [DBK_SUCCESS] = {'+', "\033[32m"},          [DBK_WARNINGS] = {'w', "\033[33m"},
    [DBK_FAILURE] = {'x', "\033[31m"},          [DBK_SKIPPED] = {'s', "\033[36m"},
    [DBK_EXCEPTION] = {'!', "\033[35m"},        [DBK_RETRY] = {'r', "\033[36m"},
    [DBK_RESULT_CANCELLED] = {'c', "\033[35m"},
};

char text_results_sign(int64_t results)
{
    if (results == DBK_NONE)
        return '.';
    return dbk_results_name(results) ? results_looks[results].sign : '?';
}

const char *text_results_color(int64_t results)
{
    if (results == DBK_NONE)
        return "\033[34m";
    return dbk_results_name(results) ? results_looks[results].color : "";
}
