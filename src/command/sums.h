/*
 * How many rows of which table went, as long work says at its end.
 */
#ifndef SUMS_H
#define SUMS_H

#include "../share/json_writer.h"

#include <daybook.h>

#define SUMS_MAX 16

struct sum {
    char table[48];
    int64_t rows, bytes;
};

struct sums {
    struct sum list[SUMS_MAX];
    size_t count;
};

/* Takes a DBK_REPORT_SUM. */
void sums_take(struct sums *sums, const struct dbk_report *report);

/* Prints a line for each: the word ("deleted"), rows, table, and bytes where it has some. */
void sums_print(const struct sums *sums, const char *word);

/* Adds them to an object, as its member "tables". */
void sums_print_json(const struct sums *sums, struct json_writer *json);

#endif
