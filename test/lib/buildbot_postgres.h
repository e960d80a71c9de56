/* A Buildbot database on PostgreSQL, made of one in SQLite. */
#ifndef BUILDBOT_POSTGRES_H
#define BUILDBOT_POSTGRES_H

/* The URL of a new copy, a database of its own; of the file that is named in the program's first call. NULL: there
 * is no PostgreSQL on this machine. */
const char *buildbot_postgres_place(const char *file);

#endif
