/*
 * Blocking use of an archive: see waiting.h.
 */
#include "waiting.h"

#include "message.h"

#include <stdio.h>

void waiting_init(struct waiting *waiting, const struct archive *archive)
{
    *waiting = (struct waiting){.archive = *archive, .call = DBK_CALL_INIT};
    waiting->call.timeout_ms = WAITING_DEADLINE_MS;
    waiting->call.out_refusal = &waiting->refusal;
}

void waiting_add(struct waiting *waiting, int submitted)
{
    if (submitted == DBK_OK) {
        waiting->pending_count++;
        return;
    }
    if (waiting->error.status != DBK_OK)
        return;
    if (waiting->refusal.status == (enum dbk_status)submitted) {
        waiting->error = waiting->refusal;
    } else {
        waiting->error = (struct dbk_error){.status = (enum dbk_status)submitted};
        snprintf(waiting->error.message, sizeof(waiting->error.message), "%s",
                 dbk_status_text(waiting->error.status));
    }
}

void waiting_note(struct waiting *waiting, const struct dbk_error *error)
{
    waiting->pending_count--;
    if (error && waiting->error.status == DBK_OK)
        waiting->error = *error;
}

enum dbk_status waiting_wait(struct waiting *waiting)
{
    while (waiting->pending_count)
        archive_wait(&waiting->archive, -1);
    return waiting->error.status;
}

int waiting_finish(struct waiting *waiting)
{
    return waiting_wait(waiting) == DBK_OK ? 0 : message_error(&waiting->error);
}

void waiting_done(void *user, const struct dbk_error *error)
{
    waiting_note(user, error);
}

void waiting_id_done(void *user, const struct dbk_error *error, int64_t id)
{
    struct waiting_id *found = user;
    if (!error)
        found->id = id;
    waiting_note(found->waiting, error);
}
