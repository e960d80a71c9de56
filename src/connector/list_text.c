/* The text of a list's statements: what is to be shown, filtered, ordered and counted; see list.h. */
#include "connector/list.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>

/* What is being made. */
struct maker {
    struct dbki_list_op *list;
    const struct dbki_list_call *list_call;
    const struct dbk_call *call;
    const struct dbki_engine *engine;
    struct dbki_buf where;     /* " WHERE ..." of filters and conditions */
    struct dbki_value *params; /* of `where` */
    int param_count, param_max;
    int status;
};

static void refuse(struct maker *maker, const char *format, const char *a, const char *b)
{
    char sentence[256];
    if (maker->status)
        return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(sentence, sizeof sentence, format, a, b);
#pragma GCC diagnostic pop
    maker->status = dbki_refuse(maker->call, DBK_INVALID, "%s", sentence);
}

static void add_param(struct maker *maker, struct dbki_value value)
{
    if (maker->param_count == maker->param_max) {
        int max = maker->param_max ? 2 * maker->param_max : 16;
        void *grown = dbki_realloc(maker->params, (size_t)max * sizeof *maker->params);
        if (!grown) {
            maker->status = dbki_refuse(maker->call, DBK_NO_MEMORY, "out of memory");
            return;
        }
        maker->params = grown;
        maker->param_max = max;
    }
    maker->params[maker->param_count++] = value;
}

/* A text of the spec as a parameter: the operation's own copy. */
static struct dbki_value own(struct maker *maker, const struct dbki_value *value)
{
    return value->type == DBKI_TEXT ? dbki_op_text_n(&maker->list->op, value->text, value->len)
                                    : *value;
}

static const struct dbki_field *find_field(struct maker *maker, const char *name, bool is_compared)
{
    const struct dbki_record *record = maker->list->record;
    const struct dbki_field *field = dbki_record_field(record, name);
    if (!field)
        refuse(maker, "%s have no field '%.80s'", record->noun, name);
    else if (is_compared && field->flags & (DBKI_FIELD_CHOSEN | DBKI_FIELD_EXTRA))
        refuse(maker, "%s cannot be filtered or ordered by '%.80s'", record->noun, name);
    else if (!is_compared && field->flags & DBKI_FIELD_VIRTUAL)
        refuse(maker, "the field '%.80s' cannot be chosen%s", name, "");
    else
        return field;
    return NULL;
}

/* A filter's value in the field's type. */
static struct dbki_value typed(struct maker *maker, const struct dbki_field *field,
                               enum dbk_compare compare, const struct dbki_value *value)
{
    char digits[24];
    long long number;
    if (value->type == DBKI_NULL)
        return *value;
    bool wants_text = field->type == DBKI_FIELD_TEXT || compare == DBK_CONTAINS;
    if (wants_text && value->type == DBKI_TEXT)
        return own(maker, value);
    if (wants_text && field->type == DBKI_FIELD_INT) {
        snprintf(digits, sizeof digits, "%" PRId64, value->number);
        return dbki_op_text(&maker->list->op, digits);
    }
    if (wants_text) {
        refuse(maker, "'%.80s' is a text: it is compared with text%s", field->name, "");
        return *value;
    }
    if (value->type == DBKI_INT)
        return *value;
    if (dbki_text_int(value->text, &number))
        return dbki_int(number);
    if (field->flags & DBKI_FIELD_RESULTS && dbk_results_parse(value->text) != DBK_NONE)
        return dbki_int(dbk_results_parse(value->text));
    if (!strcmp(value->text, "true") || !strcmp(value->text, "false"))
        return dbki_int(value->text[0] == 't');
    refuse(maker, "'%.80s' is a number: it cannot be compared with '%.80s'", field->name,
           value->text);
    return *value;
}

static void begin_condition(struct maker *maker)
{
    dbki_buf_add(&maker->where, maker->where.len ? " AND " : " WHERE ");
}

/* Whether it is complete, in the words that an index on complete_at serves. It is neither 0 nor 1 of nothing. */
static void add_complete(struct maker *maker, const struct dbki_field *field,
                         const struct dbki_filter *filter, bool is_negated)
{
    int64_t wanted = typed(maker, field, filter->compare, &filter->values[0]).number;
    if (wanted == 0 || wanted == 1)
        dbki_buf_addf(&maker->where, "t.complete_at IS %sNULL",
                      (wanted == 1) != is_negated ? "NOT " : "");
    else
        dbki_buf_add(&maker->where, is_negated ? "1 = 1" : "1 = 0");
}

/* "column IN (?, ?)" or "column = ?", of the values that are not NULL. */
static void add_any_of(struct maker *maker, const struct dbki_field *field,
                       const struct dbki_filter *filter, bool is_negated)
{
    size_t count = 0;
    for (size_t i = 0; i < filter->count; i++)
        count += filter->values[i].type != DBKI_NULL;
    if (filter->count == 1 && field->flags & DBKI_FIELD_COMPLETE) {
        add_complete(maker, field, filter, is_negated);
        return;
    }
    dbki_buf_addf(&maker->where, count == 1 ? "%s %s ?" : "%s %s (?", field->column,
                  count == 1 ? (is_negated ? "<>" : "=") : (is_negated ? "NOT IN" : "IN"));
    for (size_t i = 1; i < count; i++)
        dbki_buf_add(&maker->where, ", ?");
    if (count > 1)
        dbki_buf_add(&maker->where, ")");
    for (size_t i = 0; i < filter->count; i++)
        if (filter->values[i].type != DBKI_NULL)
            add_param(maker, typed(maker, field, filter->compare, &filter->values[i]));
}

static void add_contains(struct maker *maker, const struct dbki_field *field,
                         const struct dbki_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++) {
        dbki_buf_addf(&maker->where,
                      field->type == DBKI_FIELD_INT ? "%sinstr(CAST(%s AS TEXT), ?) > 0"
                                                    : "%sinstr(%s, ?) > 0",
                      i ? " OR " : "(", field->column);
        add_param(maker, typed(maker, field, filter->compare, &filter->values[i]));
    }
    dbki_buf_add(&maker->where, ")");
}

static void add_equal(struct maker *maker, const struct dbki_field *field,
                      const struct dbki_filter *filter)
{
    bool is_negated = filter->compare == DBK_NE || filter->compare == DBK_NOTIN;
    size_t nulls = 0;
    for (size_t i = 0; i < filter->count; i++)
        nulls += filter->values[i].type == DBKI_NULL;
    bool keeps_null = is_negated && !nulls && maker->list->record->keeps_null &&
                      field->flags & DBKI_FIELD_NULLABLE;
    dbki_buf_add(&maker->where, "(");
    if (nulls < filter->count)
        add_any_of(maker, field, filter, is_negated);
    if (nulls)
        dbki_buf_addf(&maker->where, "%s%s IS %sNULL",
                      nulls == filter->count ? ""
                      : is_negated           ? " AND "
                                             : " OR ",
                      field->column, is_negated ? "NOT " : "");
    else if (keeps_null)
        dbki_buf_addf(&maker->where, " OR %s IS NULL", field->column);
    dbki_buf_add(&maker->where, ")");
}

static void add_filter(struct maker *maker, const struct dbki_filter *filter)
{
    static const char *const signs[] = {
        [DBK_LT] = "<", [DBK_LE] = "<=", [DBK_GT] = ">", [DBK_GE] = ">="};
    const struct dbki_field *field = find_field(maker, filter->field, true);
    if (!field)
        return;
    begin_condition(maker);
    switch (filter->compare) {
    case DBK_EQ:
    case DBK_NE:
    case DBK_IN:
    case DBK_NOTIN:
        add_equal(maker, field, filter);
        break;
    case DBK_CONTAINS:
        add_contains(maker, field, filter);
        break;
    default:
        dbki_buf_addf(&maker->where, "%s %s ?", field->column, signs[filter->compare]);
        add_param(maker, typed(maker, field, filter->compare, &filter->values[0]));
    }
}

/* The order's keys; the record's unique field is always the last, in the direction of the one before. */
static void make_keys(struct maker *maker, const struct dbk_spec *spec)
{
    struct dbki_list_op *list = maker->list;
    const struct dbki_record *record = list->record;
    int count = spec ? spec->order_count : 0;
    const char *standard[] = {record->order};
    for (int i = 0; i < (count ? count : 1); i++) {
        const char *name = count ? spec->order[i] : standard[0];
        bool is_reversed = name[0] == '-';
        const struct dbki_field *field = find_field(maker, name + is_reversed, true);
        if (!field)
            return;
        list->keys[list->key_count++] = (struct dbki_order_key){field, is_reversed, -1};
    }
    struct dbki_order_key last = list->keys[list->key_count - 1];
    if (last.field != &record->fields[record->unique])
        list->keys[list->key_count++] =
            (struct dbki_order_key){&record->fields[record->unique], last.is_reversed, -1};
}

/* "key comes after ?" or "key equals ?" for a cursor's value. */
static void add_key_condition(struct dbki_buf *sql, const struct dbki_order_key *key, bool is_null,
                              bool is_equal)
{
    const char *column = key->field->column;
    bool is_nullable = key->field->flags & DBKI_FIELD_NULLABLE;
    if (is_null)
        dbki_buf_addf(sql,
                      is_equal           ? "%s IS NULL"
                      : key->is_reversed ? "(%s IS NULL AND 0 = 1)"
                                         : "%s IS NOT NULL",
                      column);
    else if (is_equal)
        dbki_buf_addf(sql, "%s = ?", column);
    else if (key->is_reversed && is_nullable)
        dbki_buf_addf(sql, "(%s < ? OR %s IS NULL)", column, column);
    else
        dbki_buf_addf(sql, "%s %s ?", column, key->is_reversed ? "<" : ">");
}

/* What comes after the cursor: (k0 after) OR (k0 equal AND k1 after) OR ..., with a bound on k0 in front
 * that an index can use. */
static void add_cursor(struct maker *maker, struct dbki_buf *sql, const char *cursor)
{
    struct dbki_list_op *list = maker->list;
    struct dbki_value values[DBKI_ORDER_MAX + 1];
    if (!dbki_cursor_read(&list->op, cursor, list->shape, values, list->key_count)) {
        refuse(maker, "the cursor belongs to other filters or another order, or was cut%s%s", "",
               "");
        return;
    }
    const struct dbki_order_key *first = &list->keys[0];
    dbki_buf_add(sql, maker->where.len ? " AND " : " WHERE ");
    if (values[0].type != DBKI_NULL &&
        !(first->is_reversed && first->field->flags & DBKI_FIELD_NULLABLE)) {
        dbki_buf_addf(sql, "%s %s ? AND ", first->field->column, first->is_reversed ? "<=" : ">=");
        add_param(maker, values[0]);
    }
    for (int i = 0; i < list->key_count; i++) {
        dbki_buf_add(sql, i ? " OR (" : "((");
        for (int j = 0; j <= i; j++) {
            bool is_null = values[j].type == DBKI_NULL;
            dbki_buf_add(sql, j ? " AND " : "");
            add_key_condition(sql, &list->keys[j], is_null, j < i);
            if (!is_null)
                add_param(maker, values[j]);
        }
        dbki_buf_add(sql, ")");
    }
    dbki_buf_add(sql, ")");
}

/* None sorts below every value. */
static void add_order(const struct maker *maker, struct dbki_buf *sql)
{
    const struct dbki_list_op *list = maker->list;
    for (int i = 0; i < list->key_count; i++) {
        const struct dbki_order_key *key = &list->keys[i];
        bool is_told = maker->engine->sorts_null_high && key->field->flags & DBKI_FIELD_NULLABLE;
        dbki_buf_addf(sql, "%s%s%s%s", i ? ", " : " ORDER BY ", key->field->column,
                      key->is_reversed ? " DESC" : "",
                      !is_told           ? ""
                      : key->is_reversed ? " NULLS LAST"
                                         : " NULLS FIRST");
        if (maker->list_call->unique_field &&
            !strcmp(key->field->name, maker->list_call->unique_field))
            break;
    }
}

static void choose(struct maker *maker, const struct dbki_field *field)
{
    struct dbki_list_op *list = maker->list;
    for (int i = 0; i < list->chosen_count; i++)
        if (list->chosen[i] == field)
            return;
    list->chosen[list->chosen_count++] = field;
}

/* Which columns are read. Also finds the cells that hold the order's keys, adding them where they are not
 * among the columns. Result: whether an extra field was chosen. */
static bool add_columns(struct maker *maker, const struct dbk_spec *spec, struct dbki_buf *sql)
{
    struct dbki_list_op *list = maker->list;
    const struct dbki_record *record = list->record;
    bool has_extra = false;
    int cell_count = record->column_count;
    int chosen_max = spec ? spec->chosen_count : 0;
    if (chosen_max) {
        size_t size = (size_t)(record->field_count + 1) * sizeof *list->chosen;
        list->chosen = dbki_op_take(&list->op, size);
        if (!list->chosen) {
            maker->status = dbki_refuse(maker->call, DBK_NO_MEMORY, "out of memory");
            return false;
        }
        choose(maker, &record->fields[0]);
        for (int i = 0; i < chosen_max; i++) {
            const struct dbki_field *field = find_field(maker, spec->chosen[i], false);
            if (field && field->flags & DBKI_FIELD_EXTRA)
                has_extra = true;
            else if (field)
                choose(maker, field);
        }
        cell_count = list->chosen_count;
        for (int i = 0; i < cell_count; i++)
            dbki_buf_addf(sql, "%s%s", i ? ", " : "", list->chosen[i]->column);
    } else {
        dbki_buf_add(sql, record->columns);
    }
    for (int i = 0; i < list->key_count; i++) {
        for (int j = 0; j < (list->chosen ? list->chosen_count : record->column_count); j++)
            if (list->keys[i].field == (list->chosen ? list->chosen[j] : &record->fields[j]))
                list->keys[i].cell = j;
        if (list->keys[i].cell < 0 && list->limit != DBK_NONE) {
            dbki_buf_addf(sql, ", %s", list->keys[i].field->column);
            list->keys[i].cell = cell_count++;
        }
    }
    return has_extra;
}

/* Gives a statement its text and a copy of the first parameters. */
static void set_statement(struct maker *maker, int which, const struct dbki_buf *sql)
{
    struct dbki_list_op *list = maker->list;
    if (sql->is_out_of_memory || maker->where.is_out_of_memory) {
        maker->status = dbki_refuse(maker->call, DBK_NO_MEMORY, "out of memory");
        return;
    }
    list->statements[which] = (struct dbki_statement){
        .sql = dbki_op_copy(&list->op, sql->text, sql->len), .is_made = true};
    list->params[which] =
        dbki_op_copy(&list->op, maker->params, (size_t)maker->param_count * sizeof *maker->params);
    list->param_counts[which] = maker->param_count;
}

static void make_total(struct maker *maker, const struct dbk_spec *spec)
{
    struct dbki_list_op *list = maker->list;
    struct dbki_buf sql = {0};
    if (!spec || spec->total == DBK_TOTAL_NONE)
        return;
    const char *where = maker->where.len ? maker->where.text : "";
    int before = maker->param_count;
    list->has_total = true;
    list->total_up_to = spec->total == DBK_TOTAL_UP_TO ? spec->total_up_to : DBK_NONE;
    if (list->total_up_to == DBK_NONE) {
        dbki_buf_addf(&sql, "SELECT count(*) FROM %s%s", list->record->from, where);
    } else {
        dbki_buf_addf(&sql, "SELECT count(*) FROM (SELECT 1 FROM %s%s LIMIT ?) counted",
                      list->record->from, where);
        /* One more than the bound says whether the bound is the number itself. */
        add_param(maker,
                  dbki_int(list->total_up_to < INT64_MAX ? list->total_up_to + 1 : INT64_MAX));
    }
    set_statement(maker, DBKI_LIST_TOTAL, &sql);
    maker->param_count = before;
    dbki_buf_fini(&sql);
}

/* Where a page that is filtered by properties stops: the keys of the last record that it looks at. */
static void make_stop(struct maker *maker, const struct dbki_buf *source)
{
    const struct dbki_list_op *list = maker->list;
    struct dbki_buf sql = {0};
    int before = maker->param_count;
    for (int i = 0; i < list->key_count; i++)
        dbki_buf_addf(&sql, "%s%s", i ? ", " : "SELECT ", list->keys[i].field->column);
    dbki_buf_add(&sql, source->text);
    add_order(maker, &sql);
    dbki_buf_add(&sql, " LIMIT ? OFFSET ?");
    add_param(maker, dbki_int(1));
    add_param(maker, dbki_int(DBKI_WINDOW_MAX - 1));
    set_statement(maker, DBKI_LIST_STOP, &sql);
    maker->param_count = before;
    dbki_buf_fini(&sql);
}

/* Narrows what is listed to the first of them, and these to those that have the properties: an index finds each
 * property of a build, but none finds the builds that have one. */
static void add_window(struct maker *maker, const struct dbk_spec *spec, struct dbki_buf *sql)
{
    struct dbki_buf source = *sql;
    *sql = (struct dbki_buf){0};
    if (!source.is_out_of_memory)
        make_stop(maker, &source);
    dbki_buf_addf(sql, " FROM (SELECT t.*%s", source.is_out_of_memory ? "" : source.text);
    dbki_buf_fini(&source);
    add_order(maker, sql);
    dbki_buf_add(sql, " LIMIT ?) t");
    add_param(maker, dbki_int(DBKI_WINDOW_MAX));
    for (int i = 0; i < spec->property_count; i++) {
        const struct dbki_filter *filter = &spec->properties[i];
        dbki_buf_addf(sql, "%s%s", i ? " AND " : " WHERE ",
                      filter->count ? maker->list_call->property->with_value
                                    : maker->list_call->property->is_there);
        add_param(maker, dbki_op_text(&maker->list->op, filter->field));
        for (size_t j = 0; j < filter->count; j++) {
            dbki_buf_add(sql, j ? ", ?" : "?");
            add_param(maker, own(maker, &filter->values[j]));
        }
        if (filter->count)
            dbki_buf_add(sql, maker->list_call->property->with_value_end);
    }
}

/* Everything behind the columns. */
static void add_tail(struct maker *maker, const struct dbk_spec *spec, struct dbki_buf *sql)
{
    struct dbki_list_op *list = maker->list;
    dbki_buf_addf(sql, " FROM %s%s", list->record->from, maker->where.len ? maker->where.text : "");
    if (spec && spec->cursor)
        add_cursor(maker, sql, spec->cursor);
    if (spec && spec->property_count)
        add_window(maker, spec, sql);
    add_order(maker, sql);
    int64_t offset = spec && !spec->cursor ? spec->offset : 0;
    if (list->limit != DBK_NONE || offset) {
        dbki_buf_add(sql, " LIMIT ?");
        add_param(maker, dbki_int(list->limit == DBK_NONE ? INT64_MAX : list->limit));
    }
    if (offset) {
        dbki_buf_add(sql, " OFFSET ?");
        add_param(maker, dbki_int(offset));
    }
}

static void make_page(struct maker *maker, const struct dbk_spec *spec)
{
    struct dbki_list_op *list = maker->list;
    struct dbki_buf columns = {0}, tail = {0}, sql = {0};
    bool has_extra = add_columns(maker, spec, &columns);
    add_tail(maker, spec, &tail);
    if (!maker->status && (columns.is_out_of_memory || tail.is_out_of_memory))
        maker->status = dbki_refuse(maker->call, DBK_NO_MEMORY, "out of memory");
    if (!maker->status) {
        dbki_buf_addf(&sql, "SELECT %s%s", columns.text, tail.text);
        set_statement(maker, DBKI_LIST_PAGE, &sql);
    }
    if (!maker->status && has_extra) {
        sql.len = 0;
        dbki_buf_addf(&sql, "%s(SELECT %s%s)%s", maker->list_call->extra_before,
                      list->record->fields[0].column, tail.text, maker->list_call->extra_after);
        set_statement(maker, DBKI_LIST_EXTRA, &sql);
    }
    dbki_buf_fini(&columns);
    dbki_buf_fini(&tail);
    dbki_buf_fini(&sql);
}

static void make(struct maker *maker)
{
    struct dbki_list_op *list = maker->list;
    const struct dbk_spec *spec = maker->list_call->spec;
    for (const struct dbki_condition *condition = maker->list_call->conditions;
         condition && condition->sql; condition++) {
        if (condition->sql[0]) {
            begin_condition(maker);
            dbki_buf_add(&maker->where, condition->sql);
        }
        if (condition->has_value)
            add_param(maker, own(maker, &condition->value));
    }
    for (int i = 0; spec && i < spec->filter_count; i++)
        add_filter(maker, &spec->filters[i]);
    if (spec && spec->is_refused)
        refuse(maker, "the spec was given something that it refused%s%s", "", "");
    make_keys(maker, spec);
    if (maker->status)
        return;
    list->limit = spec ? spec->limit : DBK_NONE;
    if (spec && spec->cursor && spec->offset)
        refuse(maker, "a cursor and an offset do not go together%s%s", "", "");
    if (spec && spec->property_count && !maker->list_call->property)
        refuse(maker, "%s are not filtered by properties%s", list->record->noun, "");
    if (spec && spec->property_count && (spec->offset || spec->total != DBK_TOTAL_NONE))
        refuse(maker, "a filter by a property goes with neither an offset nor a total%s%s", "", "");
    if (maker->status)
        return;
    list->shape = dbki_cursor_shape(list, &maker->where, maker->params, maker->param_count, spec);
    make_total(maker, spec);
    make_page(maker, spec);
}

int dbki_list_make(const struct dbk_store *store, struct dbki_list_op *list,
                   const struct dbki_list_call *list_call, const struct dbk_call *call)
{
    struct maker maker = {
        .list = list, .list_call = list_call, .call = call, .engine = store->engine};
    make(&maker);
    dbki_buf_fini(&maker.where);
    dbki_free(maker.params);
    return maker.status;
}
