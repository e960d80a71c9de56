/*
 * One statement by itself, as engines ask for facts of their own.
 */
#ifndef DBKI_ENGINE_ASK_H
#define DBKI_ENGINE_ASK_H

#include "engine/engine.h"

/* Runs one statement, with one parameter or none (NULL), and gives its rows to `row`. */
int dbki_ask(struct dbki_conn *conn, const struct dbki_statement *statement,
             const struct dbki_value *param, void *owner,
             int (*row)(void *, int, const struct dbki_value *, int), struct dbk_error *error);

#endif
