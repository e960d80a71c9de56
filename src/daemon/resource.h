/*
 * Kinds of records as the REST API shows them: a table that says of each field its name there, its name
 * in specs and its member. Answers, filters, orders and the selection of fields all go by it.
 */
#ifndef DAEMON_RESOURCE_H
#define DAEMON_RESOURCE_H

#include "../share/json_writer.h"

#include <stddef.h>

struct ask;

enum resource_kind {
    RESOURCE_INT,       /* an int64_t; DBK_NONE is null */
    RESOURCE_INT_ASKED, /* the same, given only when `field` names it: Buildbot has it not */
    RESOURCE_BOOL,      /* an int64_t of 0 and 1 */
    RESOURCE_IS_SET, /* whether an int64_t is not DBK_NONE; `filter` names it or a field of that meaning */
    RESOURCE_TEXT,  /* a const char *; NULL is null */
    RESOURCE_OTHER, /* what `write` writes; neither filtered nor ordered by */
};

struct resource_field {
    const char *name;
    const char *filter; /* its name in specs; NULL: neither filtered nor ordered by */
    enum resource_kind kind;
    size_t offset;
    void (*write)(struct json_writer *json, const void *record, const struct ask *ask);
};

#define RESOURCE_FIELDS_MAX 24

struct resource {
    const char *plural; /* the member that holds the records */
    const char
        *order; /* of lists that ask for none, in the words of specs; NULL: the store's own */
    /* What is equal in the order that a list asks for comes in this one: Buildbot sorts these kinds by itself, and
     * leaves what is equal where it was. NULL: the store's own rule. */
    const char *tie;
    bool
        is_backwards; /* each page comes from its last record to its first: so Buildbot gives changes */
    bool is_log;      /* its lists have an order of their own, and begin where a header says */
    /* Writes what include= adds to a record; NULL: it adds nothing to this kind. */
    void (*write_included)(struct json_writer *json, const void *record, const struct ask *ask);
    struct resource_field fields[RESOURCE_FIELDS_MAX]; /* ends with a NULL name */
};

extern const struct resource resource_build; /* reads_builds.c */
extern const struct resource resource_step;
extern const struct resource resource_property;
extern const struct resource resource_properties; /* the map; it has no fields */
extern const struct resource resource_build_data;
extern const struct resource resource_builder;
extern const struct resource resource_worker;
extern const struct resource resource_master;
extern const struct resource resource_buildrequest;
extern const struct resource resource_buildset;
extern const struct resource resource_change;
extern const struct resource resource_sourcestamp;
extern const struct resource resource_event; /* reads_events.c */

struct dbk_property;

/* reads_properties.c: "NAME": [VALUE, SOURCE]. */
void property_write_member(struct json_writer *json, const struct dbk_property *property);

/* The index of a field. Result: -1 for a name that is none. */
int resource_find(const struct resource *resource, const char *name);

/* Writes a record as an object with the fields that were asked for. */
void resource_write(const struct resource *resource, const void *record, const struct ask *ask,
                    struct json_writer *json);

#endif
