/*
 * Looking for a run that runs: see once.h.
 */
#include "once.h"

#include "clock.h"
#include "db_name.h"
#include "message.h"
#include "spooled.h"
#include "text.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Others hold the lock for a few milliseconds; one that was stopped then must not stop us. */
#define LOCK_MAX_MS 1000
#define LOCK_LOOK_MS 5

static int take_lock(void)
{
    int64_t end_ms = clock_ms() + LOCK_MAX_MS;
    int lock = spool_lock();
    while (lock < 0 && clock_ms() < end_ms) {
        poll(NULL, 0, LOCK_LOOK_MS);
        lock = spool_lock();
    }
    return lock;
}

static bool is_running(const struct spooled *spooled, const char *builder, const char *file)
{
    if (strcmp(spooled->plan.builder, builder) != 0 || !identity_is_here(&spooled->identity) ||
        !identity_is_alive(&spooled->identity))
        return false;
    char *other = db_name_file(spooled->db);
    bool is_same = other && !strcmp(other, file);
    free(other);
    return is_same;
}

static bool look(const char *builder, const char *file, bool is_quiet)
{
    char(*keys)[SPOOL_KEY_SIZE] = NULL;
    size_t count = 0;
    bool is_found = false;
    int error = spool_list(&keys, &count);
    if (error)
        message_print("--once cannot tell what runs: %s", strerror(error));
    for (size_t i = 0; i < count && !is_found; i++) {
        struct spooled spooled;
        char started[TEXT_SHORT_SIZE];
        if (!spooled_peek(keys[i], &spooled)) {
            is_found = is_running(&spooled, builder, file);
            if (is_found && !is_quiet)
                message_print("not run: %s still runs since %s (process %" PRId64 ")",
                              message_word(builder), text_time(spooled.record.started_at, started),
                              spooled.identity.pid);
        }
        spooled_fini(&spooled);
    }
    free(keys);
    return is_found;
}

bool once_begin(const char *builder, const char *db, bool is_quiet, int *out_lock)
{
    char *file = memory_need(db_name_file(db));
    *out_lock = take_lock();
    if (*out_lock < 0)
        message_print("--once cannot tell what runs: the folder of what is kept cannot be locked");
    bool is_found = look(builder, file, is_quiet);
    free(file);
    return is_found;
}

void once_end(int lock)
{
    if (lock >= 0)
        close(lock);
}
