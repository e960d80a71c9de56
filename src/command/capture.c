/*
 * The head and the tail of an output: see capture.h.
 *
 * Byte number i lies at i while i < max, and later in the ring [head_max, max) at
 * head_max + (i - head_max) % (max - head_max). For i < max both are the same place, so nothing
 * moves when the ring begins to turn.
 */
#include "capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the line about the gap: its words, 20 digits, and the newlines around it. */
#define GAP_SIZE 64

void capture_init(struct capture *capture, size_t max, bool is_terminal)
{
    *capture = (struct capture){.max = max, .head_max = max / 2, .is_terminal = is_terminal};
}

void capture_fini(struct capture *capture)
{
    free(capture->bytes);
    capture->bytes = NULL;
    capture->size = 0;
}

/* Makes room for len more bytes, as far as there is some to be had. */
static void capture_grow(struct capture *capture, size_t len)
{
    size_t need = capture->max;
    if (capture->size == capture->max)
        return;
    if (capture->total + len < need)
        need = (size_t)capture->total + len;
    if (need <= capture->size)
        return;
    size_t size = capture->size ? capture->size : 4096;
    while (size < need)
        size *= 2;
    if (size > capture->max)
        size = capture->max;
    char *bytes = realloc(capture->bytes, size);
    if (bytes) {
        capture->bytes = bytes;
        capture->size = size;
    } else {
        /* Goes on with what there is. The ring did not turn yet, so the halves may move. */
        capture->max = capture->size < CAPTURE_MIN ? 0 : capture->size;
        capture->head_max = capture->max / 2;
    }
}

static void capture_add_kept(struct capture *capture, const char *bytes, size_t len)
{
    capture_grow(capture, len);
    if (!capture->max) {
        capture->total += len;
        return;
    }
    while (len) {
        size_t ring = capture->max - capture->head_max;
        size_t at = (size_t)capture->total;
        size_t end = capture->head_max;
        if (capture->total >= capture->head_max) {
            at = capture->head_max + (size_t)((capture->total - capture->head_max) % ring);
            end = capture->max;
        }
        size_t part = end - at < len ? end - at : len;
        memcpy(capture->bytes + at, bytes, part);
        capture->total += part;
        bytes += part;
        len -= part;
    }
}

void capture_add(struct capture *capture, const char *bytes, size_t len)
{
    if (!capture->is_terminal) {
        capture_add_kept(capture, bytes, len);
        return;
    }
    const char *end = bytes + len;
    if (len && capture->is_cr_pending) {
        capture->is_cr_pending = false;
        if (*bytes != '\n')
            capture_add_kept(capture, "\r", 1);
    }
    while (bytes < end) {
        const char *cr = memchr(bytes, '\r', (size_t)(end - bytes));
        const char *stop = cr ? cr : end;
        capture_add_kept(capture, bytes, (size_t)(stop - bytes));
        if (cr && cr + 1 == end)
            capture->is_cr_pending = true;
        else if (cr && cr[1] != '\n')
            capture_add_kept(capture, "\r", 1);
        bytes = cr ? cr + 1 : end;
    }
}

char *capture_copy(const struct capture *capture, size_t *out_len)
{
    char *copy = malloc(capture->max + 1);
    if (!copy || capture->total <= capture->max) {
        size_t len = capture->max ? (size_t)capture->total : 0;
        if (copy && len)
            memcpy(copy, capture->bytes, len);
        if (copy)
            *out_len = len;
        return copy;
    }
    if (!capture->max) {
        *out_len = 0;
        return copy;
    }
    size_t head = capture->head_max - GAP_SIZE;
    size_t ring = capture->max - capture->head_max;
    size_t turn = (size_t)((capture->total - capture->head_max) % ring);
    memcpy(copy, capture->bytes, head);
    size_t at = head;
    at += (size_t)snprintf(copy + at, GAP_SIZE, "%s[daybook: %" PRIu64 " bytes left out]\n",
                           copy[head - 1] == '\n' ? "" : "\n", capture->total - head - ring);
    const char *tail = capture->bytes + capture->head_max;
    memcpy(copy + at, tail + turn, ring - turn);
    memcpy(copy + at + ring - turn, tail, turn);
    *out_len = at + ring;
    return copy;
}
