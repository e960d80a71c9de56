/*
 * The page that people open at "/", and the files that it is made of. Not for records: the page asks for
 * them as any other client does.
 */
#ifndef DAEMON_PAGE_H
#define DAEMON_PAGE_H

#include "exchange.h"

/* Answers when the path is the page's. It needs no token, for it holds no record. Result: false, and
 * nothing done, for any other path. */
bool page_answer(struct exchange *exchange);

#endif
