/* Files of rules of what is kept, for `daybook prune` and the daemon. */
#ifndef RETENTION_FILE_H
#define RETENTION_FILE_H

#include <daybook.h>

#define RETENTION_MESSAGE_SIZE 1024

/* Reads one. Result: yours, dbk_retention_free(); NULL, with a sentence that names the file and the line. */
struct dbk_retention *retention_file_read(const char *path, char message[RETENTION_MESSAGE_SIZE]);

#endif
