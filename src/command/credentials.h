/*
 * What a daemon wants to see of whoever asks: the token, and whose certificates are trusted. From files and
 * the environment alone: arguments can be seen by every user of a machine.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <daybook.h>

/*
 * Reads the token: from the file that DAYBOOK_TOKEN_FILE names, else from DAYBOOK_TOKEN.
 * Result: DBK_OK and *out_token (yours, free(); NULL when there is none); else a status and *out_error,
 * which never says any of it.
 */
int credentials_token(char **out_token, struct dbk_error *out_error);

/* The file of certificates that are trusted in place of the system's (DAYBOOK_CA_FILE). Result: lent;
 * NULL: the system's. */
const char *credentials_ca_file(void);

#endif
