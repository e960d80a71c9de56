/*
 * The notifier's memory: a file of lines in the daemon's state directory, each a JSON object. Lines are only ever
 * added; what a line says holds for all that follow, so half a line at the end, which a crash leaves, never happened.
 * When the file has grown it is written anew with what still counts, and the one before is kept beside it. Not for
 * what the lines mean (notifier.h).
 *
 *     lock                 held (flock) as long as a daemon uses the directory
 *     deliveries.jsonl     the lines
 *     deliveries.1.jsonl   those before it was last written anew
 */
#ifndef DAEMON_NOTIFY_JOURNAL_H
#define DAEMON_NOTIFY_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define JOURNAL_MESSAGE_SIZE 480

struct journal {
    char *folder;
    int folder_fd, lock_fd, fd; /* -1: not open */
    int64_t size;               /* bytes of whole lines */
    int64_t base_size;          /* of those, when it was last written anew */
    bool is_torn;               /* something stands behind them */
};

/*
 * Takes a state directory for this process, making what is missing of it, and opens the file.
 * Args: folder: NULL for the default one: "notify" below STATE_DIRECTORY, which systemd sets, else
 * daybook/serve below XDG_STATE_HOME or ~/.local/state.
 * Result: 0 or an errno with a sentence. journal_close() in any case.
 */
int journal_open(struct journal *journal, const char *folder,
                 char out_message[JOURNAL_MESSAGE_SIZE]);
void journal_close(struct journal *journal);

/*
 * Reads all lines in their order. Half a line at the end is cut off; a line that is no JSON is left out. Args: take
 * borrows the line. Result: 0 or an errno; *out_bad_count is how many lines were left out.
 */
int journal_read(struct journal *journal, void (*take)(void *user, const json_t *line), void *user,
                 int *out_bad_count);

/* Adds a line, all of it or nothing. Args: is_synced: it is on the disk when this returns. Result: 0 or an errno. */
int journal_add(struct journal *journal, const json_t *line, bool is_synced);

/* Whether it has grown so much that it should be written anew. */
bool journal_is_grown(const struct journal *journal);

/* Writes it anew with a list of lines. Result: 0, or an errno after which the one before stays. */
int journal_replace(struct journal *journal, const json_t *lines);

#endif
