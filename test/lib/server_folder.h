/*
 * The folder of a server that a test program starts: new, its unprivileged user's, and gone with the program,
 * however that ends.
 */
#ifndef SERVER_FOLDER_H
#define SERVER_FOLDER_H

#include "test.h"

enum { SERVER_FOLDER_SIZE = 80 }; /* so short that a socket's path fits behind it */

/* In a process that was forked: becomes nobody, if it is root's. Servers do not run as root. */
void server_become_nobody(void);

/* There, too: keeps nothing open of what the program has, the guard's pipe above all; its output goes to the file. */
void server_leave_all_but(const char *log);

/* Makes the folder, in memory if there is such a place: then fsync costs nothing, and nothing is left on a disk.
 * DAYBOOK_TEST_SERVERS, a short path, is where it is made instead. */
void server_folder_make(char folder[SERVER_FOLDER_SIZE], const char *kind);

/* How much memory a server has for its tables, by which the room for its log goes, too: DAYBOOK_TEST_SERVERS_MB
 * megabytes, 32 to 1,000,000, for who measures; else as little as it takes. */
int server_cache_mb(void);

/* Starts a process that waits for this program's end, and then calls stop(), and removes the folder. */
void server_guard_start(const char *folder, void (*stop)(void));

/* Says that the server did not start, shows the end of its log, and ends the program. */
void server_fail_start(const char *folder, const char *name);

#endif
