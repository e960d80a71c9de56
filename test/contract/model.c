/* A second opinion on lists; see model.h. */
#include "model.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER(record, member, is_nullable_)                                                       \
    {                                                                                              \
#member, false, is_nullable_, offsetof(struct record, member), false                       \
    }
#define TEXT(record, member)                                                                       \
    {                                                                                              \
#member, true, false, offsetof(struct record, member), false                               \
    }
#define COMPLETE(record)                                                                           \
    {                                                                                              \
        "complete", false, false, offsetof(struct record, complete_at), true                       \
    }

/* What tells apart: case, patterns, characters outside the BMP (by UTF-16 they come before U+FFFD). */
static const char *const WORDS[] = {
    "100%",         "100_",     "1000", "a", "A", "ab", "", "\xF0\x9F\x98\x80",
    "\xEF\xBF\xBD", "\xC3\xA4", "a",    "Z"};

/* ---------------------------------------------------------------------------------- builds ---- */

static const struct model_field BUILD_FIELDS[] = {
    NUMBER(dbk_build, id, false),
    NUMBER(dbk_build, number, false),
    NUMBER(dbk_build, builderid, false),
    NUMBER(dbk_build, buildrequestid, false),
    NUMBER(dbk_build, workerid, true),
    NUMBER(dbk_build, masterid, false),
    NUMBER(dbk_build, started_at, false),
    NUMBER(dbk_build, complete_at, true),
    NUMBER(dbk_build, locks_duration_s, false),
    TEXT(dbk_build, state_string),
    NUMBER(dbk_build, results, true),
    COMPLETE(dbk_build),
};

static int64_t fill_builds(struct fixture *f)
{
    int64_t other_worker = seed_worker(f->store, "other worker");
    const int64_t workers[] = {f->seed.workerid, DBK_NONE, other_worker};
    for (int i = 0; i < 12; i++) {
        struct answer a;
        f->now = CLOCK_START + i / 3 * 10;
        assert_int_equal(ASK(&a, f->store, on_added_build, dbk_add_build,
                             i % 4 ? f->seed.builderid : f->seed.other_builderid,
                             f->seed.buildrequestid, workers[i % 3], f->seed.masterid, WORDS[i]),
                         DBK_OK);
        int64_t buildid = a.id;
        assert_int_equal(
            ASK(&a, f->store, on_done, dbk_add_build_locks_duration, buildid, i * 7 % 5), DBK_OK);
        if (i % 5)
            finish_build(f, buildid, i % 4);
    }
    return DBK_NONE;
}

static int list_builds(struct fixture *f, int64_t buildid, const struct dbk_spec *spec,
                       struct answer *a, void ***out_records)
{
    (void)buildid;
    int status =
        ASK(a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec);
    *out_records = (void **)a->builds;
    return status;
}

/* ----------------------------------------------------------------------------------- steps ---- */

static const struct model_field STEP_FIELDS[] = {
    NUMBER(dbk_step, id, false),
    NUMBER(dbk_step, number, false),
    TEXT(dbk_step, name),
    NUMBER(dbk_step, buildid, false),
    NUMBER(dbk_step, started_at, true),
    NUMBER(dbk_step, locks_acquired_at, true),
    NUMBER(dbk_step, complete_at, true),
    TEXT(dbk_step, state_string),
    NUMBER(dbk_step, results, true),
    NUMBER(dbk_step, hidden, false),
    COMPLETE(dbk_step),
};

static int64_t fill_steps(struct fixture *f)
{
    int64_t buildid = add_build(f), other = add_build(f);
    for (int i = 0; i < 12; i++) {
        struct answer a;
        add_step(f, other, WORDS[i]);
        assert_int_equal(
            ASK(&a, f->store, on_added_step, dbk_add_step, buildid, WORDS[i], WORDS[(i + 5) % 12]),
            DBK_OK);
        int64_t stepid = a.id;
        f->now = CLOCK_START + i / 4;
        if (i % 3)
            assert_int_equal(ASK(&a, f->store, on_done, dbk_start_step, stepid, f->now, i % 2 != 0),
                             DBK_OK);
        if (i % 3 == 1)
            assert_int_equal(ASK(&a, f->store, on_done, dbk_finish_step, stepid, i % 7, i % 4 != 0),
                             DBK_OK);
    }
    return buildid;
}

static int list_steps(struct fixture *f, int64_t buildid, const struct dbk_spec *spec,
                      struct answer *a, void ***out_records)
{
    int status = ASK(a, f->store, on_steps, dbk_get_steps, buildid, spec);
    *out_records = (void **)a->steps;
    return status;
}

/* ------------------------------------------------------------------------------ properties ---- */

static const struct model_field PROPERTY_FIELDS[] = {
    NUMBER(dbk_property, buildid, false),
    TEXT(dbk_property, name),
    TEXT(dbk_property, source),
};

static int64_t fill_properties(struct fixture *f)
{
    int64_t buildid = add_build(f), other = add_build(f);
    for (int i = 0; i < 12; i++) {
        set_property(f, buildid, WORDS[i], "1", WORDS[i / 4]);
        set_property(f, other, test_format("other %d", i), "1", "s");
    }
    return buildid;
}

static int list_properties(struct fixture *f, int64_t buildid, const struct dbk_spec *spec,
                           struct answer *a, void ***out_records)
{
    int status = ASK(a, f->store, on_properties, dbk_get_build_properties, buildid, spec);
    *out_records = (void **)a->properties;
    return status;
}

/* ------------------------------------------------------------------------------ build data ---- */

static const struct model_field DATA_FIELDS[] = {
    NUMBER(dbk_build_data, id, false), NUMBER(dbk_build_data, buildid, false),
    TEXT(dbk_build_data, name),        NUMBER(dbk_build_data, length, false),
    TEXT(dbk_build_data, source),
};

static int64_t fill_data(struct fixture *f)
{
    int64_t buildid = add_build(f), other = add_build(f);
    for (int i = 0; i < 12; i++) {
        set_data(f, other, WORDS[i], "x", "s");
        set_data(f, buildid, WORDS[i], test_repeat("x", (size_t)(i * 5 % 3 * 100)), WORDS[i / 4]);
    }
    return buildid;
}

static int list_data(struct fixture *f, int64_t buildid, const struct dbk_spec *spec,
                     struct answer *a, void ***out_records)
{
    int status =
        ASK(a, f->store, on_data_list, dbk_get_all_build_data_no_values, buildid, NULL, spec);
    *out_records = (void **)a->datas;
    return status;
}

const struct model_kind MODEL_KINDS[] = {
    {.noun = "builds",
     .fields = BUILD_FIELDS,
     .field_count = COUNT_OF(BUILD_FIELDS),
     .chosen_only = "properties",
     .virtual_only = "complete",
     .fill = fill_builds,
     .list = list_builds},
    {.noun = "steps",
     .fields = STEP_FIELDS,
     .field_count = COUNT_OF(STEP_FIELDS),
     .order = 1,
     .keeps_none = true,
     .chosen_only = "urls",
     .virtual_only = "complete",
     .fill = fill_steps,
     .list = list_steps},
    {.noun = "properties",
     .fields = PROPERTY_FIELDS,
     .field_count = COUNT_OF(PROPERTY_FIELDS),
     .unique = 1,
     .order = 1,
     .chosen_only = "value",
     .fill = fill_properties,
     .list = list_properties},
    {.noun = "build data",
     .fields = DATA_FIELDS,
     .field_count = COUNT_OF(DATA_FIELDS),
     .keeps_none = true,
     .chosen_only = "value",
     .fill = fill_data,
     .list = list_data},
};
const size_t MODEL_KIND_COUNT = COUNT_OF(MODEL_KINDS);

/* --------------------------------------------------------------------------- the second opinion ---- */

struct model_value model_get(const struct model_field *field, const void *record)
{
    const void *member = (const char *)record + field->offset;
    if (field->is_text) {
        const char *text = *(const char *const *)member;
        return (struct model_value){.is_none = !text, .text = text};
    }
    int64_t number = *(const int64_t *)member;
    if (field->is_complete)
        return (struct model_value){.number = number != DBK_NONE};
    return (struct model_value){.is_none = number == DBK_NONE, .number = number};
}

int model_compare(const struct model_value *a, const struct model_value *b)
{
    if (a->is_none || b->is_none)
        return b->is_none - a->is_none;
    if (a->text)
        return strcmp(a->text, b->text);
    return (a->number > b->number) - (a->number < b->number);
}

static bool contains(const struct model_value *value, const struct model_value *part)
{
    char digits[2][32];
    const char *texts[2] = {value->text, part->text};
    const int64_t numbers[2] = {value->number, part->number};
    for (int i = 0; i < 2; i++)
        if (!texts[i]) {
            snprintf(digits[i], sizeof digits[i], "%" PRId64, numbers[i]);
            texts[i] = digits[i];
        }
    return strstr(texts[0], texts[1]);
}

bool model_matches(const struct model_kind *kind, const struct model_field *field,
                   const void *record, enum dbk_compare compare, const struct model_value *values,
                   size_t count)
{
    struct model_value value = model_get(field, record);
    bool is_any = false, has_none = false;
    for (size_t i = 0; i < count; i++) {
        bool is_equal = !model_compare(&value, &values[i]);
        is_any = is_any || (compare == DBK_CONTAINS ? !value.is_none && contains(&value, &values[i])
                                                    : is_equal);
        has_none = has_none || values[i].is_none;
    }
    switch (compare) {
    case DBK_EQ:
    case DBK_IN:
    case DBK_CONTAINS:
        return is_any;
    case DBK_NE:
    case DBK_NOTIN:
        return value.is_none ? kind->keeps_none && !has_none : !is_any;
    default:
        break;
    }
    int order = model_compare(&value, &values[0]);
    if (value.is_none)
        return false;
    return compare == DBK_LT   ? order < 0
           : compare == DBK_LE ? order <= 0
           : compare == DBK_GT ? order > 0
                               : order >= 0;
}

static bool is_before(const struct model_kind *kind, const void *a, const void *b,
                      const struct model_key *keys, size_t key_count)
{
    const struct model_key last = {&kind->fields[kind->unique],
                                   key_count && keys[key_count - 1].is_reversed};
    for (size_t i = 0; i <= key_count; i++) {
        const struct model_key *key = i < key_count ? &keys[i] : &last;
        struct model_value x = model_get(key->field, a), y = model_get(key->field, b);
        int order = model_compare(&x, &y);
        if (order)
            return key->is_reversed ? order > 0 : order < 0;
    }
    return false;
}

void model_sort(const struct model_kind *kind, void **records, size_t count,
                const struct model_key *keys, size_t key_count)
{
    for (size_t i = 1; i < count; i++) {
        void *record = records[i];
        size_t j = i;
        for (; j > 0 && is_before(kind, record, records[j - 1], keys, key_count); j--)
            records[j] = records[j - 1];
        records[j] = record;
    }
}

int model_add_filter(struct dbk_spec *spec, const struct model_field *field,
                     enum dbk_compare compare, const struct model_value *values, size_t count)
{
    bool is_text = field->is_text;
    for (size_t i = 0; i < count; i++)
        is_text = is_text || values[i].text;
    if (is_text) {
        const char **texts = test_take(count * sizeof *texts);
        for (size_t i = 0; i < count; i++)
            texts[i] = values[i].text || values[i].is_none
                           ? values[i].text
                           : test_format("%" PRId64, values[i].number);
        return dbk_spec_filter_text(spec, field->name, compare, texts, count);
    }
    int64_t *numbers = test_take(count * sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = values[i].is_none ? DBK_NONE : values[i].number;
    return dbk_spec_filter_int(spec, field->name, compare, numbers, count);
}

void assert_same_records(const struct model_kind *kind, void *const *actual, size_t actual_count,
                         void *const *expected, size_t expected_count, const char *what)
{
    const struct model_field *unique = &kind->fields[kind->unique];
    if (actual_count != expected_count)
        fail_msg("%s, %s: %zu records, not %zu", kind->noun, what, actual_count, expected_count);
    for (size_t i = 0; i < expected_count; i++) {
        struct model_value a = model_get(unique, actual[i]), e = model_get(unique, expected[i]);
        if (model_compare(&a, &e))
            fail_msg("%s, %s: record %zu is another", kind->noun, what, i);
    }
}
