/*
 * Builders with their last builds: what `daybook` and `daybook builders` show.
 */
#ifndef BUILDER_LIST_H
#define BUILDER_LIST_H

#include "archive.h"
#include "command.h"
#include "../share/json_writer.h"

#define LAST_BUILDS_MAX 10

struct waiting;
struct builder_list;

struct builder_entry {
    struct dbk_builder builder;                /* its texts are ours */
    struct dbk_build *builds[LAST_BUILDS_MAX]; /* the newest first */
    size_t build_count;
    struct builder_list *list;
};

struct builder_list {
    struct builder_entry *entries;
    struct dbk_page page;
    char *next_cursor; /* page.next_cursor */
    struct waiting *waiting;
};

/*
 * Reads the builders that a selection asks for, then the last builds of all of them at once.
 * Result: 0, or an exit code after a message; builder_list_fini() either way.
 */
int builder_list_read(struct archive *archive, const struct selection *selection,
                      struct builder_list *out_list);
void builder_list_fini(struct builder_list *list);

/* Prints the list as a table. */
void builder_list_print(const struct builder_list *list, bool has_ids, bool is_coloured);

/* Writes each builder as an object with its members and last_builds. */
void builder_list_write(const struct builder_list *list, struct json_writer *json);

#endif
