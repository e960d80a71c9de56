/* `daybook prune` by rules; by --older-than alone it is cmd_prune.c's. */
#ifndef PRUNE_RULES_H
#define PRUNE_RULES_H

#include "command.h"

#include <stdbool.h>

/* The options of rules, for the subcommand's table. */
#define PRUNE_RULES_OPTIONS                                                                        \
    {"builds", 0, OPTION_LIST, "RULE", "delete builds, as in '* older 1y keep 50' (several)"},     \
        {"outputs", 0, OPTION_LIST, "RULE",                                                        \
         "delete the steps' outputs, as in '* older 30d' "                                         \
         "(several)"},                                                                             \
        {"data", 0, OPTION_LIST, "RULE", "delete other build data, the same (several)"},           \
        {"events", 0, OPTION_VALUE, "AGE", "delete events that are older, 1h to 7d"},              \
        {"keys", 0, OPTION_VALUE, "AGE", "delete operation keys that are older, 1d to 7d"},        \
        {"rules", 0, OPTION_VALUE, "FILE", "read rules from a file, a line `builds = RULE` each"}, \
    {                                                                                              \
        "batch", 0, OPTION_VALUE, "MS",                                                            \
            "how long others who write wait for it at a time, in milliseconds (5)"                 \
    }

/* Whether any of them was given. */
bool prune_rules_are_given(const struct arguments *arguments);
/* Prunes by them. Result: an exit code. */
int prune_by_rules(const struct arguments *arguments);

#endif
