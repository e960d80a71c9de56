/*
 * A VFS for SQLite that stands before the system's own: does everything as that does, and tells hooks
 * what is done to which file. As the default VFS it sees what the library does without its knowledge.
 */
#ifndef DURABILITY_SHIM_H
#define DURABILITY_SHIM_H

#include "ground.h"

#include <pthread.h>

enum shim_kind { SHIM_DATABASE, SHIM_WAL, SHIM_JOURNAL, SHIM_OTHER };

/* A file that SQLite has open; a database file is a connection's own, and its shared-memory locks with it. */
struct shim_file {
    sqlite3_file base;
    enum shim_kind kind;
    char path[GROUND_PATH_SIZE];
    unsigned held;                       /* slots locked exclusively; the hooks' to keep */
    pthread_t holders[SQLITE_SHM_NLOCK]; /* the threads that locked them; as well */
    sqlite3_file real[];                 /* the system's */
};

/* Each may be NULL, and may run on any thread. */
struct shim_hooks {
    void (*locked)(struct shim_file *file, int slot, int count, bool is_exclusive); /* afterwards */
    void (*unlocking)(struct shim_file *file, int slot, int count, bool is_exclusive); /* before */
    void (*opened)(struct shim_file *file);
    void (*closing)(struct shim_file *file);
    void (*writing)(struct shim_file *file, const void *bytes, int len, int64_t offset);
    void (*truncating)(struct shim_file *file, int64_t size);
    void (*synced)(struct shim_file *file);
    void (*deleting)(const char *path, bool is_folder_synced);
};

/* Becomes the default VFS; and stops being that. No connection may be open. */
void shim_install(const struct shim_hooks *hooks);
void shim_remove(void);

#endif
