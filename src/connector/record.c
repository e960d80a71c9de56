/* Rows to records; see record.h. */
#include "connector/record.h"

#include "base/alloc.h"

const struct dbki_field *dbki_record_field(const struct dbki_record *record, const char *name)
{
    for (int i = 0; i < record->field_count; i++)
        if (!strcmp(record->fields[i].name, name))
            return &record->fields[i];
    return NULL;
}

/* Puts a cell where the field's member is. Result: false when out of memory. */
static bool fill_member(struct dbki_op *op, const struct dbki_field *field,
                        const struct dbki_value *cell, void *record)
{
    char *member = (char *)record + field->offset;
    if (field->type == DBKI_FIELD_INT) {
        *(int64_t *)(void *)member = dbki_value_int(cell);
        return true;
    }
    /* A damaged database may hold NULL where none should be: that is the empty text. */
    const char *copy = field->flags & DBKI_FIELD_NULLABLE ? NULL : "";
    size_t len = 0;
    if (cell->type == DBKI_TEXT || cell->type == DBKI_BLOB) {
        copy = dbki_arena_copy(&op->arena, cell->text, cell->len);
        len = cell->len;
        if (!copy)
            return false;
    }
    *(const char **)(void *)member = copy;
    if (field->type == DBKI_FIELD_BLOB)
        *(size_t *)(void *)(member + sizeof(char *)) = len;
    return true;
}

void *dbki_record_new(struct dbki_op *op, const struct dbki_record *record,
                      const struct dbki_field *const *fields, const struct dbki_value *cells,
                      int cell_count)
{
    char *made = dbki_op_take(op, record->size);
    if (!made)
        return NULL;
    memset(made, 0, record->size);
    if (fields)
        for (int i = 0; i < record->column_count; i++)
            if (record->fields[i].type == DBKI_FIELD_INT)
                *(int64_t *)(void *)(made + record->fields[i].offset) = DBK_NONE;
    for (int i = 0; i < cell_count; i++) {
        const struct dbki_field *field = fields ? fields[i] : &record->fields[i];
        if (field && !fill_member(op, field, &cells[i], made))
            return NULL;
    }
    if (record->finish && record->finish(op, made))
        return NULL;
    return made;
}

void *dbki_record_dup(const struct dbki_record *record, const void *original, size_t rest_size,
                      void **out_rest)
{
    size_t size = (record->size + 7) & ~(size_t)7, text_size = 0;
    const char *from = original;
    for (int i = 0; i < record->column_count; i++) {
        const struct dbki_field *field = &record->fields[i];
        const char *text = field->type == DBKI_FIELD_TEXT
                               ? *(const char *const *)(const void *)(from + field->offset)
                               : NULL;
        text_size += text ? strlen(text) + 1 : 0;
    }
    rest_size = (rest_size + 7) & ~(size_t)7;
    char *copy = dbki_malloc(size + rest_size + text_size);
    if (!copy)
        return NULL;
    memcpy(copy, original, record->size);
    char *next = copy + size + rest_size;
    for (int i = 0; i < record->column_count; i++) {
        const struct dbki_field *field = &record->fields[i];
        if (field->type != DBKI_FIELD_TEXT)
            continue;
        const char **member = (const char **)(void *)(copy + field->offset);
        if (!*member)
            continue;
        size_t len = strlen(*member) + 1;
        memcpy(next, *member, len);
        *member = next;
        next += len;
    }
    if (out_rest)
        *out_rest = copy + size;
    return copy;
}

void dbki_get_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_get_op *get = (struct dbki_get_op *)op;
    const struct dbki_get_kind *kind = (const struct dbki_get_kind *)op->kind;
    get->found = NULL;
    dbki_bind(binder, &kind->statement, get->args, get->arg_count);
}

/* NULL has a type on a server. */
static struct dbki_value none_like(const struct dbki_value *value)
{
    return dbki_value_type(value) == DBKI_TEXT ? dbki_text(NULL) : dbki_int(DBK_NONE);
}

void dbki_get_bind_joined(struct dbki_op *const *ops, int count, struct dbki_binder *binder)
{
    const struct dbki_get_kind *kind = (const struct dbki_get_kind *)ops[0]->kind;
    const struct dbki_get_op *first = (const struct dbki_get_op *)ops[0];
    int arg_count = first->arg_count;
    struct dbki_value args[DBKI_JOINED_MAX * DBKI_GET_ARGS_MAX];
    for (int i = 0; i < DBKI_JOINED_MAX; i++) {
        struct dbki_get_op *get = i < count ? (struct dbki_get_op *)ops[i] : NULL;
        if (get)
            get->found = NULL;
        for (int j = 0; j < arg_count; j++)
            args[i * arg_count + j] = get ? get->args[j] : none_like(&first->args[j]);
    }
    dbki_bind(binder, &kind->joined, args, DBKI_JOINED_MAX * arg_count);
}

int dbki_get_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_get_op *get = (struct dbki_get_op *)op;
    const struct dbki_get_kind *kind = (const struct dbki_get_kind *)op->kind;
    (void)index;
    if (get->found) /* of a damaged database: the first one counts */
        return DBK_OK;
    get->found = dbki_record_new(op, kind->record, NULL, cells, cell_count);
    return get->found ? DBK_OK : DBK_NO_MEMORY;
}
