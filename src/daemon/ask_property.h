/*
 * Filters by property, property.NAME=JSON: which texts a value may be kept as. A database compares texts, and there
 * are several for one value: Buildbot writes what is not ASCII as escapes, others write it as it is.
 */
#ifndef DAEMON_ASK_PROPERTY_H
#define DAEMON_ASK_PROPERTY_H

#include "query.h"

#include <daybook.h>

#define ASK_PROPERTY "property."

/* Adds a filter: all values that the query gives under `name`, each in its forms. Result: the spec's status. */
int ask_property_filter(struct dbk_spec *spec, const struct query *query, const char *name,
                        const char *property);

#endif
