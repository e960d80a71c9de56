/*
 * What becomes of a run's record: see summary.h.
 */
#include "summary.h"

#include "db_name.h"
#include "message.h"
#include "spooled.h"
#include "store_open.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT "; it is kept, and the next `daybook run` or `daybook push` records it"

/* "41 s", "2 min 41 s", "3 h 5 min", "2 d 3 h". */
static const char *took(int64_t seconds, char out[TEXT_SHORT_SIZE])
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;
    if (seconds < 0)
        seconds = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    int len =
        snprintf(out, TEXT_SHORT_SIZE, "%" PRId64 " %s", seconds / units[i].seconds, units[i].name);
    if (i < 3)
        snprintf(out + len, TEXT_SHORT_SIZE - (size_t)len, " %" PRId64 " %s",
                 seconds % units[i].seconds / units[i + 1].seconds, units[i + 1].name);
    return out;
}

/* Whether the database may take the record some day. A name that is none never will, and a Buildbot
 * database is somebody else's; but what stands in the file's place may go away. */
static bool is_worth_keeping(const struct summary *summary)
{
    enum dbk_status status = summary->recorder->error.status;
    if (status == DBK_INVALID)
        return db_name_is_in_the_way(summary->db);
    return status != DBK_UNSUPPORTED || summary->recorder->is_own;
}

/* Keeps a record that is not in the store. Args: end_size is the room at out_end, for the end of the sentence
 * that says so. */
static void keep(const struct summary *summary, char *out_end, size_t end_size)
{
    int error = summary->entry_error;
    if (!error)
        error = spooled_keep(summary->entry, summary->recorder->record, summary->db);
    if (!error)
        snprintf(out_end, end_size, KEPT);
    else if (summary->entry->path)
        snprintf(out_end, end_size, "; nor could it be kept in %s: %s",
                 message_word(summary->entry->path), strerror(error));
    else
        snprintf(out_end, end_size, "; nor could it be kept: %s",
                 error == ENOENT ? "there is no home directory" : strerror(error));
}

static void tell_unrecorded(const struct summary *summary)
{
    const struct recorder *recorder = summary->recorder;
    char end[512] = "";
    if (is_worth_keeping(summary))
        keep(summary, end, sizeof(end));
    if (recorder->number == DBK_NONE)
        message_print("this run was not recorded: %s%s", recorder->error.message, end);
    else
        message_print("%s #%" PRId64 " was recorded only in part: %s%s",
                      message_word(recorder->record->plan->builder), recorder->number,
                      recorder->error.message, end);
}

static void tell_recorded(const struct summary *summary)
{
    const struct record *record = summary->recorder->record;
    char duration[TEXT_SHORT_SIZE];
    char *name = text_escape(record->plan->builder, false);
    char *detail = text_escape(summary->outcome->detail, false);
    fprintf(stderr, "%s #%" PRId64 "  %s  %s%s%s\n", name, summary->recorder->number,
            dbk_results_name(summary->outcome->results),
            took(record->complete_at - record->started_at, duration), *detail ? "      " : "",
            detail);
    free(name);
    free(detail);
}

/* What the thread that opened the store found and did. */
static void tell_opening(const struct summary *summary)
{
    const struct opening *opening = summary->opening;
    struct opening_backlog backlog;
    if (opening_has_created(opening))
        store_tell_created(summary->arguments);
    if (opening_warning(opening))
        message_print("warning: %s", opening_warning(opening));
    if (!opening_is_over(opening, &backlog))
        return;
    if (backlog.recorded_count == 1)
        message_print("an earlier run%s was recorded now",
                      backlog.lost_count ? ", which was killed," : "");
    else if (backlog.recorded_count)
        message_print("%zu earlier runs were recorded now, %zu of them killed",
                      backlog.recorded_count, backlog.lost_count);
    if (backlog.aside_count)
        message_print(
            "a record of an earlier run could not be read, or was refused, and was put aside: "
            "%s.*.damaged",
            backlog.aside_path);
}

/* Prints what is kept of the steps' output, in their order. */
static void print_outputs(const struct record *record)
{
    for (size_t i = 0; i < record->step_count; i++) {
        size_t len = 0;
        char *output = capture_copy(&record->steps[i].output, &len);
        if (output)
            fwrite(output, 1, len, stdout);
        free(output);
    }
    output_finish();
}

void summary_tell(const struct summary *summary)
{
    bool is_whole = recorder_is_whole(summary->recorder);
    bool is_silent = summary->is_quiet && !summary->outcome->exit_code;
    if (summary->is_quiet && !is_silent)
        print_outputs(summary->recorder->record);
    if (summary->outcome->is_line_cut && isatty(STDERR_FILENO))
        putc('\n', stderr);
    if (summary->opening && !is_silent)
        tell_opening(summary);
    if (is_whole && !is_silent)
        tell_recorded(summary);
    else if (!is_whole)
        tell_unrecorded(summary);
    if (is_whole || !is_worth_keeping(summary))
        spool_remove(summary->entry);
    else
        spool_leave(summary->entry);
}
