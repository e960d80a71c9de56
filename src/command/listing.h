/*
 * What all subcommands that list records share: the options that make a selection, and what is said of
 * the page. Not for single records.
 */
#ifndef LISTING_H
#define LISTING_H

#include "archive.h"
#include "command.h"
#include "../share/json_writer.h"
#include "selection.h"

/* The options of every list, for a subcommand's table. */
/* clang-format off */
#define LISTING_OPTIONS                                                                            \
    {"filter", 'f', OPTION_LIST, "FIELD__OP=VALUE",                                                \
     "only records with that; OP is eq, ne, lt, le, gt, ge, contains, in or notin"},               \
    {"order", 0, OPTION_LIST, "[-]FIELD", "sort by that; - reverses"},                             \
    {"limit", 'n', OPTION_VALUE, "N", "at most so many; all for no limit"},                        \
    {"offset", 0, OPTION_VALUE, "N", "leave out the first N"},                                     \
    {"cursor", 0, OPTION_VALUE, "TEXT", "go on after the page that gave this cursor"},             \
    {"total", 0, OPTION_FLAG, NULL, "also say how many match in all"},                             \
    {"page", 0, OPTION_FLAG, NULL, "with --json: an object of the list, total and next_cursor"}
/* clang-format on */

/* The paragraph on filters for a subcommand's help. */
#define LISTING_ABOUT                                                                              \
    "Fields are the names that --json prints. Several --filter of one FIELD__OP mean any of "      \
    "them;\n"                                                                                      \
    "a FIELD__OP without =VALUE asks for records without a value there."

/*
 * Makes the selection that the options ask for. Args: order is used when there is no --order; NULL:
 * none. limit when there is no --limit; -1: none. Result: 0 and *out_selection (selection_free()); else
 * an exit code after a message.
 */
int listing_spec(const struct arguments *arguments, const char *order, int64_t limit,
                 struct selection **out_selection);

/* The same of --filter alone, for what is no list. */
int listing_filters(const struct arguments *arguments, struct selection **out_selection);

/* Begins and ends the JSON of a list of records, called `name` in the object of --page. */
void listing_json_begin(const struct arguments *arguments, const char *name,
                        struct json_writer *json);
void listing_json_end(const struct arguments *arguments, const struct dbk_page *page,
                      struct json_writer *json);

/* Says below a table how many records there are in all, if that was asked for, and how to see the
 * next, if a person looks on. Args: noun is what they are, in the plural: "builds". */
void listing_footer(const struct arguments *arguments, const struct dbk_page *page,
                    const char *noun);

#endif
