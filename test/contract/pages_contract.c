/* The order and the pages of lists: limit, offset, cursor, total, chosen fields; against the model. */
#include "model.h"

struct subject {
    struct fixture *f;
    const struct model_kind *kind;
    int64_t buildid;
    void **all; /* in the list's own order */
    size_t count;
};

static struct subject begin(struct fixture *f, const struct model_kind *kind)
{
    struct answer a;
    struct subject subject = {.f = f, .kind = kind, .buildid = kind->fill(f)};
    assert_int_equal(kind->list(f, subject.buildid, NULL, &a, &subject.all), DBK_OK);
    subject.count = a.page.count;
    assert_true(subject.count >= 11);
    return subject;
}

static void add_order(struct dbk_spec *spec, const struct model_key *key)
{
    assert_int_equal(
        dbk_spec_order(spec, test_format("%s%s", key->is_reversed ? "-" : "", key->field->name)),
        DBK_OK);
}

static const char *name_keys(const struct model_key *keys, size_t count)
{
    const char *text = "order";
    for (size_t i = 0; i < count; i++)
        text = test_format("%s %s%s", text, keys[i].is_reversed ? "-" : "", keys[i].field->name);
    return text;
}

static void **sorted(const struct subject *subject, const struct model_key *keys, size_t key_count)
{
    void **records = test_take(subject->count * sizeof *records);
    memcpy(records, subject->all, subject->count * sizeof *records);
    model_sort(subject->kind, records, subject->count, keys, key_count);
    return records;
}

static void check_order(const struct subject *subject, const struct model_key *keys,
                        size_t key_count)
{
    struct answer a;
    void **records;
    struct dbk_spec *spec = new_spec();
    for (size_t i = 0; i < key_count; i++)
        add_order(spec, &keys[i]);
    assert_int_equal(subject->kind->list(subject->f, subject->buildid, spec, &a, &records), DBK_OK);
    assert_same_records(subject->kind, records, a.page.count, sorted(subject, keys, key_count),
                        subject->count, name_keys(keys, key_count));
}

static void order__one_and_two_fields_in_both_directions(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        const struct model_kind *kind = subject.kind;
        for (size_t pair = 0; pair < kind->field_count * kind->field_count; pair++)
            for (int directions = 0; directions < 4; directions++) {
                const struct model_key keys[] = {
                    {&kind->fields[pair / kind->field_count], directions & 1},
                    {&kind->fields[pair % kind->field_count], directions & 2}};
                check_order(&subject, keys, 2);
                check_order(&subject, keys, 1);
            }
    }
}

static void order__none_given_is_the_lists_own(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        const struct model_key key = {&subject.kind->fields[subject.kind->order], false};
        assert_same_records(subject.kind, subject.all, subject.count, sorted(&subject, &key, 1),
                            subject.count, "no order");
    }
}

static void order__takes_eight_fields(void **state)
{
    struct fixture *f = *state;
    struct subject subject = begin(f, &MODEL_KINDS[0]);
    struct model_key keys[8];
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        keys[i] = (struct model_key){&subject.kind->fields[(11 - i)], i % 2};
    check_order(&subject, keys, COUNT_OF(keys));
    struct dbk_spec *spec = new_spec();
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        add_order(spec, &keys[i]);
    assert_int_equal(dbk_spec_order(spec, "id"), DBK_INVALID);
}

/* ----------------------------------------------------------------------------------- pages ---- */

/* Every page of that size, by cursor and by offset, one after the other, is the whole list. */
static void check_pages(const struct subject *subject, const struct model_key *keys,
                        size_t key_count, size_t size)
{
    void **expected = sorted(subject, keys, key_count);
    const char *what = test_format("%s, pages of %zu", name_keys(keys, key_count), size),
               *cursor = NULL;
    for (size_t at = 0; at <= subject->count; at += size) {
        size_t count = subject->count - at < size ? subject->count - at : size;
        for (int is_offset = 0; is_offset < 2; is_offset++) {
            struct answer a;
            void **records;
            struct dbk_spec *spec = dbk_spec_new();
            assert_non_null(spec);
            for (size_t i = 0; i < key_count; i++)
                add_order(spec, &keys[i]);
            assert_int_equal(dbk_spec_limit(spec, (int64_t)size), DBK_OK);
            if (is_offset)
                assert_int_equal(dbk_spec_offset(spec, (int64_t)at), DBK_OK);
            else if (cursor)
                assert_int_equal(dbk_spec_cursor(spec, cursor), DBK_OK);
            assert_int_equal(subject->kind->list(subject->f, subject->buildid, spec, &a, &records),
                             DBK_OK);
            dbk_spec_free(spec);
            assert_same_records(subject->kind, records, a.page.count, expected + at, count, what);
            /* A cursor comes with every full page, and with no other. */
            assert_int_equal(a.page.next_cursor != NULL, count == size);
            if (is_offset)
                cursor = a.page.next_cursor;
        }
        if (count < size)
            return;
    }
}

static void cursor__pages_are_the_whole_list_at_every_size(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        for (size_t j = 0; j < subject.kind->field_count; j++)
            for (int is_reversed = 0; is_reversed < 2; is_reversed++) {
                const struct model_key key = {&subject.kind->fields[j], is_reversed};
                for (size_t size = 1; size <= subject.count + 1; size++)
                    check_pages(&subject, &key, 1, size);
            }
    }
}

static void cursor__several_keys_in_mixed_directions(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        const struct model_kind *kind = subject.kind;
        for (size_t j = 0; j < kind->field_count; j++)
            for (int directions = 0; directions < 8; directions++) {
                const struct model_key keys[] = {
                    {&kind->fields[j], directions & 1},
                    {&kind->fields[(j + 2) % kind->field_count], directions & 2},
                    {&kind->fields[(j + 5) % kind->field_count], directions & 4}};
                check_pages(&subject, keys, 3, 4);
            }
    }
}

static void cursor__goes_on_although_records_came_and_went(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t ids[6];
    for (int i = 0; i < 6; i++)
        ids[i] = add_build(f);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE, parse_spec("order=-number&limit=2")),
                     DBK_OK);
    assert_int_equal(a.builds[1]->id, ids[4]);
    const char *cursor = a.page.next_cursor;
    add_build(f); /* an offset would now give ids[4] again */
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE,
                         parse_spec(test_format("order=-number&limit=3&cursor=%s", cursor))),
                     DBK_OK);
    assert_int_equal(a.page.count, 3);
    assert_int_equal(a.builds[0]->id, ids[3]);
    assert_int_equal(a.builds[2]->id, ids[1]);
}

static void cursor__of_other_filters_or_another_order_is_refused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    for (int i = 0; i < 5; i++) {
        add_build(f);
        add_step(f, buildid, "x");
    }
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, 0,
                         parse_spec("number__gt=1&order=-number&limit=2")),
                     DBK_OK);
    const char *cursor = a.page.next_cursor;
    const char *const others[] = {
        "order=-number&limit=2",
        "number__gt=2&order=-number&limit=2",
        "number__ge=1&order=-number&limit=2",
        "number__gt=1&results__eq&order=-number&limit=2",
        "number__gt=1&order=number&limit=2",
        "number__gt=1&order=-id&limit=2",
        "number__gt=1&limit=2",
        "number__gt=1&order=-number&order=results&limit=2",
    };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, 0,
            parse_spec(test_format("%s&cursor=%s", others[i], cursor)));
        expect_error(&a, DBK_INVALID, "cursor", NULL);
        assert_int_equal(a.submitted, DBK_INVALID);
    }
    const char *same = test_format("number__gt=1&order=-number&cursor=%s", cursor);
    /* The call's own arguments count too, and so does the kind of record. */
    ASK(&a, f->store, on_builds, dbk_get_builds, f->seed.builderid, DBK_NONE, DBK_NONE, 0,
        parse_spec(same));
    expect_error(&a, DBK_INVALID, "cursor", NULL);
    ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, 1, parse_spec(same));
    expect_error(&a, DBK_INVALID, "cursor", NULL);
    ASK(&a, f->store, on_steps, dbk_get_steps, buildid, parse_spec(same));
    expect_error(&a, DBK_INVALID, "cursor", NULL);
    /* Another limit, other fields, a total do not. */
    assert_int_equal(
        ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, 0,
            parse_spec(test_format("%s&limit=1&field=state_string&total=exact", same))),
        DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(a.page.total, 5);
}

static void cursor__that_was_changed_is_refused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    for (int i = 0; i < 3; i++)
        add_build(f);
    const char *order = "order=state_string&order=workerid&limit=2";
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE, parse_spec(order)),
                     DBK_OK);
    const char *good = a.page.next_cursor;
    size_t len = strlen(good);
    /* An empty one would begin again with the first page, in a loop without end. */
    struct dbk_spec *empty = parse_spec(order);
    assert_int_equal(dbk_spec_cursor(empty, ""), DBK_INVALID);
    assert_int_equal(
        ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, empty),
        DBK_INVALID);
    const char *const bad[] = {"1", "x", "1.", "2", ".", "....", "\xC3\xA4"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct dbk_spec *spec = parse_spec(order);
        assert_int_equal(dbk_spec_cursor(spec, bad[i]), DBK_OK);
        ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec);
        expect_error(&a, DBK_INVALID, "cursor", NULL);
    }
    /* Cut anywhere but within the last number, or longer: refused. Nothing else than refused or taken. */
    for (size_t i = 1; i < len; i++) {
        struct dbk_spec *spec = parse_spec(order);
        assert_int_equal(dbk_spec_cursor(spec, test_format("%.*s", (int)i, good)), DBK_OK);
        ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec);
        if (strrchr(good, '.') + 2 > good + i)
            expect_error(&a, DBK_INVALID, "cursor", NULL);
    }
    for (size_t i = 0; i < len; i++) {
        char *changed = test_copy(good);
        changed[i] = changed[i] == 'z' ? 'y' : 'z';
        struct dbk_spec *spec = parse_spec(order);
        assert_int_equal(dbk_spec_cursor(spec, changed), DBK_OK);
        ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec);
        expect_error(&a, DBK_INVALID, "cursor", NULL);
    }
}

static void cursor__and_offset_do_not_go_together(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    for (int i = 0; i < 3; i++)
        add_build(f);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE, parse_spec("limit=1")),
                     DBK_OK);
    const char *text = test_format("limit=1&offset=1&cursor=%s", a.page.next_cursor);
    ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE,
        parse_spec(text));
    expect_error(&a, DBK_INVALID, "cursor", "offset", NULL);
}

static void limit__0_is_an_empty_page(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        struct answer a;
        void **records;
        assert_int_equal(
            subject.kind->list(f, subject.buildid, parse_spec("limit=0&total=exact"), &a, &records),
            DBK_OK);
        assert_int_equal(a.page.count, 0);
        assert_null(a.page.next_cursor);
        assert_int_equal(a.page.total, subject.count);
    }
}

static void offset__past_the_end_is_an_empty_page(void **state)
{
    struct fixture *f = *state;
    struct subject subject = begin(f, &MODEL_KINDS[0]);
    const char *const texts[] = {"offset=100", "offset=100&limit=5", "offset=9223372036854775807",
                                 "offset=9223372036854775807&limit=9223372036854775807"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct answer a;
        void **records;
        assert_int_equal(subject.kind->list(f, subject.buildid, parse_spec(texts[i]), &a, &records),
                         DBK_OK);
        assert_int_equal(a.page.count, 0);
    }
}

static void offset__without_a_limit_leaves_out_the_first(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        struct answer a;
        void **records;
        assert_int_equal(
            subject.kind->list(f, subject.buildid, parse_spec("offset=4"), &a, &records), DBK_OK);
        assert_same_records(subject.kind, records, a.page.count, subject.all + 4, subject.count - 4,
                            "offset 4");
        assert_null(a.page.next_cursor);
    }
}

/* ---------------------------------------------------------------------------------- totals ---- */

static void total__none_exact_and_up_to(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        int64_t count = (int64_t)subject.count;
        const struct {
            const char *text;
            int64_t total;
            bool is_exact;
        } rows[] = {{"", DBK_NONE, false},
                    {"total=none", DBK_NONE, false},
                    {"total=exact", count, true},
                    {"total=exact&limit=2&offset=3", count, true},
                    {test_format("total=%d", (int)count + 1), count, true},
                    {test_format("total=%d", (int)count), count, true},
                    {test_format("total=%d", (int)count - 1), count - 1, false},
                    {"total=1&limit=5", 1, false},
                    {"total=9223372036854775807", count, true}};
        for (size_t j = 0; j < COUNT_OF(rows); j++) {
            struct answer a;
            void **records;
            assert_int_equal(
                subject.kind->list(f, subject.buildid, parse_spec(rows[j].text), &a, &records),
                DBK_OK);
            assert_int_equal(a.page.total, rows[j].total);
            if (rows[j].total != DBK_NONE)
                assert_int_equal(a.page.is_total_exact, rows[j].is_exact);
        }
    }
}

static void total__counts_what_the_filters_leave_whatever_the_page(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    void **records;
    struct subject subject = begin(f, &MODEL_KINDS[0]);
    size_t expected = 0;
    for (size_t i = 0; i < subject.count; i++)
        expected += ((const struct dbk_build *)subject.all[i])->results == 0;
    assert_true(expected > 1);
    assert_int_equal(subject.kind->list(f, subject.buildid,
                                        parse_spec("results=0&total=exact&limit=1"), &a, &records),
                     DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(a.page.total, expected);
    const char *next = test_format("results=0&total=exact&limit=1&cursor=%s", a.page.next_cursor);
    assert_int_equal(subject.kind->list(f, subject.buildid, parse_spec(next), &a, &records),
                     DBK_OK);
    assert_int_equal(a.page.total, expected);
    assert_int_equal(
        subject.kind->list(f, subject.buildid, parse_spec("results=6&total=exact"), &a, &records),
        DBK_OK);
    assert_int_equal(a.page.total, 0);
    assert_true(a.page.is_total_exact);
}

/* ---------------------------------------------------------------------------------- fields ---- */

static void fields__those_not_wanted_are_none_and_the_id_always_comes(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        const struct model_kind *kind = subject.kind;
        for (size_t j = 0; j < kind->field_count; j++) {
            struct answer a;
            void **records;
            if (kind->fields[j].is_complete)
                continue;
            const char *text = test_format("field=%s&limit=5&order=-%s", kind->fields[j].name,
                                           kind->fields[(j + 1) % kind->field_count].name);
            const struct model_key key = {&kind->fields[(j + 1) % kind->field_count], true};
            void **expected = sorted(&subject, &key, 1);
            assert_int_equal(kind->list(f, subject.buildid, parse_spec(text), &a, &records),
                             DBK_OK);
            assert_int_equal(a.page.count, 5);
            for (size_t n = 0; n < 5; n++)
                for (size_t k = 0; k < kind->field_count; k++) {
                    if (kind->fields[k].is_complete)
                        continue;
                    struct model_value actual = model_get(&kind->fields[k], records[n]);
                    struct model_value full = model_get(&kind->fields[k], expected[n]);
                    if (k == 0 || k == j)
                        assert_int_equal(model_compare(&actual, &full), 0);
                    else
                        assert_true(actual.is_none);
                }
        }
    }
}

static void fields__urls_and_values_are_given_as_wanted(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), stepid = add_step(f, buildid, "x");
    assert_int_equal(ASK(&a, f->store, on_done, dbk_add_url, stepid, "n", "u"), DBK_OK);
    set_property(f, buildid, "a", "[1]", "s");
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps, buildid, parse_spec("field=urls")),
                     DBK_OK);
    assert_int_equal(a.steps[0]->url_count, 1);
    assert_null(a.steps[0]->name);
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps, buildid, parse_spec("field=name")),
                     DBK_OK);
    assert_int_equal(a.steps[0]->url_count, 0);
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps, buildid, NULL), DBK_OK);
    assert_int_equal(a.steps[0]->url_count, 1);
    assert_int_equal(ASK(&a, f->store, on_properties, dbk_get_build_properties, buildid,
                         parse_spec("field=value&field=name")),
                     DBK_OK);
    assert_string_equal(a.properties[0]->value, "[1]");
    assert_true(a.properties[0]->is_json);
    assert_null(a.properties[0]->source);
    assert_int_equal(ASK(&a, f->store, on_properties, dbk_get_build_properties, buildid,
                         parse_spec("field=source")),
                     DBK_OK);
    assert_null(a.properties[0]->value);
    assert_string_equal(a.properties[0]->source, "s");
}

static void fields__named_twice_come_once(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE, parse_spec("field=number&field=id&field=number&field=id")),
                     DBK_OK);
    assert_int_equal(a.builds[0]->id, buildid);
    assert_int_equal(a.builds[0]->number, 1);
    assert_int_equal(a.builds[0]->builderid, DBK_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order__one_and_two_fields_in_both_directions),
        cmocka_unit_test(order__none_given_is_the_lists_own),
        cmocka_unit_test(order__takes_eight_fields),
        cmocka_unit_test(cursor__pages_are_the_whole_list_at_every_size),
        cmocka_unit_test(cursor__several_keys_in_mixed_directions),
        cmocka_unit_test(cursor__goes_on_although_records_came_and_went),
        cmocka_unit_test(cursor__of_other_filters_or_another_order_is_refused),
        cmocka_unit_test(cursor__that_was_changed_is_refused),
        cmocka_unit_test(cursor__and_offset_do_not_go_together),
        cmocka_unit_test(limit__0_is_an_empty_page),
        cmocka_unit_test(offset__past_the_end_is_an_empty_page),
        cmocka_unit_test(offset__without_a_limit_leaves_out_the_first),
        cmocka_unit_test(total__none_exact_and_up_to),
        cmocka_unit_test(total__counts_what_the_filters_leave_whatever_the_page),
        cmocka_unit_test(fields__those_not_wanted_are_none_and_the_id_always_comes),
        cmocka_unit_test(fields__urls_and_values_are_given_as_wanted),
        cmocka_unit_test(fields__named_twice_come_once),
    };
    return fixture_run("pages", tests, COUNT_OF(tests));
}
