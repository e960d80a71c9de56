/*
 * A builder's badge: its name and the result that it ended with last, as a picture for pages elsewhere.
 */
#include "reply.h"
#include "routes.h"
#include "standing.h"
#include "xml.h"

#include <string.h>

enum {
    SHOWN_MAX = 40,   /* characters of a name that are shown */
    LETTER_WIDTH = 7, /* pixels, about: the text is made to fit */
    PADDING = 6,      /* on both sides of a text */
    HEIGHT = 20,
};

/* White letters on each of them can be read (4.5 to 1 and more). */
static const char *const colours[] = {
    [DBK_SUCCESS] = "#2e7d32",          [DBK_WARNINGS] = "#8a5a00",  [DBK_FAILURE] = "#b3261e",
    [DBK_SKIPPED] = "#555555",          [DBK_EXCEPTION] = "#7b1fa2", [DBK_RETRY] = "#555555",
    [DBK_RESULT_CANCELLED] = "#555555",
};

/* Cuts a text behind so many characters. Result: how many it has then. */
static int cut(char *text, int max)
{
    int count = 0;
    for (; *text; text++) {
        bool is_begin = ((unsigned char)*text & 0xc0) != 0x80;
        if (is_begin && count == max) {
            *text = '\0';
            break;
        }
        count += is_begin;
    }
    return count;
}

static void put_part(FILE *file, int left, int width, const char *colour, const char *text)
{
    fprintf(file, "<rect x=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>", left, width, HEIGHT,
            colour);
    if (width <= 2 * PADDING)
        return;
    fprintf(file, "<text x=\"%d\" y=\"14\" textLength=\"%d\" lengthAdjust=\"spacing\">",
            left + PADDING, width - 2 * PADDING);
    xml_text(file, text);
    fputs("</text>\n", file);
}

static void put_badge(FILE *file, const struct standing *standing)
{
    const char *word = dbk_results_name(standing->results);
    const char *colour = word ? colours[standing->results] : "#555555";
    char name[SHOWN_MAX * 4 + 1];
    snprintf(name, sizeof(name), "%s", standing->name);
    word = word ? word : "no result";
    int left = cut(name, SHOWN_MAX) * LETTER_WIDTH + 2 * PADDING;
    int right = (int)strlen(word) * LETTER_WIDTH + 2 * PADDING;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" role=\"img\" "
            "fill=\"#fff\" font-family=\"Verdana,sans-serif\" font-size=\"11\">\n<title>",
            left + right, HEIGHT);
    xml_text(file, standing->name);
    fprintf(file, ": %s</title>\n", word);
    put_part(file, 0, left, "#444444", name);
    put_part(file, left, right, colour, word);
    fputs("</svg>\n", file);
}

static void give(struct exchange *exchange)
{
    const struct standings *standings = exchange->standings;
    struct json_writer json;
    if (standings->error.status) {
        exchange_fail(exchange, dbk_status_http(standings->error.status), "%s",
                      standings->error.message);
    } else if (!standings->count) {
        exchange_fail(exchange, 404, "there is no such builder");
    } else {
        reply_begin(exchange, &json);
        put_badge(exchange->server->reply.file, &standings->items[0]);
        if (!reply_send_text(exchange, "image/svg+xml"))
            exchange_fail(exchange, 503, "out of memory");
    }
}

void read_badge(struct exchange *exchange)
{
    standings_read(exchange, exchange->ownerid, give);
}
