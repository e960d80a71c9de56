/*
 * The library's checkpoints with their guard taken off: the same file, but for the lock, which is neither
 * taken nor missed. A program that is linked with this has it in place of the library's own. It shows that
 * the watch sees what it is there to see.
 */
#include "base/clock.h"
#include "engine/sqlite/conn.h"

/* `engine->begin(...)` becomes a comparison that is false, that is: no error. */
#define begin(head, mode, wait, error)                                                             \
    name == NULL || ((void)(head), (void)(mode), (void)(wait), (void)(error), false)

#include "engine/sqlite/checkpoint.c"
