/* See shim.h. */
#include "shim.h"

#include <stdio.h>
#include <string.h>

static sqlite3_vfs vfs;
static sqlite3_vfs *real_vfs;
static struct shim_hooks hooks;

#define REAL(file) (((struct shim_file *)(file))->real)

static int shim_close(sqlite3_file *file)
{
    if (hooks.closing)
        hooks.closing((struct shim_file *)file);
    return REAL(file)->pMethods->xClose(REAL(file));
}

static int shim_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    return REAL(file)->pMethods->xRead(REAL(file), bytes, len, offset);
}

static int shim_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    if (hooks.writing)
        hooks.writing((struct shim_file *)file, bytes, len, offset);
    return REAL(file)->pMethods->xWrite(REAL(file), bytes, len, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (hooks.truncating)
        hooks.truncating((struct shim_file *)file, size);
    return REAL(file)->pMethods->xTruncate(REAL(file), size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    int code = REAL(file)->pMethods->xSync(REAL(file), flags);
    if (code == SQLITE_OK && hooks.synced)
        hooks.synced((struct shim_file *)file);
    return code;
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *out_size)
{
    return REAL(file)->pMethods->xFileSize(REAL(file), out_size);
}

static int shim_lock(sqlite3_file *file, int level)
{
    return REAL(file)->pMethods->xLock(REAL(file), level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    return REAL(file)->pMethods->xUnlock(REAL(file), level);
}

static int shim_check_lock(sqlite3_file *file, int *out_is_reserved)
{
    return REAL(file)->pMethods->xCheckReservedLock(REAL(file), out_is_reserved);
}

static int shim_control(sqlite3_file *file, int op, void *argument)
{
    return REAL(file)->pMethods->xFileControl(REAL(file), op, argument);
}

static int shim_sector_size(sqlite3_file *file)
{
    return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int shim_characteristics(sqlite3_file *file)
{
    return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}

static int shim_shm_map(sqlite3_file *file, int region, int size, int is_extended,
                        void volatile **out_memory)
{
    return REAL(file)->pMethods->xShmMap(REAL(file), region, size, is_extended, out_memory);
}

static int shim_shm_lock(sqlite3_file *file, int slot, int count, int flags)
{
    bool is_exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    if ((flags & SQLITE_SHM_UNLOCK) && hooks.unlocking)
        hooks.unlocking((struct shim_file *)file, slot, count, is_exclusive);
    int code = REAL(file)->pMethods->xShmLock(REAL(file), slot, count, flags);
    if (code == SQLITE_OK && (flags & SQLITE_SHM_LOCK) && hooks.locked)
        hooks.locked((struct shim_file *)file, slot, count, is_exclusive);
    return code;
}

static void shim_shm_barrier(sqlite3_file *file)
{
    REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int shim_shm_unmap(sqlite3_file *file, int is_deleted)
{
    return REAL(file)->pMethods->xShmUnmap(REAL(file), is_deleted);
}

/* Version 2: without memory mapping, which nobody here uses. */
static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_check_lock,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector_size,
    .xDeviceCharacteristics = shim_characteristics,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    struct shim_file *shim = (struct shim_file *)file;
    (void)self;
    memset(shim, 0, sizeof *shim);
    int code = real_vfs->xOpen(real_vfs, name, shim->real, flags, out_flags);
    /* SQLite closes what has methods, also after a failure. */
    shim->base.pMethods = shim->real->pMethods ? &METHODS : NULL;
    shim->kind = flags & SQLITE_OPEN_MAIN_DB        ? SHIM_DATABASE
                 : flags & SQLITE_OPEN_WAL          ? SHIM_WAL
                 : flags & SQLITE_OPEN_MAIN_JOURNAL ? SHIM_JOURNAL
                                                    : SHIM_OTHER;
    snprintf(shim->path, sizeof shim->path, "%s", name ? name : "");
    if (code == SQLITE_OK && hooks.opened)
        hooks.opened(shim);
    return code;
}

static int shim_delete(sqlite3_vfs *self, const char *path, int is_folder_synced)
{
    (void)self;
    if (hooks.deleting)
        hooks.deleting(path, is_folder_synced);
    return real_vfs->xDelete(real_vfs, path, is_folder_synced);
}

void shim_install(const struct shim_hooks *wanted)
{
    GROUND_NEED(!real_vfs, "the shim is installed already");
    hooks = *wanted;
    real_vfs = sqlite3_vfs_find(NULL);
    /* All that is not named here is the system's function, which does not look at its first argument
     * for more than what is copied. */
    vfs = *real_vfs;
    vfs.zName = "shim";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    vfs.xOpen = shim_open;
    vfs.xDelete = shim_delete;
    GROUND_NEED(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK, "sqlite3_vfs_register");
}

void shim_remove(void)
{
    sqlite3_vfs_unregister(&vfs);
    sqlite3_vfs_register(real_vfs, 1);
    real_vfs = NULL;
}
