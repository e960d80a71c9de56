/*
 * Erasing what should never have been recorded. It goes on when its client has gone: half of it would be no use.
 */
#include "routes.h"

#include "erasure.h"
#include "reply.h"
#include "writing.h"

#include <stdlib.h>
#include <string.h>

enum { TABLES_MAX = 16, PLACES_MAX = 16 };

struct erasure {
    struct {
        char table[48];
        int64_t rows, bytes;
    } sums[TABLES_MAX];
    char places[PLACES_MAX][256]; /* that may still hold it */
    size_t sum_count, place_count;
};

void erasure_free(struct erasure *erasure)
{
    free(erasure);
}

static void take_report(void *user, const struct dbk_report *report)
{
    struct erasure *erasure = ((struct exchange *)user)->erasure;
    if (report->kind == DBK_REPORT_SUM && erasure->sum_count < TABLES_MAX) {
        size_t i = erasure->sum_count++;
        snprintf(erasure->sums[i].table, sizeof(erasure->sums[i].table), "%s", report->subject);
        erasure->sums[i].rows = report->rows;
        erasure->sums[i].bytes = report->bytes;
    } else if (report->kind == DBK_REPORT_FINDING && erasure->place_count < PLACES_MAX) {
        snprintf(erasure->places[erasure->place_count++], sizeof(erasure->places[0]), "%s",
                 report->text);
    }
}

static void erased(void *user, const struct dbk_error *error)
{
    struct exchange *exchange = user;
    const struct erasure *erasure = exchange->erasure;
    struct json_writer json;
    if (exchange_is_over(exchange, error))
        return;
    reply_begin(exchange, &json);
    json_begin_object(&json);
    json_member_number(&json, "buildid", exchange->buildid);
    json_name(&json, "tables");
    json_begin_object(&json);
    for (size_t i = 0; i < erasure->sum_count; i++) {
        json_name(&json, erasure->sums[i].table);
        json_begin_object(&json);
        json_member_number(&json, "rows", erasure->sums[i].rows);
        json_member_number(&json, "bytes", erasure->sums[i].bytes);
        json_end_object(&json);
    }
    json_end_object(&json);
    json_name(&json, "left");
    json_begin_array(&json);
    for (size_t i = 0; i < erasure->place_count; i++)
        json_text(&json, erasure->places[i]);
    json_end_array(&json);
    exchange_finish(exchange, 200, &json);
}

static void submit(struct exchange *exchange, const struct erase_form *form)
{
    exchange->erasure = calloc(1, sizeof(*exchange->erasure));
    if (!exchange->erasure) {
        exchange_fail(exchange, 503, "out of memory");
        return;
    }
    enum dbk_erased what = form->property ? DBK_ERASE_PROPERTY
                           : form->data   ? DBK_ERASE_DATA
                                          : DBK_ERASE_CONTENTS;
    exchange_submitted(exchange, dbk_erase(exchange->server->store, exchange->buildid, what,
                                           form->property ? form->property : form->data, false,
                                           writing_call(exchange), take_report, erased, exchange));
}

void write_erasure(struct exchange *exchange)
{
    struct erase_form form = {NULL, NULL, false};
    struct body body;
    if (writing_read(exchange, &body, &form_erase, &form)) {
        if ((form.property != NULL) + (form.data != NULL) + form.contents == 1)
            submit(exchange, &form);
        else
            exchange_fail(exchange, 400,
                          "one of property, data and contents is needed: what is to be erased");
    }
    body_fini(&body);
}
