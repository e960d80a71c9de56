/* Sums of rows: see sums.h. */
#include "sums.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>

void sums_take(struct sums *sums, const struct dbk_report *report)
{
    if (sums->count == SUMS_MAX)
        return;
    struct sum *sum = &sums->list[sums->count++];
    snprintf(sum->table, sizeof(sum->table), "%s", report->subject);
    sum->rows = report->rows;
    sum->bytes = report->bytes;
}

void sums_print(const struct sums *sums, const char *word)
{
    char size[TEXT_SHORT_SIZE];
    for (size_t i = 0; i < sums->count; i++) {
        const struct sum *sum = &sums->list[i];
        printf("%s %" PRId64 " row%s of %s", word, sum->rows, sum->rows == 1 ? "" : "s",
               sum->table);
        if (sum->bytes)
            printf(" (%s)", text_size(sum->bytes, size));
        putchar('\n');
    }
}

void sums_print_json(const struct sums *sums, struct json_writer *json)
{
    json_name(json, "tables");
    json_begin_object(json);
    for (size_t i = 0; i < sums->count; i++) {
        json_name(json, sums->list[i].table);
        json_begin_object(json);
        json_member_number(json, "rows", sums->list[i].rows);
        json_member_number(json, "bytes", sums->list[i].bytes);
        json_end_object(json);
    }
    json_end_object(json);
}
