/* A Buildbot database on MariaDB, made of one in SQLite. */
#ifndef BUILDBOT_MARIADB_H
#define BUILDBOT_MARIADB_H

/* The URL of a new copy, a database of its own; of the file that is named in the program's first call. NULL: there
 * is no MariaDB on this machine. */
const char *buildbot_mariadb_place(const char *file);

#endif
