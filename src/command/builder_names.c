/*
 * Names of builders by id: see builder_names.h.
 */
#include "builder_names.h"

#include "message.h"
#include "text.h"
#include "waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A filter takes at most so many values. */
#define FILTER_VALUES_MAX 1000

/* Where an id stands or would stand. */
static size_t find_place(const struct builder_names *names, int64_t id)
{
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (names->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void builder_names_want(struct builder_names *names, int64_t builderid)
{
    size_t place = find_place(names, builderid);
    if (builderid == DBK_NONE || (place < names->count && names->ids[place] == builderid))
        return;
    size_t size = (names->count + 1) * sizeof(*names->ids);
    names->ids = memory_need(realloc(names->ids, size));
    memmove(names->ids + place + 1, names->ids + place,
            (names->count - place) * sizeof(*names->ids));
    names->ids[place] = builderid;
    names->count++;
}

struct names_read {
    struct waiting waiting;
    struct builder_names *names;
};

static void take_names(void *user, const struct dbk_error *error,
                       const struct dbk_builder *const *builders, const struct dbk_page *page)
{
    struct names_read *read = user;
    for (size_t i = 0; !error && i < page->count; i++) {
        size_t place = find_place(read->names, builders[i]->id);
        if (place < read->names->count && read->names->ids[place] == builders[i]->id &&
            !read->names->names[place])
            read->names->names[place] = memory_need(strdup(text_or_empty(builders[i]->name)));
    }
    waiting_note(&read->waiting, error);
}

int builder_names_read(struct builder_names *names, struct archive *archive)
{
    struct names_read read = {.names = names};
    waiting_init(&read.waiting, archive);
    if (names->count)
        names->names = memory_need(calloc(names->count, sizeof(*names->names)));
    for (size_t begin = 0; begin < names->count; begin += FILTER_VALUES_MAX) {
        size_t count = names->count - begin;
        if (count > FILTER_VALUES_MAX)
            count = FILTER_VALUES_MAX;
        struct selection *selection = selection_new();
        selection_any(selection, "id", names->ids + begin, count);
        waiting_add(&read.waiting, archive_get_builders(archive, selection, &read.waiting.call,
                                                        take_names, &read));
        selection_free(selection);
    }
    return waiting_finish(&read.waiting);
}

const char *builder_names_get(const struct builder_names *names, int64_t builderid,
                              char out[BUILDER_NAME_SIZE])
{
    size_t place = find_place(names, builderid);
    if (place < names->count && names->ids[place] == builderid && names->names[place])
        return names->names[place];
    return text_number(builderid, out);
}

void builder_names_fini(struct builder_names *names)
{
    for (size_t i = 0; names->names && i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    free(names->ids);
    *names = (struct builder_names){0};
}
