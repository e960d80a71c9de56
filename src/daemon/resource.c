/*
 * Records as JSON: see resource.h.
 */
#include "resource.h"

#include "ask.h"

#include <string.h>

int resource_find(const struct resource *resource, const char *name)
{
    for (int i = 0; resource->fields[i].name; i++)
        if (!strcmp(resource->fields[i].name, name))
            return i;
    return -1;
}

static void write_field(const struct resource_field *field, const void *record,
                        const struct ask *ask, struct json_writer *json)
{
    const void *member = (const char *)record + field->offset;
    int64_t number = DBK_NONE;
    json_name(json, field->name);
    if (field->kind != RESOURCE_TEXT && field->kind != RESOURCE_OTHER)
        number = *(const int64_t *)member;
    switch (field->kind) {
    case RESOURCE_INT:
    case RESOURCE_INT_ASKED:
        json_number(json, number);
        break;
    case RESOURCE_BOOL:
        json_bool(json, number != 0 && number != DBK_NONE);
        break;
    case RESOURCE_IS_SET:
        json_bool(json, number != DBK_NONE);
        break;
    case RESOURCE_TEXT:
        json_text(json, *(const char *const *)member);
        break;
    case RESOURCE_OTHER:
        field->write(json, record, ask);
        break;
    }
}

void resource_write(const struct resource *resource, const void *record, const struct ask *ask,
                    struct json_writer *json)
{
    json_begin_object(json);
    for (int i = 0; resource->fields[i].name; i++)
        if (ask->fields ? ask->fields & 1U << i : resource->fields[i].kind != RESOURCE_INT_ASKED)
            write_field(&resource->fields[i], record, ask, json);
    if (resource->write_included)
        resource->write_included(json, record, ask);
    json_end_object(json);
}
