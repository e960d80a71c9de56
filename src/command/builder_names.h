/*
 * The names of the builders of a page of builds, by id, read in one go.
 */
#ifndef BUILDER_NAMES_H
#define BUILDER_NAMES_H

#include "text.h"

#include "archive.h"

#include <daybook.h>

struct builder_names {
    int64_t *ids; /* ascending */
    char **names; /* NULL where there is no such builder */
    size_t count;
};

/* Takes note of the builders whose names will be wanted, then reads them. Result: 0, or an exit
 * code after a message. */
void builder_names_want(struct builder_names *names, int64_t builderid);
int builder_names_read(struct builder_names *names, struct archive *archive);

/* Gives a name; of a builder that is not there its id in decimal, which is kept in out. */
#define BUILDER_NAME_SIZE TEXT_SHORT_SIZE
const char *builder_names_get(const struct builder_names *names, int64_t builderid,
                              char out[BUILDER_NAME_SIZE]);

void builder_names_fini(struct builder_names *names);

#endif
