/* The children of many builds in one statement. */
#ifndef DBKI_MANY_H
#define DBKI_MANY_H

#include "connector/list.h"

struct dbki_many {
    const struct dbki_opkind *kind; /* a DBKI_LIST_KIND */
    const struct dbki_record *record;
    /* In "SELECT ... FROM `from` IN (?, ...)`end` ORDER BY ...". */
    const char *from, *end;
    const char *order;
};

/* Args: count 1 to 10,000. */
int dbki_many_submit(struct dbk_store *store, const struct dbki_many *many, const int64_t *ids,
                     size_t count, const struct dbk_call *call, dbki_callback *done, void *user);

/* properties.c: what stands in front of a page of builds, and behind it, to read their properties. */
const char *dbki_properties_before(const struct dbk_store *store);
const char *dbki_properties_after(const struct dbk_store *store);

/* The same: filters by a build's properties. */
const struct dbki_property_filter *dbki_properties_filter(const struct dbk_store *store);

#endif
