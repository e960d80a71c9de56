/*
 * What git knows of the current directory: where it comes from, and what is checked out. git is
 * asked, not linked; without git, or outside a work tree, there is nothing to know.
 */
#ifndef GITINFO_H
#define GITINFO_H

struct gitinfo {
    char *repository; /* the remote's URL without credentials, else the tree's path; NULL: none */
    char *branch;     /* NULL: none, or a detached head */
    char *revision;   /* NULL: none, or nothing is committed yet */
};

/* Asks git, for at most timeout_ms in all. */
void gitinfo_read(struct gitinfo *info, int timeout_ms);
void gitinfo_fini(struct gitinfo *info);

/* Takes names, passwords and tokens out of a repository's URL, in place. The name that ssh needs
 * stays, as in ssh://git@host/path and git@host:path. */
void gitinfo_strip_credentials(char *url);

#endif
