/*
 * Tables of builds, steps and build data, as several subcommands print them.
 */
#ifndef BUILD_TABLE_H
#define BUILD_TABLE_H

#include "table.h"

#include <daybook.h>

/* BUILD, ID, RESULT, WHEN, TOOK, STATE. */
struct table *build_table_new(bool is_coloured);
void build_table_add(struct table *table, const struct dbk_build *build, const char *builder,
                     int64_t now);

/* #, STEP, RESULT, TOOK, STATE. */
struct table *step_table_new(bool is_coloured);
void step_table_add(struct table *table, const struct dbk_step *step, int64_t now);

/* DATA, SIZE, SOURCE. */
struct table *data_table_new(bool is_coloured);
void data_table_add(struct table *table, const struct dbk_build_data *data);

#endif
