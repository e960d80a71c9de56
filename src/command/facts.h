/*
 * What is known of a run before it begins: where, by whom, of which revision; and the build's
 * properties that tell it. Texts are made valid UTF-8 within the store's limits, whatever the
 * system holds. Not for what the run then does (record.h).
 */
#ifndef FACTS_H
#define FACTS_H

#include "gitinfo.h"
#include "redact.h"

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>

struct facts {
    char *host;      /* the machine's name */
    char *worker;    /* the same, as long as a worker's name may be */
    char *directory; /* the current one */
    char *user;
    struct gitinfo git;
    struct dbk_new_property *properties; /* their values are JSON and ours */
    size_t property_count;
};

/* Finds them out; begins without properties. */
void facts_init(struct facts *facts);
void facts_fini(struct facts *facts);

/* Adds a property whose value is JSON text, or a text; one that is there already is replaced.
 * name must outlive the facts. */
void facts_add_json(struct facts *facts, const char *name, const char *value);
void facts_add_text(struct facts *facts, const char *name, const char *text);

/* Adds what facts_init() found: host, user, directory; of git repository, branch, revision. */
void facts_add_found(struct facts *facts);

/* Masks secrets in all properties, and in what git says. */
void facts_redact(struct facts *facts, const struct redactor *redactor);

/* Copies text as valid UTF-8 of at most characters_max; other bytes become U+FFFD. Yours. */
char *facts_text(const char *text, size_t characters_max);

/* Whether text is valid UTF-8, not empty, and has at most characters_max. */
bool facts_is_name(const char *text, size_t characters_max);

/* The last part of a path: "make" of "/usr/bin/make". Result: within path; "" of "/". */
const char *facts_last_part(const char *path);

#endif
