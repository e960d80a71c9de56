/*
 * What was told lately: see past.h.
 */
#include "past.h"

#include <stdlib.h>
#include <string.h>

static struct notice *at(const struct past *past, size_t index)
{
    return &past->notices[(past->first + index) % past->max];
}

static void drop_oldest(struct past *past)
{
    struct notice *oldest = at(past, 0);
    past->base = oldest->position;
    notice_fini(oldest);
    past->first = (past->first + 1) % past->max;
    past->count--;
}

void past_clear(struct past *past, int64_t base)
{
    while (past->count)
        drop_oldest(past);
    free(past->notices);
    *past = (struct past){.base = base};
}

/* Makes room for one more. Result: false when out of memory. */
static bool grow(struct past *past)
{
    if (past->count < past->max)
        return true;
    size_t max = past->max ? 2 * past->max : 256;
    struct notice *grown = malloc(max * sizeof(*grown));
    if (!grown)
        return false;
    for (size_t i = 0; i < past->count; i++)
        grown[i] = *at(past, i);
    free(past->notices);
    past->notices = grown;
    past->max = max;
    past->first = 0;
    return true;
}

/* A copy of what an event says, without its record. Result: false when out of memory. */
static bool copy(struct notice *to, const struct notice *from)
{
    *to = *from;
    to->message = NULL;
    to->name = from->name ? strdup(from->name) : NULL;
    return to->name || !from->name;
}

void past_keep(struct past *past, const struct notice *notice)
{
    struct notice kept;
    if (past->count == PAST_MAX)
        drop_oldest(past);
    if (!grow(past) || !copy(&kept, notice)) {
        past_clear(past, notice->position);
        return;
    }
    past->count++;
    *at(past, past->count - 1) = kept;
}

/* The index of the first event behind a position. */
static size_t index_after(const struct past *past, int64_t position)
{
    size_t low = 0, high = past->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (at(past, middle)->position > position)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct batch *past_read(struct server *server, const struct past *past, int64_t position,
                        void (*done)(void *user, struct batch *batch), void *user)
{
    struct notice notices[NOTICE_BATCH_MAX];
    size_t first = index_after(past, position), count = 0;
    while (count < NOTICE_BATCH_MAX && first + count < past->count &&
           copy(&notices[count], at(past, first + count)))
        count++;
    if (!count)
        return NULL;
    int64_t last = notices[count - 1].position;
    struct batch *batch = batch_of(server, notices, count, done, user);
    if (batch) {
        batch->position = last;
        batch->is_full = first + count < past->count;
    }
    return batch;
}
