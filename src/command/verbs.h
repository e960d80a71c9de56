/*
 * Subcommands of two words, "data get BUILD NAME": the second word chooses among a few actions on
 * one build.
 */
#ifndef VERBS_H
#define VERBS_H

#include "archive.h"
#include "command.h"
#include "name.h"

struct verb {
    const char *name;  /* NULL ends a table; the first one is meant when no word is given */
    const char *usage; /* its operands behind BUILD */
    int operand_min;   /* operands behind BUILD */
    int operand_max;
    bool has_json; /* takes --json */
    const char
        *option; /* the one that is its own; NULL: none. What is no verb's own is the first's */
    int (*run)(const struct arguments *arguments, struct archive *archive,
               const struct named_build *build, char **operands);
    int current_count; /* so many operands without a build mean the one that runs; 0: it must be named */
};

/* Chooses the action, opens the store, finds the build and runs the action. Result: the exit code.
 */
int verbs_run(const struct arguments *arguments, const struct verb *verbs);

#endif
