/* What a list's filters select: for every kind of record, field and comparison, against the model. */
#include "model.h"

static const char *const OPERATORS[] = {[DBK_EQ] = "eq",
                                        [DBK_NE] = "ne",
                                        [DBK_LT] = "lt",
                                        [DBK_LE] = "le",
                                        [DBK_GT] = "gt",
                                        [DBK_GE] = "ge",
                                        [DBK_CONTAINS] = "contains",
                                        [DBK_IN] = "in",
                                        [DBK_NOTIN] = "notin"};

/* The kind that a test of all kinds is at, with all its records. */
struct subject {
    struct fixture *f;
    const struct model_kind *kind;
    int64_t buildid;
    void **all;
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

/* One filter: the library and the model must give the same. Result: how many records match. */
static size_t check(const struct subject *subject, const struct model_field *field,
                    enum dbk_compare compare, const struct model_value *values, size_t count)
{
    struct answer a;
    void **records, **expected = test_take((subject->count + 1) * sizeof *expected);
    size_t expected_count = 0;
    struct dbk_spec *spec = dbk_spec_new();
    assert_non_null(spec);
    assert_int_equal(model_add_filter(spec, field, compare, values, count), DBK_OK);
    assert_int_equal(subject->kind->list(subject->f, subject->buildid, spec, &a, &records), DBK_OK);
    dbk_spec_free(spec);
    for (size_t i = 0; i < subject->count; i++)
        if (model_matches(subject->kind, field, subject->all[i], compare, values, count))
            expected[expected_count++] = subject->all[i];
    assert_same_records(subject->kind, records, a.page.count, expected, expected_count,
                        test_format("%s__%s with %zu values, the first %s %lld", field->name,
                                    OPERATORS[compare], count,
                                    values[0].is_none ? "none"
                                    : values[0].text  ? values[0].text
                                                      : "a number",
                                    (long long)values[0].number));
    return expected_count;
}

/* The values that a field has, one that it has not, and none; for contains, parts of them. */
static size_t collect(const struct subject *subject, const struct model_field *field,
                      enum dbk_compare compare, struct model_value *out_values)
{
    static const char *const parts[] = {"", "%", "_", "0", "00", "a", "A", "-", "\xF0\x9F\x98\x80",
                                        "1"};
    size_t count = 0;
    if (compare == DBK_CONTAINS)
        for (size_t i = 0; i < COUNT_OF(parts); i++)
            out_values[count++] = (struct model_value){.text = parts[i]};
    if (field->is_text)
        out_values[count++] = (struct model_value){.text = "not there"};
    else if (compare != DBK_CONTAINS)
        out_values[count++] = (struct model_value){.number = 42424242};
    if (compare == DBK_EQ || compare == DBK_NE)
        out_values[count++] = (struct model_value){.is_none = true};
    for (size_t i = 0; i < subject->count; i++) {
        struct model_value value = model_get(field, subject->all[i]);
        bool is_new = !value.is_none && (compare != DBK_CONTAINS || value.text);
        for (size_t j = 0; j < count && is_new; j++)
            is_new = out_values[j].is_none || model_compare(&value, &out_values[j]);
        if (is_new)
            out_values[count++] = value;
    }
    return count;
}

static void check_field(const struct subject *subject, const struct model_field *field)
{
    for (enum dbk_compare compare = DBK_EQ; compare <= DBK_NOTIN; compare++) {
        struct model_value values[64];
        size_t count = collect(subject, field, compare, values), found = 0;
        assert_true(count < COUNT_OF(values));
        for (size_t i = 0; i < count; i++)
            found += check(subject, field, compare, &values[i], 1);
        if (compare >= DBK_LT && compare <= DBK_GE)
            continue;
        for (size_t i = 0; i + 1 < count; i++)
            found += check(subject, field, compare, &values[i], 2);
        found += check(subject, field, compare, values, count);
        if (compare == DBK_EQ || compare == DBK_IN)
            assert_true(found > 0);
    }
}

static void filter__every_comparison_on_every_field_is_as_the_model_says(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        for (size_t j = 0; j < subject.kind->field_count; j++)
            check_field(&subject, &subject.kind->fields[j]);
    }
}

static void filter__all_of_several_must_hold(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        const struct model_kind *kind = subject.kind;
        for (size_t j = 0; j < kind->field_count; j++)
            for (size_t k = 0; k < kind->field_count; k++) {
                struct answer a;
                void **records, *expected[64];
                size_t expected_count = 0;
                struct model_value one = model_get(&kind->fields[j], subject.all[3]);
                struct model_value two = model_get(&kind->fields[k], subject.all[5]);
                struct dbk_spec *spec = new_spec();
                assert_int_equal(model_add_filter(spec, &kind->fields[j], DBK_EQ, &one, 1), DBK_OK);
                assert_int_equal(model_add_filter(spec, &kind->fields[k], DBK_NE, &two, 1), DBK_OK);
                assert_int_equal(kind->list(f, subject.buildid, spec, &a, &records), DBK_OK);
                for (size_t n = 0; n < subject.count; n++)
                    if (model_matches(kind, &kind->fields[j], subject.all[n], DBK_EQ, &one, 1) &&
                        model_matches(kind, &kind->fields[k], subject.all[n], DBK_NE, &two, 1))
                        expected[expected_count++] = subject.all[n];
                assert_same_records(
                    kind, records, a.page.count, expected, expected_count,
                    test_format("%s and %s", kind->fields[j].name, kind->fields[k].name));
            }
    }
}

/* How many builds, steps match a spec's text. */
static size_t count_builds(struct fixture *f, const char *text)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE, parse_spec(text)),
                     DBK_OK);
    return a.page.count;
}

static size_t count_steps(struct fixture *f, int64_t buildid, const char *text)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps, buildid, parse_spec(text)), DBK_OK);
    return a.page.count;
}

/* Three builds: without a worker, with one, with another; a step started, one not. */
static int64_t add_three(struct fixture *f)
{
    const int64_t workers[] = {DBK_NONE, f->seed.workerid, seed_worker(f->store, "w2")};
    struct answer a;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ASK(&a, f->store, on_added_build, dbk_add_build, f->seed.builderid,
                             f->seed.buildrequestid, workers[i], f->seed.masterid, "50% a_b"),
                         DBK_OK);
    int64_t buildid = a.id;
    start_step(f, add_step(f, buildid, "one"));
    add_step(f, buildid, "two");
    return buildid;
}

static void get_builds__none_fails_all_but_eq_and_ne_none(void **state)
{
    struct fixture *f = *state;
    add_three(f);
    const char *worker = test_format("%d", (int)f->seed.workerid);
    assert_int_equal(count_builds(f, "workerid__eq"), 1);
    assert_int_equal(count_builds(f, "workerid__ne"), 2);
    assert_int_equal(count_builds(f, test_format("workerid__ne=%s", worker)), 1);
    assert_int_equal(count_builds(f, test_format("workerid__notin=%s", worker)), 1);
    assert_int_equal(count_builds(f, "workerid__notin=424242"), 2);
    assert_int_equal(count_builds(f, "workerid__lt=424242"), 2);
    assert_int_equal(count_builds(f, "workerid__ge=0"), 2);
    assert_int_equal(count_builds(f, "workerid__contains="), 2);
    assert_int_equal(count_builds(f, test_format("workerid__eq&workerid__eq=%s", worker)), 2);
    assert_int_equal(count_builds(f, test_format("workerid__ne&workerid__ne=%s", worker)), 1);
}

static void get_steps__ne_and_notin_keep_none(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_three(f);
    const char *now = test_format("%d", CLOCK_START);
    assert_int_equal(count_steps(f, buildid, "started_at__eq"), 1);
    assert_int_equal(count_steps(f, buildid, "started_at__ne"), 1);
    assert_int_equal(count_steps(f, buildid, test_format("started_at__ne=%s", now)), 1);
    assert_int_equal(count_steps(f, buildid, test_format("started_at__notin=%s", now)), 1);
    assert_int_equal(count_steps(f, buildid, "started_at__notin=1,2"), 2);
    assert_int_equal(count_steps(f, buildid, test_format("started_at__ne&started_at__ne=%s", now)),
                     0);
    assert_int_equal(count_steps(f, buildid, "started_at__lt=99999999999"), 1);
    assert_int_equal(count_steps(f, buildid, "started_at__contains="), 1);
}

static void filter__contains_is_literal_and_case_sensitive(void **state)
{
    struct fixture *f = *state;
    add_three(f);
    assert_int_equal(count_builds(f, "state_string__contains=50%25"), 3);
    assert_int_equal(count_builds(f, "state_string__contains=a_b"), 3);
    assert_int_equal(count_builds(f, "state_string__contains=5%25"), 0);
    assert_int_equal(count_builds(f, "state_string__contains=a%25b"), 0);
    assert_int_equal(count_builds(f, "state_string__contains=_a"), 0);
    assert_int_equal(count_builds(f, "state_string__contains=A_B"), 0);
    assert_int_equal(count_builds(f, "state_string__contains=*"), 0);
    assert_int_equal(count_builds(f, "state_string__contains=x&state_string__contains=a"), 3);
}

static void filter__results_take_words_and_truth_values_take_true_and_false(void **state)
{
    struct fixture *f = *state;
    add_three(f);
    finish_build(f, get_build(f, add_build(f))->id, DBK_FAILURE);
    assert_int_equal(count_builds(f, "results=failure"), 1);
    assert_int_equal(count_builds(f, "results=2"), 1);
    assert_int_equal(count_builds(f, "results__in=success,failure"), 1);
    assert_int_equal(count_builds(f, "complete=true"), 1);
    assert_int_equal(count_builds(f, "complete=1"), 1);
    assert_int_equal(count_builds(f, "complete=false"), 3);
    assert_int_equal(count_builds(f, "complete__ne=true"), 3);
}

static void filter__text_is_bound_not_spliced(void **state)
{
    struct fixture *f = *state;
    const char *const texts[] = {"' OR 1=1 --", "\"; DROP TABLE builds; --", "?", ":a", "\\"};
    add_three(f);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct answer a;
        struct dbk_spec *spec = new_spec();
        assert_int_equal(dbk_spec_filter_text(spec, "state_string", DBK_EQ, &texts[i], 1), DBK_OK);
        assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                             DBK_NONE, spec),
                         DBK_OK);
        assert_int_equal(a.page.count, 0);
    }
    assert_int_equal(count_builds(f, ""), 3);
}

static void filter__a_thousand_values(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t values[1000];
    add_three(f);
    for (int i = 0; i < 1000; i++)
        values[i] = 1000000 + i;
    values[777] = 2;
    struct dbk_spec *spec = new_spec();
    assert_int_equal(dbk_spec_filter_int(spec, "number", DBK_IN, values, 1000), DBK_OK);
    assert_int_equal(
        ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec),
        DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(a.builds[0]->number, 2);
}

/* -------------------------------------------------------------------------------- refusals ---- */

static void expect_refused(const struct subject *subject, const char *text, const char *word)
{
    struct answer a;
    void **records;
    int status = subject->kind->list(subject->f, subject->buildid, parse_spec(text), &a, &records);
    if (status != DBK_INVALID || a.submitted != DBK_INVALID)
        fail_msg("%s: '%s' was taken", subject->kind->noun, text);
    expect_error(&a, DBK_INVALID, word, NULL);
}

static void spec__field_that_the_record_does_not_have_is_refused_with_a_sentence(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        const char *noun = subject.kind->noun;
        expect_refused(&subject, "nonsense=1", "'nonsense'");
        expect_refused(&subject, "nonsense=1", noun);
        expect_refused(&subject, "order=nonsense", "'nonsense'");
        expect_refused(&subject, "order=-nonsense", "'nonsense'");
        expect_refused(&subject, "order=--id", "'-id'");
        expect_refused(&subject, "field=nonsense", "'nonsense'");
        expect_refused(&subject, "ID=1", "'ID'");
        expect_refused(&subject, "t.id=1", "'t.id'");
        expect_refused(&subject, "name%20=1", "'name '");
    }
}

static void spec__chosen_fields_are_not_filtered_or_ordered_by(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < MODEL_KIND_COUNT; i++) {
        struct subject subject = begin(f, &MODEL_KINDS[i]);
        const char *field = subject.kind->chosen_only;
        expect_refused(&subject, test_format("%s=x", field), field);
        expect_refused(&subject, test_format("%s__contains=x", field), field);
        expect_refused(&subject, test_format("order=%s", field), field);
        expect_refused(&subject, test_format("order=-%s", field), field);
        if (subject.kind->virtual_only)
            expect_refused(&subject, test_format("field=%s", subject.kind->virtual_only),
                           subject.kind->virtual_only);
    }
}

static void spec__value_of_the_wrong_type_is_refused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    const int64_t one = 1;
    struct subject subject = begin(f, &MODEL_KINDS[0]);
    const char *const texts[] = {
        "number=x",       "number=",       "number=1.5",   "number__lt=x",
        "number__in=1,x", "workerid=null", "results=fine", "number=9223372036854775808"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        expect_refused(&subject, texts[i], "number");
    struct dbk_spec *spec = new_spec();
    assert_int_equal(dbk_spec_filter_int(spec, "state_string", DBK_EQ, &one, 1), DBK_OK);
    ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec);
    expect_error(&a, DBK_INVALID, "'state_string'", "text", NULL);
}

static void spec__is_copied_at_submit_and_can_be_used_again(void **state)
{
    struct fixture *f = *state;
    struct answer first, second;
    struct dbk_spec *spec;
    add_three(f);
    assert_int_equal(dbk_spec_parse("state_string=50%25 a_b&number__gt=1", &spec, NULL), DBK_OK);
    answer_begin(&first);
    answer_begin(&second);
    for (int i = 0; i < 2; i++)
        assert_int_equal(dbk_get_builds(f->store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec,
                                        NULL, on_builds, i ? &second : &first),
                         DBK_OK);
    dbk_spec_free(spec);
    answer_wait(&first, f->store);
    if (!second.done_count)
        answer_wait(&second, f->store);
    assert_int_equal(first.page.count, 2);
    assert_int_equal(second.page.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter__every_comparison_on_every_field_is_as_the_model_says),
        cmocka_unit_test(filter__all_of_several_must_hold),
        cmocka_unit_test(get_builds__none_fails_all_but_eq_and_ne_none),
        cmocka_unit_test(get_steps__ne_and_notin_keep_none),
        cmocka_unit_test(filter__contains_is_literal_and_case_sensitive),
        cmocka_unit_test(filter__results_take_words_and_truth_values_take_true_and_false),
        cmocka_unit_test(filter__text_is_bound_not_spliced),
        cmocka_unit_test(filter__a_thousand_values),
        cmocka_unit_test(spec__field_that_the_record_does_not_have_is_refused_with_a_sentence),
        cmocka_unit_test(spec__chosen_fields_are_not_filtered_or_ordered_by),
        cmocka_unit_test(spec__value_of_the_wrong_type_is_refused),
        cmocka_unit_test(spec__is_copied_at_submit_and_can_be_used_again),
    };
    return fixture_run("specs", tests, COUNT_OF(tests));
}
