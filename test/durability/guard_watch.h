/*
 * Watches the checkpoints of this process by its shared-memory locks and its writes.
 *
 * The rule: a checkpoint holds slot 1 while another connection of the same thread holds slot 0, the right
 * to write; so nobody, in whatever process, commits meanwhile. Broken by
 *   - slot 1 taken while the thread has no other connection on that file that holds slot 0;
 *   - slot 0 given back, or the log written, while slot 1 is held;
 *   - a write to the database file by a connection that does not hold slot 1 (what SQLite does when the last
 *     connection closes: it then takes no lock in shared memory at all).
 * The recovery of a log after a crash takes slots 1 and 2 at once and counts apart: it holds slot 0 by itself.
 */
#ifndef DURABILITY_GUARD_WATCH_H
#define DURABILITY_GUARD_WATCH_H

struct guard_counts {
    long commits;     /* times that slot 0 was taken, but for checkpoints */
    long checkpoints; /* times that slot 1 was taken */
    long recoveries;
    long moved_pages; /* writes to the database file */
    long violations;
    char first[160]; /* the first violation in words */
};

/* Watches from here on; the databases are in WAL mode by now. */
void guard_watch_begin(void);
struct guard_counts guard_watch_end(void);

#endif
