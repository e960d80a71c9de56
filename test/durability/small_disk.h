/*
 * A small disk of a test's own, a tmpfs, that can be filled to the last block. It lies in a mount namespace
 * of its own, so that it goes with the process, whatever becomes of it; without root, in a user namespace.
 */
#ifndef DURABILITY_SMALL_DISK_H
#define DURABILITY_SMALL_DISK_H

#include "ground.h"

/* Mounts one on the ground's folder ("2m"). Skips the test, in CI fails it, where that is not allowed. */
void small_disk_mount(const struct ground *ground, const char *size);
void small_disk_unmount(const struct ground *ground);

/* Leaves so many blocks of 4 KiB free. Whoever wants more gets ENOSPC. */
void small_disk_fill(const struct ground *ground, int64_t blocks_free);
/* Takes away what filled it. */
void small_disk_free(const struct ground *ground);
/* How many blocks are free. */
int64_t small_disk_blocks_free(const struct ground *ground);

#endif
