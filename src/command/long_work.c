/*
 * Long work in the command: see long_work.h.
 */
#include "long_work.h"

#include "clock.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define SHOW_EVERY_MS 100

static bool is_shown;
static int64_t shown_at_ms;

void progress_show(const struct dbk_report *report)
{
    int64_t now_ms = clock_ms();
    if (!isatty(STDERR_FILENO) || (is_shown && now_ms - shown_at_ms < SHOW_EVERY_MS))
        return;
    fputs("\r\033[K", stderr);
    text_print(stderr, report->subject);
    if (report->total != DBK_NONE && report->total > 0)
        fprintf(stderr, "  %" PRId64 " of %" PRId64, report->done, report->total);
    else
        fprintf(stderr, "  %" PRId64, report->done);
    fflush(stderr);
    is_shown = true;
    shown_at_ms = now_ms;
}

void progress_clear(void)
{
    if (is_shown)
        fputs("\r\033[K", stderr);
    is_shown = false;
}

void long_work_init(struct waiting *waiting, struct dbk_store *store)
{
    waiting_init(waiting, &(struct archive){.store = store});
    waiting->call.timeout_ms = 0;
}

int long_work_finish(struct waiting *waiting)
{
    waiting_wait(waiting);
    progress_clear();
    return waiting_finish(waiting);
}
