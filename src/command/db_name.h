/*
 * A database's URL or path, made to mean the same from any directory and at any time: for what is
 * kept until it can be delivered, and for the commands of a run. Not for opening it (store_open.h).
 */
#ifndef DB_NAME_H
#define DB_NAME_H

#include <stdbool.h>

/* The URL or path with a relative file's path made absolute. Result: yours; NULL when out of memory. */
char *db_name_absolute(const char *url);

/*
 * The file that a URL or path names, so that two of them can be compared: absolute, without symbolic links
 * in its folder's path as far as that is there, without options. What names no file is given as it is.
 * Result: yours; NULL when out of memory.
 */
char *db_name_file(const char *url);

/* Whether something is there under that name that is no file, and that may go away: a FIFO, a folder. A device
 * (/dev/null) will not. */
bool db_name_is_in_the_way(const char *url);

#endif
