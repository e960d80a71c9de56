/*
 * What the writes share: the call with its operation key, the body on its way in, the answers.
 */
#ifndef DAEMON_WRITING_H
#define DAEMON_WRITING_H

#include "body.h"
#include "exchange.h"
#include "forms.h"

/* What a write is to carry: as exchange_call(), with the request's operation key. */
const struct dbk_call *writing_call(struct exchange *exchange);

/* Says when what is submitted next happened, DBK_NONE: now. Take it back when it is submitted. */
void writing_set_time(int64_t at);

/*
 * Parses the request's body and reads its members into *out. Result: false when it answered with a refusal
 * already. The body is to be ended with body_fini() in any case, after submitting.
 */
bool writing_read(struct exchange *exchange, struct body *body, const struct form *form, void *out);

/* Where what came over HTTP says that it comes from, unless it says so itself. */
#define WRITING_SOURCE "http"

/* Reads an object of properties, NAME: [VALUE, SOURCE]. Result: false when it refused the body. */
bool writing_properties(struct body *body, const json_t *map,
                        const struct dbk_new_property **out_properties, size_t *out_count);

/* Answers with why the body was refused. */
void writing_refuse(struct exchange *exchange, const struct body *body);

/* Answers a write that gives nothing: a dbk_done_fn; user is the exchange. */
void writing_done(void *user, const struct dbk_error *error);

/* An id of an answer: its name, and the number. */
struct writing_id {
    const char *name;
    int64_t number;
};

/* Answers with ids, and the name of what was added (or NULL). Args: place: the path of what was added, below
 * the prefix; NULL: nothing was. */
void writing_give(struct exchange *exchange, const struct writing_id *ids, size_t count,
                  const char *name, const char *place);

#endif
