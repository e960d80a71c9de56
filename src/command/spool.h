/*
 * The spool: the folder in which the runs of this user on this host are noted while they run, and kept
 * until they are in their database. Here stand its files and their locks; what is in them stands in
 * spooled.h.
 *
 *     KEY.run   written when the run begins, locked (flock) as long as it runs or somebody delivers it.
 *               Lines of JSON: the first is what was known at the start, others add to it.
 *               Its time of change is the run's last sign of life.
 *     KEY.out   what its steps printed, one after the other
 *     KEY.json  the whole record; whoever finds it finds KEY.out complete
 *
 * A KEY.run without a lock and without a KEY.json is that of a run that was killed. KEY.run goes last.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* "1795262400-0123456789abcdef": the time of the start first, so that names stand in that order. */
#define SPOOL_KEY_SIZE 40

struct spool_entry {
    char key[SPOOL_KEY_SIZE];
    char *path; /* FOLDER/KEY; NULL: there is none */
    int fd;     /* of KEY.run, holding its lock */
};
#define SPOOL_ENTRY_INIT                                                                           \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Makes a key that nobody else has. */
void spool_key_make(char key[SPOOL_KEY_SIZE], int64_t started_at);

/* The folder's path: below XDG_STATE_HOME, else the home directory. Result: yours; NULL: no home, or
 * out of memory. */
char *spool_folder(void);

/*
 * Makes KEY.run and locks it. Args: text is its first line.
 * Result: 0 or an errno; then *entry has its path all the same, if there is a folder.
 */
int spool_begin(struct spool_entry *entry, const char *key, const char *text, size_t len);

/* Makes sure that KEY.run outlives a power failure. */
void spool_sync(const struct spool_entry *entry);

/* Adds a line to KEY.run. Result: 0 or an errno. */
int spool_note(const struct spool_entry *entry, const char *line, size_t len);

/* Gives a sign of life. */
void spool_beat(const struct spool_entry *entry);

/* When the last sign of life was: seconds since 1970. */
int64_t spool_last_beat(const struct spool_entry *entry);

/* Writes KEY.out or KEY.json durably, through `write`. Result: 0 or an errno, after which the file is
 * not there. */
int spool_write(const struct spool_entry *entry, const char *ending,
                int (*write)(void *user, FILE *file), void *user);

/* Opens KEY.run, KEY.json or KEY.out for reading. Result: a descriptor; -1 and errno. */
int spool_read(const struct spool_entry *entry, const char *ending);

/* Forgets the run: its files go, and the lock. */
void spool_remove(struct spool_entry *entry);

/* Puts a file aside, as KEY.ENDING.damaged. */
void spool_set_aside(const struct spool_entry *entry, const char *ending);

/* Gives up the lock; the files stay. */
void spool_leave(struct spool_entry *entry);

/* The keys of all runs in the folder, the oldest first. Result: 0 or an errno; free *out_keys, also when
 * *out_count is 0. A folder that is not there has none. */
int spool_list(char (**out_keys)[SPOOL_KEY_SIZE], size_t *out_count);

/* How many bytes of output are in the spool. */
int64_t spool_output_size(void);

/* Names a run's files, without a lock. End it with spool_leave(). */
void spool_name(struct spool_entry *entry, const char *key);

/* Takes the lock of a run that nobody has. Result: 0; EWOULDBLOCK: it runs, or somebody else delivers
 * it; ENOENT: it is gone; another errno. */
int spool_claim(struct spool_entry *entry, const char *key);

/* Locks the folder, which is made if it is missing, against others who do the same. Result: a descriptor, which
 * to close is to unlock; -1 and errno, EWOULDBLOCK when somebody has the lock. */
int spool_lock(void);

#endif
