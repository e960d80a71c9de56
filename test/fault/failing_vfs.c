/* See failing_vfs.h. */
#include "failing_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};

static struct {
    pthread_mutex_t lock;
    bool is_armed, is_lasting, has_failed;
    enum io_call call;
    int64_t left;
    int code;
} fault = {.lock = PTHREAD_MUTEX_INITIALIZER};

void io_fail_after(enum io_call call, int64_t count, int code, bool is_lasting)
{
    pthread_mutex_lock(&fault.lock);
    fault.is_armed = true;
    fault.is_lasting = is_lasting;
    fault.has_failed = false;
    fault.call = call;
    fault.left = count;
    fault.code = code;
    pthread_mutex_unlock(&fault.lock);
}

bool io_fail_end(void)
{
    pthread_mutex_lock(&fault.lock);
    fault.is_armed = false;
    bool has_failed = fault.has_failed;
    pthread_mutex_unlock(&fault.lock);
    return has_failed;
}

/* Result: the code that this call fails with; SQLITE_OK: it does not. */
static int failure(enum io_call call)
{
    int code = SQLITE_OK;
    pthread_mutex_lock(&fault.lock);
    if (fault.is_armed && fault.call == call && fault.left-- <= 0) {
        fault.has_failed = true;
        fault.is_armed = fault.is_lasting;
        code = fault.code;
    }
    pthread_mutex_unlock(&fault.lock);
    return code;
}

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

static int file_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int file_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    int code = failure(IO_READ);
    return code ? code : real(file)->pMethods->xRead(real(file), bytes, len, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    int code = failure(IO_WRITE);
    int written = real(file)->pMethods->xWrite(real(file), bytes, code ? len / 2 : len, offset);
    return code ? code : written;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = failure(IO_TRUNCATE);
    return code ? code : real(file)->pMethods->xTruncate(real(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    int code = failure(IO_SYNC);
    return code ? code : real(file)->pMethods->xSync(real(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out_size)
{
    return real(file)->pMethods->xFileSize(real(file), out_size);
}

static int file_lock(sqlite3_file *file, int lock)
{
    return real(file)->pMethods->xLock(real(file), lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
    return real(file)->pMethods->xUnlock(real(file), lock);
}

static int file_check_lock(sqlite3_file *file, int *out_is_locked)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), out_is_locked);
}

static int file_control(sqlite3_file *file, int operation, void *argument)
{
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int file_sector_size(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int file_device(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int is_extended,
                        void volatile **out_at)
{
    int code = failure(IO_SHM_MAP);
    return code ? code : real(file)->pMethods->xShmMap(real(file), page, size, is_extended, out_at);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    /* Unlocking cannot fail. */
    int code = flags & SQLITE_SHM_LOCK ? failure(IO_SHM_LOCK) : SQLITE_OK;
    return code ? code : real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int file_shm_unmap(sqlite3_file *file, int is_deleted)
{
    return real(file)->pMethods->xShmUnmap(real(file), is_deleted);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2, /* without memory-mapped reads */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static sqlite3_vfs *system_vfs;

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *opened, int flags,
                    int *out_flags)
{
    struct file *file = (struct file *)opened;
    (void)vfs;
    file->base.pMethods = NULL;
    file->real = (sqlite3_file *)(file + 1);
    int code = system_vfs->xOpen(system_vfs, path, file->real, flags, out_flags);
    if (code == SQLITE_OK)
        file->base.pMethods = &METHODS;
    return code;
}

void failing_vfs_install(void)
{
    static sqlite3_vfs vfs;
    system_vfs = sqlite3_vfs_find(NULL);
    vfs = *system_vfs; /* all but opening is the system's own */
    vfs.zName = "failing";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct file) + system_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    sqlite3_vfs_register(&vfs, 1);
}
