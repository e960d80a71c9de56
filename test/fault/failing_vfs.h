/*
 * A VFS for SQLite that stands before the system's own and fails when it is told to: the n-th call of one
 * kind, or all from the n-th on. As the default VFS it is what the library opens its files with.
 */
#ifndef FAILING_VFS_H
#define FAILING_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum io_call { IO_READ, IO_WRITE, IO_SYNC, IO_TRUNCATE, IO_SHM_MAP, IO_SHM_LOCK };

/* Becomes the default VFS. */
void failing_vfs_install(void);

/* After `count` more calls of that kind one fails with an SQLite code, and all that follow if is_lasting. A
 * write that fails has written the first half. */
void io_fail_after(enum io_call call, int64_t count, int code, bool is_lasting);
/* From now on none fails. Result: whether one has. */
bool io_fail_end(void);

#endif
