/* The names of a new build's steps; see step_names.h. */
#include "connector/step_names.h"

#include "base/hash.h"
#include "base/text.h"

#include <stdio.h>

struct dbki_step_name {
    struct dbki_value text; /* NULL: the place is free */
    int64_t next;           /* the first suffix that may be free for this name */
};

void dbki_step_names_init(struct dbki_step_names *names, struct dbki_op *op, size_t count)
{
    names->place_count = 8;
    while (names->place_count < 2 * count)
        names->place_count *= 2;
    names->places = dbki_op_take(op, names->place_count * sizeof *names->places);
    if (names->places)
        memset(names->places, 0, names->place_count * sizeof *names->places);
    else
        op->is_out_of_memory = true;
}

/* Where the name is, or would be. There is always a free place. */
static struct dbki_step_name *find(const struct dbki_step_names *names, const char *name,
                                   size_t len)
{
    for (size_t i = dbki_hash_bytes(0, name, len);; i++) {
        struct dbki_step_name *place = &names->places[i & (names->place_count - 1)];
        if (place->text.type == DBKI_NULL ||
            (place->text.len == len && !memcmp(place->text.text, name, len)))
            return place;
    }
}

struct dbki_value dbki_step_names_add(struct dbki_step_names *names, struct dbki_op *op,
                                      const char *name)
{
    char suffixed[4 * DBKI_STEP_NAME_MAX + 1];
    size_t len = strlen(name);
    struct dbki_step_name *first = find(names, name, len), *place = first;
    memcpy(suffixed, name, len + 1);
    while (place->text.type != DBKI_NULL) {
        char suffix[24];
        int suffix_len = snprintf(suffix, sizeof suffix, "_%lld", (long long)first->next++);
        size_t kept = dbki_text_prefix(name, len, (size_t)(DBKI_STEP_NAME_MAX - suffix_len));
        memcpy(suffixed, name, kept);
        memcpy(suffixed + kept, suffix, (size_t)suffix_len + 1);
        place = find(names, suffixed, strlen(suffixed));
    }
    *place = (struct dbki_step_name){dbki_op_text(op, suffixed), 1};
    return place->text;
}
