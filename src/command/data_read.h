/*
 * Reads a value of build data in pieces, so that memory does not grow with it.
 */
#ifndef DATA_READ_H
#define DATA_READ_H

#include "archive.h"

#include <daybook.h>

/* Takes a piece, at the first call perhaps an empty one. Result: 0 to go on, else an exit code. */
typedef int data_sink_fn(void *user, const char *bytes, size_t len, int64_t length);

/*
 * Reads a value and gives its pieces to sink, in order. A value that is replaced meanwhile is an
 * error, never a mixture. Result: 0, *out_is_found whether there is such a value (sink has then run
 * at least once); else an exit code after a message.
 */
int data_read(struct archive *archive, int64_t buildid, const char *name, data_sink_fn *sink,
              void *user, bool *out_is_found);

#endif
