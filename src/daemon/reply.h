/*
 * Answers on their way out: headers, JSON, bytes. Not for what they say (exchange.h).
 */
#ifndef DAEMON_REPLY_H
#define DAEMON_REPLY_H

#include "exchange.h"

#include "../share/json_writer.h"

/* Makes and ends the file that answers are printed to. Result: false when out of memory. */
bool reply_init(struct server *server);
void reply_fini(struct server *server);

/* Begins to print an answer. Nothing else may be begun before it is sent or dropped. */
void reply_begin(struct exchange *exchange, struct json_writer *json);

/* Sends what was printed. Result: false, and nothing sent, when it is too long or memory ran out. */
bool reply_send(struct exchange *exchange, int http_status);

/* The same as another type. */
bool reply_send_text(struct exchange *exchange, const char *content_type);

/* The headers of every answer. */
void reply_headers(struct exchange *exchange, const char *content_type);

/* Sends bytes as they are; NULL: none. */
void reply_send_bytes(struct exchange *exchange, struct evbuffer *bytes);

/* Sends the headers of an answer that would have so many bytes; -1: nobody knows. */
void reply_send_head(struct exchange *exchange, int64_t length);

/* Hands the exchange over to evhttp: nothing may be asked of it any more. */
void reply_done(struct exchange *exchange, int http_status, struct evbuffer *body);

#endif
