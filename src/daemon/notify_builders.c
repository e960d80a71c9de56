/*
 * Builders of the notifier: see notify_builders.h.
 */
#include "notify_builders.h"

#include "../share/utf8.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Where a builder stands, or would. */
static size_t place_of(const struct wards *wards, int64_t builderid)
{
    size_t low = 0, high = wards->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (wards->list[middle].builderid < builderid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ward *wards_find(const struct wards *wards, int64_t builderid)
{
    size_t place = place_of(wards, builderid);
    return place < wards->count && wards->list[place].builderid == builderid ? &wards->list[place]
                                                                             : NULL;
}

static void apply(struct ward *ward, const struct notify_options *options)
{
    ward->is_told = !options->builder_count;
    for (size_t i = 0; i < options->builder_count && !ward->is_told; i++)
        ward->is_told = !fnmatch(options->builders[i], ward->name, 0);
    for (size_t i = 0; i < options->expected_count && !ward->every_s; i++)
        if (!fnmatch(options->expected[i].pattern, ward->name, 0))
            ward->every_s = options->expected[i].every_s;
}

static bool make_room(struct wards *wards)
{
    size_t room = wards->room ? wards->room * 2 : 64;
    if (wards->count < wards->room)
        return true;
    struct ward *list = reallocarray(wards->list, room, sizeof(*list));
    if (!list)
        return false;
    wards->list = list;
    wards->room = room;
    return true;
}

void text_mend(char *text)
{
    while (*text) {
        uint32_t point;
        size_t len = utf8_decode(text, &point);
        if (!len || utf8_is_control(point) || utf8_is_direction_mark(point)) {
            len = len ? len : 1;
            memset(text, '?', len);
        }
        text += len;
    }
}

struct ward *wards_add(struct wards *wards, int64_t builderid, const char *name,
                       const struct notify_options *options)
{
    struct ward *found = wards_find(wards, builderid);
    if (found)
        return found;
    size_t place = place_of(wards, builderid);
    char *copy = make_room(wards) ? strdup(name ? name : "") : NULL;
    if (!copy)
        return NULL;
    text_mend(copy);
    struct ward *ward = &wards->list[place];
    memmove(ward + 1, ward, (wards->count - place) * sizeof(*ward));
    wards->count++;
    *ward = (struct ward){.builderid = builderid,
                          .name = copy,
                          .counted_at = DBK_NONE,
                          .last_at = DBK_NONE,
                          .since = DBK_NONE,
                          .late_at = DBK_NONE};
    apply(ward, options);
    return ward;
}

void wards_fini(struct wards *wards)
{
    for (size_t i = 0; i < wards->count; i++)
        free(wards->list[i].name);
    free(wards->list);
    *wards = (struct wards){NULL, 0, 0};
}
