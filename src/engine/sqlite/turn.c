/*
 * Whose turn it is to write, among daybook's processes on one file.
 *
 * SQLite's own lock is unfair: whoever polls at the right moment gets it. So our processes queue on a
 * lock file beside the database: byte 1 is the turn, byte 0 the place of the one who is next. Whoever
 * is next holds byte 0 until the turn is his; a process that has just had the turn finds byte 0 taken
 * and cannot pass him. Locks of open file descriptions go away with their process, also when it is
 * killed, and with the children that it forked without exec. Other programs (Buildbot, the sqlite3
 * shell) know only SQLite's lock, which is taken too.
 *
 * The locks are polled, not waited for: a thread that sleeps in the kernel could not see deadlines.
 */
#include "engine/sqlite/conn.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLACE = 0, TURN = 1 };
enum { PAUSE_MIN_NS = 100000, PAUSE_MAX_NS = 1000000 };

void dbki_turn_open(struct turn *turn, const char *database_path)
{
    static const char suffix[] = "-daybook";
    struct stat status;
    size_t len = strlen(database_path);
    char *path = dbki_malloc(len + sizeof suffix);
    turn->fd = -1;
    if (!path)
        return;
    memcpy(path, database_path, len);
    memcpy(path + len, suffix, sizeof suffix);
    if (stat(database_path, &status) == 0) {
        turn->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, status.st_mode & 0666);
        if (turn->fd >= 0) {
            /* Whoever may write the database may queue, whatever the umask of the first one. */
            fchmod(turn->fd, status.st_mode & 0666);
            if (fchown(turn->fd, status.st_uid, status.st_gid)) {
                /* Only root can; others own what they made. */
            }
        }
    }
    dbki_free(path);
}

void dbki_turn_close(struct turn *turn)
{
    if (turn->fd >= 0)
        close(turn->fd);
    turn->fd = -1;
    turn->is_taken = false;
}

static bool set_lock(struct turn *turn, short type, off_t byte)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(turn->fd, F_OFD_SETLK, &lock) == 0;
}

bool dbki_turn_pause(struct dbki_wait *wait, int *tries)
{
    if (wait && wait->gives_up && wait->gives_up(wait))
        return false;
    int64_t before = dbki_clock_ns();
    int64_t pause_ns = (int64_t)PAUSE_MIN_NS << (*tries < 4 ? *tries : 4);
    dbki_clock_sleep_ns(pause_ns < PAUSE_MAX_NS ? pause_ns : PAUSE_MAX_NS);
    (*tries)++;
    if (wait)
        wait->waited_ns += dbki_clock_ns() - before;
    return true;
}

bool dbki_turn_take(struct turn *turn, struct dbki_wait *wait)
{
    int tries = 0;
    if (turn->fd < 0 || turn->is_taken)
        return true;
    while (!set_lock(turn, F_WRLCK, PLACE))
        if (!dbki_turn_pause(wait, &tries))
            return false;
    tries = 0;
    while (!set_lock(turn, F_WRLCK, TURN)) {
        /* Next in line: look often, nobody else waits for this byte. */
        tries = 0;
        if (!dbki_turn_pause(wait, &tries)) {
            set_lock(turn, F_UNLCK, PLACE);
            return false;
        }
    }
    set_lock(turn, F_UNLCK, PLACE);
    turn->is_taken = true;
    return true;
}

void dbki_turn_leave(struct turn *turn)
{
    if (turn->is_taken)
        set_lock(turn, F_UNLCK, TURN);
    turn->is_taken = false;
}
