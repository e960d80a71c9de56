/*
 * Masks secrets (values of environment variables) in bytes on their way: also one that comes in two
 * pieces. Not for the way itself (relay.h).
 *
 * A mask is never longer than what it stands for, so that all is done in place.
 */
#ifndef REDACT_H
#define REDACT_H

#include <stdbool.h>
#include <stddef.h>

/* A secret's greatest length. */
#define REDACT_SECRET_MAX 16384

struct redactor {
    struct redactor_secret {
        char *bytes;
        size_t len;
    } * secrets; /* the longest first */
    size_t count;
};

/* Adds a secret; one without bytes adds nothing. Its lines are secrets, too, where it has several; so is the
 * form that it has within JSON. Ends the program when out of memory. */
void redactor_add(struct redactor *redactor, const char *secret);
void redactor_fini(struct redactor *redactor);

/*
 * Masks what stands in bytes[0..len). Result: how many bytes there are now. Args: unless is_end, a beginning of
 * a secret at the end is left as it is, and *out_held says how many of the bytes it has: they are to be given
 * again, in front of what follows.
 */
size_t redactor_mask(const struct redactor *redactor, char *bytes, size_t len, bool is_end,
                     size_t *out_held);

/* Masks a text in place. */
void redactor_mask_text(const struct redactor *redactor, char *text);

#endif
