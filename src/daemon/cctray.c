/*
 * /cc.xml: how the builders stand in the form that CCTray and its like read.
 */
#include "reply.h"
#include "routes.h"
#include "standing.h"
#include "xml.h"

#include <inttypes.h>
#include <time.h>

static const char *status_of(const struct standing *standing)
{
    switch (standing->results) {
    case DBK_SUCCESS:
    case DBK_WARNINGS:
        return "Success";
    case DBK_FAILURE:
        return "Failure";
    case DBK_EXCEPTION:
        return "Exception";
    default:
        return "Unknown";
    }
}

static void put_attribute(FILE *file, const char *name, const char *value)
{
    fprintf(file, " %s=\"", name);
    xml_text(file, value);
    putc('"', file);
}

/* Readers want an address that stands for itself: it begins with what the request named the daemon by. */
static void put_address(FILE *file, const struct exchange *exchange, int64_t builderid)
{
    const char *host =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "Host");
    fprintf(file, " webUrl=\"%s://", exchange->is_secure ? "https" : "http");
    xml_text(file, host ? host : "localhost");
    fprintf(file, "%s/#/builders/%" PRId64 "\"", exchange->server->options->base_path, builderid);
}

static void put_project(FILE *file, const struct exchange *exchange,
                        const struct standing *standing)
{
    char text[32] = "";
    time_t at = (time_t)standing->complete_at;
    struct tm parts;
    fputs("  <Project", file);
    put_attribute(file, "name", standing->name);
    put_attribute(file, "activity", standing->is_building ? "Building" : "Sleeping");
    put_attribute(file, "lastBuildStatus", status_of(standing));
    if (standing->number != DBK_NONE) {
        snprintf(text, sizeof(text), "%" PRId64, standing->number);
        put_attribute(file, "lastBuildLabel", text);
        if (gmtime_r(&at, &parts) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts))
            put_attribute(file, "lastBuildTime", text);
    }
    put_address(file, exchange, standing->builderid);
    fputs("/>\n", file);
}

static void put_all(struct exchange *exchange)
{
    const struct standings *standings = exchange->standings;
    FILE *file = exchange->server->reply.file;
    struct json_writer json;
    if (standings->error.status) {
        exchange_fail(exchange, dbk_status_http(standings->error.status), "%s",
                      standings->error.message);
        return;
    }
    reply_begin(exchange, &json);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Projects>\n", file);
    for (size_t i = 0; i < standings->count; i++)
        put_project(file, exchange, &standings->items[i]);
    if ((int64_t)standings->count < standings->total)
        fprintf(file, "  <!-- %zu of %" PRId64 " builders -->\n", standings->count,
                standings->total);
    fputs("</Projects>\n", file);
    if (!reply_send_text(exchange, "application/xml; charset=utf-8"))
        exchange_fail(exchange, 503, "out of memory");
}

void read_cctray(struct exchange *exchange)
{
    standings_read(exchange, DBK_NONE, put_all);
}
