/*
 * A disk that can lose its power. It records, through the shim, what SQLite writes, truncates, deletes and
 * syncs in one folder; afterwards it makes folders of what could be left if the power had gone at any
 * position of that record: all that was synced, and of the rest nothing, a part, or torn pieces.
 *
 * A write is torn at sectors of 512 bytes; SQLite counts on no more than that bytes beside a write stay as
 * they are. A file's name is there for sure once the file was synced (SQLite then syncs the folder too)
 * or if it was there before. The -shm file is no part of it: it may come back as anything.
 */
#ifndef DURABILITY_DISK_H
#define DURABILITY_DISK_H

#include "ground.h"

enum disk_loss {
    DISK_LOSE_ALL,    /* of what was not synced, nothing is left */
    DISK_KEEP_PREFIX, /* what was written first is left, the last of that torn */
    DISK_KEEP_SOME,   /* some writes, in any order */
    DISK_KEEP_PIECES, /* some sectors of some writes */
    DISK_LOSSES,
};

/* Records from here on; the files that are in the folder now count as synced. No connection is open. */
void disk_record_begin(const char *folder);
void disk_record_end(void);
/* How much was recorded until now. Any thread. */
int64_t disk_position(void);
/* How many of the records before a position are syncs. */
int64_t disk_sync_count(int64_t position);

/*
 * Fills a folder with what is left of a power failure at a position. Positions must not fall from one
 * call to the next. is_honest: false makes the disk one that only pretended to sync.
 */
void disk_crash(int64_t position, enum disk_loss loss, bool is_honest, uint64_t *random,
                const char *to_folder);

/* Frees the record. */
void disk_forget(void);

#endif
