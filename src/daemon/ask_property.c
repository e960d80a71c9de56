/*
 * The forms of JSON in filters by property: see ask_property.h.
 */
#include "ask_property.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* As it was given, and each of those below. */
enum { FORM_COUNT = 4 };

/* Escapes get small letters, as Python writes them. A backslash itself is an escape of two characters. */
static void lower_escapes(char *text)
{
    for (char *at = text; (at = strchr(at, '\\')); at += 2)
        if (at[1] == 'u')
            for (int i = 2; i < 6; i++)
                at[i] = (char)tolower((unsigned char)at[i]);
}

/* Result: how many forms were added; one that jansson cannot read (a number past 64 bits) has the one given. */
static size_t add_forms(const char *value, const char **texts, char **made)
{
    static const size_t flags[FORM_COUNT - 1] = {0, JSON_ENSURE_ASCII, JSON_COMPACT};
    size_t count = 0;
    texts[count++] = value;
    json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
    for (int i = 0; json && i < FORM_COUNT - 1; i++) {
        made[i] = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17) | flags[i]);
        if (made[i] && flags[i] & JSON_ENSURE_ASCII)
            lower_escapes(made[i]);
        if (made[i])
            texts[count++] = made[i];
    }
    json_decref(json);
    return count;
}

int ask_property_filter(struct dbk_spec *spec, const struct query *query, const char *name,
                        const char *property)
{
    size_t wanted = query_count(query, name) * FORM_COUNT, count = 0, made_count = 0;
    const char **texts = calloc(wanted, sizeof(*texts));
    char **made = calloc(wanted, sizeof(*made));
    int status = texts && made ? DBK_OK : DBK_NO_MEMORY;
    for (size_t i = 0; i < query->count && !status; i++) {
        if (strcmp(query->items[i].name, name) != 0)
            continue;
        count += add_forms(query->items[i].value, texts + count, made + made_count);
        made_count += FORM_COUNT;
    }
    if (!status)
        status = dbk_spec_property(spec, property, texts, count);
    for (size_t i = 0; made && i < made_count; i++)
        free(made[i]);
    free(made);
    free(texts);
    return status;
}
