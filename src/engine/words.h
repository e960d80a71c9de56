/*
 * An engine's words for the connectors' SQL, which are in a table: what differs is replaced, but for what stands
 * within quotes.
 */
#ifndef DBKI_ENGINE_WORDS_H
#define DBKI_ENGINE_WORDS_H

#include "base/buf.h"

/* A table of them ends with NULL. A longer one stands before its beginning. */
struct dbki_word {
    const char *ours, *theirs;
};

/* The word that begins at `at`, whose left neighbour is `before`; NULL: none does. */
const struct dbki_word *dbki_word_find(const struct dbki_word *words, const char *at, char before);

/* How much of the SQL is to be taken as it is: what stands within quotes to its end, else one character. */
size_t dbki_word_skip(const char *sql);

/* Adds a text as SQL has it, in quotes. */
void dbki_word_quote(const char *text, struct dbki_buf *out);

#endif
