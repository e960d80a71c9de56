/*
 * The current directory, also one that was removed below us: a command still runs there.
 */
#ifndef HERE_H
#define HERE_H

/* Its absolute path, as it is or was. Result: yours; NULL when it has none, or there is no memory. */
char *here_path(void);

#endif
