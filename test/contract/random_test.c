/*
 * The same operations, drawn by chance, on every engine at once and on a model in plain C: all must answer the
 * same, in the same order. DAYBOOK_TEST_SEED repeats a run, DAYBOOK_TEST_SCALE=N multiplies it.
 */
#include "model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIDES_MAX = 4, BUILDS_MAX = 4000, CHILDREN_MAX = 60, OPERATIONS = 700 };

static uint64_t chance;

static int64_t draw(int64_t below)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((chance >> 33) % (uint64_t)below);
}

/* Texts that engines might tell apart in different ways. */
static const char *const WORDS[] = {"",
                                    "a",
                                    "A",
                                    "ab",
                                    "aB",
                                    "a ",
                                    " a",
                                    "100%",
                                    "100_",
                                    "1000",
                                    "10",
                                    "9",
                                    "'",
                                    "''",
                                    "\\",
                                    "\\%",
                                    "\"",
                                    "\n",
                                    "\xC3\xA4",
                                    "a\xCC\x88",
                                    "\xC3\x84",
                                    "\xC3\x9F",
                                    "ss",
                                    "\xEF\xBF\xBD",
                                    "\xF0\x9F\x98\x80",
                                    "\xF0\x9F\x98\x80z",
                                    "\xEE\x80\x80",
                                    "\xC2\xA0",
                                    "NULL",
                                    "$1",
                                    "?"};
/* Bytes, with NUL and what is no text. */
static const struct {
    const char *bytes;
    size_t len;
} VALUES[] = {{"", 0},      {"\0", 1},       {"a\0b", 3},        {"\xFF\xFE", 2},
              {"\\x00", 4}, {"\0\0\0\0", 4}, {"\xF0\x9F\x98", 3}};

static const char *draw_word(void)
{
    return WORDS[draw(COUNT_OF(WORDS))];
}

/* ------------------------------------------------------------------------------------ the model ---- */

struct known_build {
    struct dbk_build build;
    struct dbk_step *steps[CHILDREN_MAX];
    struct dbk_property *properties[CHILDREN_MAX];
    struct dbk_build_data *datas[CHILDREN_MAX];
    size_t step_count, property_count, data_count;
};

static struct known_build *builds[BUILDS_MAX];
static size_t build_count;
static int64_t last_data_id;
static int64_t numbers[2]; /* the last of each builder */

/* Of builds all, of the others those of a build. */
static size_t collect(size_t kind, const struct known_build *of, void **out_records)
{
    if (kind == 0)
        for (size_t i = 0; i < build_count; i++)
            out_records[i] = &builds[i]->build;
    else
        memcpy(out_records,
               kind == 1   ? (void *)of->steps
               : kind == 2 ? (void *)of->properties
                           : (void *)of->datas,
               CHILDREN_MAX * sizeof *out_records);
    return kind == 0   ? build_count
           : kind == 1 ? of->step_count
           : kind == 2 ? of->property_count
                       : of->data_count;
}

/* ------------------------------------------------------------------------------------ the sides ---- */

static struct fixture sides[SIDES_MAX];
static int side_count;
static int64_t now = CLOCK_START;

static int64_t read_clock(void *user)
{
    (void)user;
    return now;
}

#define ON_ALL(on, function, ...)                                                                  \
    for (int side_ = 0; side_ < side_count; side_++)                                               \
        if (ASK(&a, sides[side_].store, on, function, __VA_ARGS__))                                \
    fail_msg("%s on %s: %s", #function, sides[side_].engine->name, a.error.message)

static void add_one(void)
{
    struct answer a;
    struct known_build *known = test_take(sizeof *known);
    int which = (int)draw(2);
    const struct seed *seed = &sides[0].seed;
    memset(known, 0, sizeof *known);
    known->build = (struct dbk_build){
        .number = ++numbers[which],
        .builderid = which ? seed->other_builderid : seed->builderid,
        .buildrequestid = seed->buildrequestid,
        .workerid = draw(3) ? seed->workerid : DBK_NONE,
        .masterid = seed->masterid,
        .started_at = now,
        .complete_at = DBK_NONE,
        .results = DBK_NONE,
        .state_string = draw_word(),
    };
    for (int i = 0; i < side_count; i++) {
        assert_int_equal(ASK(&a, sides[i].store, on_added_build, dbk_add_build,
                             known->build.builderid, known->build.buildrequestid,
                             known->build.workerid, known->build.masterid,
                             known->build.state_string),
                         DBK_OK);
        assert_int_equal(a.number, known->build.number);
        known->build.id = i ? known->build.id : a.id;
        assert_int_equal(a.id, known->build.id);
    }
    builds[build_count++] = known;
}

static void change_build(struct known_build *known)
{
    struct answer a;
    int64_t id = known->build.id, number = draw(5);
    switch (draw(3)) {
    case 0:
        known->build.state_string = draw_word();
        ON_ALL(on_done, dbk_set_build_state_string, id, known->build.state_string);
        break;
    case 1:
        known->build.locks_duration_s += number;
        ON_ALL(on_done, dbk_add_build_locks_duration, id, number);
        break;
    default:
        known->build.complete_at = now;
        known->build.results = number;
        ON_ALL(on_done, dbk_finish_build, id, number);
    }
}

static void set_one_property(struct known_build *known)
{
    struct answer a;
    const char *name = draw_word(), *source = draw_word();
    const char *value = test_format("[%d, \"\\u0000\"]", (int)draw(3));
    size_t i = 0;
    while (i < known->property_count && strcmp(known->properties[i]->name, name) != 0)
        i++;
    if (i == known->property_count) {
        known->properties[known->property_count++] = test_take(sizeof(struct dbk_property));
        *known->properties[i] = (struct dbk_property){.buildid = known->build.id, .name = name};
    }
    known->properties[i]->source = source;
    known->properties[i]->value = value;
    ON_ALL(on_done, dbk_set_build_property, known->build.id, name, value, source);
}

static void set_one_data(struct known_build *known)
{
    struct answer a;
    const char *name = draw_word(), *source = draw_word();
    size_t which = (size_t)draw(COUNT_OF(VALUES)), i = 0;
    while (i < known->data_count && strcmp(known->datas[i]->name, name) != 0)
        i++;
    if (i < known->data_count && !draw(4)) {
        ON_ALL(on_done, dbk_delete_build_data, known->build.id, name);
        memmove(&known->datas[i], &known->datas[i + 1],
                (known->data_count-- - i - 1) * sizeof known->datas[0]);
        return;
    }
    if (i == known->data_count) {
        known->datas[known->data_count++] = test_take(sizeof(struct dbk_build_data));
        *known->datas[i] =
            (struct dbk_build_data){.id = ++last_data_id, .buildid = known->build.id, .name = name};
    }
    known->datas[i]->source = source;
    known->datas[i]->length = (int64_t)VALUES[which].len;
    ON_ALL(on_done, dbk_set_build_data, known->build.id, name, VALUES[which].bytes,
           VALUES[which].len, source);
    for (int side = 0; side < side_count; side++) {
        assert_int_equal(
            ASK(&a, sides[side].store, on_data, dbk_get_build_data, known->build.id, name), DBK_OK);
        assert_int_equal(a.data->value_len, VALUES[which].len);
        assert_memory_equal(a.data->value, VALUES[which].bytes, VALUES[which].len);
    }
}

static void add_one_step(struct known_build *known)
{
    struct answer a;
    struct dbk_step *step = test_take(sizeof *step);
    const char *wanted = draw_word();
    *step = (struct dbk_step){.number = (int64_t)known->step_count,
                              .buildid = known->build.id,
                              .started_at = DBK_NONE,
                              .locks_acquired_at = DBK_NONE,
                              .complete_at = DBK_NONE,
                              .results = DBK_NONE,
                              .state_string = draw_word()};
    step->name = wanted;
    for (int suffix = 1;; suffix++) {
        size_t i = 0;
        while (i < known->step_count && strcmp(known->steps[i]->name, step->name) != 0)
            i++;
        if (i == known->step_count)
            break;
        step->name = test_format("%s_%d", wanted, suffix);
    }
    for (int i = 0; i < side_count; i++) {
        assert_int_equal(ASK(&a, sides[i].store, on_added_step, dbk_add_step, step->buildid, wanted,
                             step->state_string),
                         DBK_OK);
        assert_string_equal(a.name, step->name);
        assert_int_equal(a.number, step->number);
        step->id = i ? step->id : a.id;
        assert_int_equal(a.id, step->id);
    }
    known->steps[known->step_count++] = step;
}

static void change_step(struct known_build *known)
{
    struct answer a;
    if (!known->step_count)
        return;
    struct dbk_step *step = known->steps[draw((int64_t)known->step_count)];
    bool flag = draw(2);
    if (draw(2)) {
        step->started_at = now;
        step->locks_acquired_at = flag ? now : step->locks_acquired_at;
        ON_ALL(on_done, dbk_start_step, step->id, now, flag);
        return;
    }
    step->complete_at = now;
    step->results = draw(5);
    step->hidden = flag;
    ON_ALL(on_done, dbk_finish_step, step->id, step->results, flag);
}

/* ------------------------------------------------------------------------------------ the lists ---- */

struct filter {
    const struct model_field *field;
    enum dbk_compare compare;
    struct model_value values[3];
    size_t count;
};

static struct filter draw_filter(const struct model_kind *kind, void *const *records, size_t count)
{
    struct filter filter = {.field = &kind->fields[1 + draw((int64_t)kind->field_count - 1)]};
    do
        filter.compare = (enum dbk_compare)draw(DBK_NOTIN + 1);
    while (filter.field->is_complete && filter.compare != DBK_EQ);
    bool takes_one = filter.compare >= DBK_LT && filter.compare <= DBK_GE;
    filter.count = filter.field->is_complete || takes_one ? 1 : 1 + (size_t)draw(3);
    for (size_t i = 0; i < filter.count; i++) {
        struct model_value value = {.number = draw(4), .text = NULL};
        if (filter.field->is_text || (filter.compare == DBK_CONTAINS && draw(2)))
            value.text = draw_word();
        if (count && draw(2))
            value = model_get(filter.field, records[draw((int64_t)count)]);
        bool takes_none = filter.compare == DBK_EQ || filter.compare == DBK_NE;
        if (value.is_none && !takes_none)
            value = (struct model_value){.number = 1, .text = filter.field->is_text ? "1" : NULL};
        filter.values[i] = value;
    }
    return filter;
}

static void assert_same_fields(const struct model_kind *kind, void *const *actual,
                               void *const *expected, size_t count, const char *where)
{
    bool has_ids = strcmp(kind->noun, "build data") != 0; /* those may differ */
    for (size_t i = 0; i < count; i++)
        for (size_t j = has_ids ? 0 : 1; j < kind->field_count; j++) {
            struct model_value is = model_get(&kind->fields[j], actual[i]),
                               should = model_get(&kind->fields[j], expected[i]);
            if (model_compare(&is, &should))
                fail_msg("%s, %s, record %zu: %s differs: '%s' %" PRId64 ", not '%s' %" PRId64,
                         where, kind->noun, i, kind->fields[j].name, is.text ? is.text : "",
                         is.number, should.text ? should.text : "", should.number);
        }
}

static void compare_list(const struct known_build *known)
{
    size_t which = (size_t)draw((int64_t)MODEL_KIND_COUNT), count = 0;
    const struct model_kind *kind = &MODEL_KINDS[which];
    void **all = test_take(BUILDS_MAX * sizeof *all), **left = test_take(BUILDS_MAX * sizeof *left);
    size_t all_count = collect(which, known, all), filter_count = (size_t)draw(3);
    struct model_key keys[3] = {{&kind->fields[kind->order], false}};
    size_t key_count = (size_t)draw(3);
    struct filter filters[2];
    struct dbk_spec *spec = new_spec();
    for (size_t i = 0; i < filter_count; i++) {
        filters[i] = draw_filter(kind, all, all_count);
        assert_int_equal(model_add_filter(spec, filters[i].field, filters[i].compare,
                                          filters[i].values, filters[i].count),
                         DBK_OK);
    }
    for (size_t i = 0; i < key_count; i++) {
        keys[i] = (struct model_key){&kind->fields[draw((int64_t)kind->field_count)], draw(2)};
        assert_int_equal(dbk_spec_order(spec, test_format("%s%s", keys[i].is_reversed ? "-" : "",
                                                          keys[i].field->name)),
                         DBK_OK);
    }
    for (size_t i = 0; i < all_count; i++) {
        bool matches = true;
        for (size_t j = 0; j < filter_count; j++)
            matches = matches && model_matches(kind, filters[j].field, all[i], filters[j].compare,
                                               filters[j].values, filters[j].count);
        if (matches)
            left[count++] = all[i];
    }
    model_sort(kind, left, count, keys, key_count ? key_count : 1);
    size_t offset = draw(2) ? (size_t)draw(4) : 0, limit = 1 + (size_t)draw(20);
    assert_int_equal(dbk_spec_offset(spec, (int64_t)offset), DBK_OK);
    assert_int_equal(dbk_spec_limit(spec, (int64_t)limit), DBK_OK);
    assert_int_equal(dbk_spec_total(spec, DBK_TOTAL_EXACT, 0), DBK_OK);
    size_t begin = offset < count ? offset : count;
    size_t page = count - begin < limit ? count - begin : limit;
    for (int i = 0; i < side_count; i++) {
        struct answer a;
        void **records;
        const char *name = sides[i].engine->name;
        if (kind->list(&sides[i], known->build.id, spec, &a, &records))
            fail_msg("%s, %s: %s", name, kind->noun, a.error.message);
        if (a.page.count != page || a.page.total != (int64_t)count)
            fail_msg("%s, %s: %zu of %" PRId64 ", not %zu of %zu", name, kind->noun, a.page.count,
                     a.page.total, page, count);
        assert_same_fields(kind, records, left + begin, page, name);
    }
}

static void operate(void)
{
    struct known_build *known = build_count ? builds[draw((int64_t)build_count)] : NULL;
    now += draw(3);
    switch (known ? draw(12) : 0) {
    case 0:
        add_one();
        break;
    case 1:
    case 2:
        change_build(known);
        break;
    case 3:
    case 4:
        set_one_property(known);
        break;
    case 5:
        set_one_data(known);
        break;
    case 6:
        if (known->step_count < CHILDREN_MAX)
            add_one_step(known);
        break;
    case 7:
        change_step(known);
        break;
    default:
        compare_list(known);
    }
}

static void all_engines__answer_random_operations_as_the_model_does(void **state)
{
    const char *scale = getenv("DAYBOOK_TEST_SCALE"), *wanted = getenv("DAYBOOK_TEST_SEED");
    int count = OPERATIONS * (scale && atoi(scale) > 0 ? atoi(scale) : 1);
    uint64_t seed = wanted ? strtoull(wanted, NULL, 10) : (uint64_t)time(NULL);
    (void)state;
    for (size_t i = 0; i < ENGINE_COUNT && side_count < SIDES_MAX; i++) {
        struct fixture *f = &sides[side_count];
        struct dbk_options options = DBK_OPTIONS_INIT;
        struct dbk_error error;
        if (ENGINES[i].is_extra || !(f->url = ENGINES[i].place()))
            continue;
        f->engine = &ENGINES[i];
        options.is_created = true;
        options.clock = read_clock;
        if (dbk_open(f->url, &options, &f->store, &error))
            fail_msg("%s: %s", f->url, error.message);
        seed_make(f->store, &f->seed);
        assert_memory_equal(&f->seed, &sides[0].seed, sizeof f->seed);
        side_count++;
    }
    print_message("DAYBOOK_TEST_SEED=%" PRIu64 ", %d operations on %d engines\n", seed, count,
                  side_count);
    chance = seed;
    for (int i = 0; i < count && build_count < BUILDS_MAX; i++)
        operate();
    for (int i = 0; i < side_count; i++)
        dbk_close_wait(sides[i].store);
    test_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_engines__answer_random_operations_as_the_model_does),
    };
    return cmocka_run_group_tests_name("random operations", tests, NULL, NULL);
}
