/*
 * Records as a daemon gives them, made into those of daybook.h: a table for each kind says which member of the
 * JSON is which of the struct. Filters and orders find the names that the daemon has for fields there, too.
 */
#ifndef REMOTE_RECORDS_H
#define REMOTE_RECORDS_H

#include "selection.h"

#include <jansson.h>

enum remote_member_kind {
    REMOTE_INT,     /* an int64_t; null is DBK_NONE */
    REMOTE_RESULTS, /* the same; filters take words, too */
    REMOTE_BOOL,    /* an int64_t of 0 or 1 */
    REMOTE_TEXT,    /* a const char * of the JSON's */
    REMOTE_FILTER,  /* no member: it can be filtered by */
};

struct remote_member {
    const char *name;  /* the daemon's */
    const char *field; /* the library's; NULL: it cannot be filtered or ordered by */
    enum remote_member_kind kind;
    size_t offset;
};

#define REMOTE_MEMBERS_MAX 16

struct remote_kind {
    const char *plural; /* the member of an answer that has the records */
    const char *noun;   /* for people */
    size_t size;        /* of the struct */
    const char *order; /* what lists are ordered by that ask for none; NULL: what the daemon does */
    const char *fields;     /* what must be asked for by name, as a query's items; NULL: nothing */
    bool is_hidden_to_some; /* a token that is limited to builders does not see them */
    struct remote_member members[REMOTE_MEMBERS_MAX]; /* ends with a NULL name */
    /* Fills what no table can; NULL: nothing. memory: see remote_records_read(). */
    void (*fill)(void *record, const json_t *object, void **memory);
    void (*fini)(void *memory);
};

extern const struct remote_kind remote_build;
extern const struct remote_kind remote_step;
extern const struct remote_kind remote_property;
extern const struct remote_kind remote_build_data;
extern const struct remote_kind remote_builder;
extern const struct remote_kind remote_worker;
extern const struct remote_kind remote_buildrequest;
extern const struct remote_kind remote_buildset;
extern const struct remote_kind remote_sourcestamp;

/* Records that were read. The texts are the JSON's. */
struct remote_records {
    const struct remote_kind *kind;
    char *bytes;          /* the structs */
    const void **records; /* pointers to them */
    void **memories;      /* what `fill` took for each */
    size_t count;
};

/* Reads an array of objects. Result: false when it is no such; then, too, remote_records_fini(). */
bool remote_records_read(struct remote_records *records, const struct remote_kind *kind,
                         const json_t *array);
void remote_records_fini(struct remote_records *records);

/*
 * Appends a selection's filters and order to a target, which ends in "?" or "&". Takes target over.
 * Result: the new one; NULL and *out_error when a daemon cannot be asked so.
 */
char *remote_query_add(char *target, const struct remote_kind *kind,
                       const struct selection *selection, struct dbk_error *out_error);

#endif
