/*
 * The file that a backup goes to: beside its place until it is whole, then there at once. Not what is in it.
 */
#ifndef DBKI_BACKUP_FILE_H
#define DBKI_BACKUP_FILE_H

#include "daybook.h"

struct dbki_backup_file {
    const char *to; /* the caller's, as long as the file is open */
    char *part;     /* where it grows */
    int fd;         /* of the part, with the lock that says that somebody is at it; -1: none */
    bool is_overwriting;
};

/*
 * Makes the part, empty. Refuses a place that is taken, or the source's own. Result: 0 or a status; either way
 * dbki_backup_file_close() is called.
 */
int dbki_backup_file_open(struct dbki_backup_file *file, const char *to, bool is_overwriting,
                          const char *source, struct dbk_error *error);
/* Whether the disk has room for so many bytes. Result: 0 or DBK_FULL. */
int dbki_backup_file_room(const struct dbki_backup_file *file, int64_t size,
                          struct dbk_error *error);
/* Begins to bring what was written to the disk, so that syncing it at the end is nobody's long wait. */
void dbki_backup_file_write_out(const struct dbki_backup_file *file);
/* Gives the part the source's mode, syncs it and puts it into its place. */
int dbki_backup_file_publish(struct dbki_backup_file *file, const char *source,
                             struct dbk_error *error);
/* Removes the part if it is still there. */
void dbki_backup_file_close(struct dbki_backup_file *file);

#endif
