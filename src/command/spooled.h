/*
 * What the files of the spool hold: the record of a run as JSON. Not for the files themselves and
 * their locks (spool.h), nor for bringing a record into its database (delivery.h).
 */
#ifndef SPOOLED_H
#define SPOOLED_H

#include "identity.h"
#include "record.h"
#include "spool.h"

struct json_t;

/* A run as it was found in the spool. */
struct spooled {
    struct json_t *root; /* jansson's; the texts below are its */
    const char *db;
    struct identity identity; /* of the `daybook run` that recorded it */
    struct record_plan plan;
    struct record record; /* its steps' output is in KEY.out; lost when the run was killed */
};

/* Begins the note of a run that starts. Args: db is absolute. Result: 0 or an errno. */
int spooled_begin(struct spool_entry *entry, const struct record *record, const char *db);

/* Notes under which id the database has the build. */
void spooled_note_build(const struct spool_entry *entry, int64_t buildid);

/*
 * Writes down the whole record of a run that has ended. Result: 0 or an errno; then at least the result
 * is noted, if that is possible.
 */
int spooled_keep(const struct spool_entry *entry, const struct record *record, const char *db);

/*
 * Reads a run whose lock is held. What is damaged is set aside: without KEY.json the run counts as
 * lost; without KEY.run there is nothing.
 * Result: 0; EBADMSG when it is damaged; another errno. *out_is_damaged (may be set with 0): a part was.
 */
int spooled_read(const struct spool_entry *entry, struct spooled *out_spooled,
                 bool *out_is_damaged);

/* Reads how a run began, whoever has its lock; changes nothing. Result: 0 or an errno. Then spooled_fini(). */
int spooled_peek(const char *key, struct spooled *out_spooled);

void spooled_fini(struct spooled *spooled);

#endif
