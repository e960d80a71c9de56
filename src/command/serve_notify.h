/*
 * The settings of `daybook serve` that say who is told what.
 */
#ifndef SERVE_NOTIFY_H
#define SERVE_NOTIFY_H

#include "../daemon/serve.h"
#include "command.h"

/* Reads them. Result: 0, or EXIT_USAGE after a message. serve_notify_fini() in any case. */
int serve_notify_read(const struct arguments *arguments, struct notify_options *out);
void serve_notify_fini(struct notify_options *notify);

#endif
