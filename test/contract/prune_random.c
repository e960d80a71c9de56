/*
 * Builds and rules drawn by chance: what is left after pruning, and what is counted, must be what a model in plain C
 * says, which knows the rules as numbers alone. DAYBOOK_TEST_SEED repeats a run, DAYBOOK_TEST_SCALE=N multiplies it.
 */
#include "prune.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 12, NEW_BUILDS = 25, BUILDS_MAX = 20000 };
enum { BUILDS, OUTPUTS, DATA, KINDS };

static const char *const BUILDERS[] = {"linux", "linux-debug", "nightly"};
static const char *const BRANCHES[] = {NULL, "main", "side"};
static const char *const KEEPS[] = {NULL, NULL, NULL, NULL, "true", "false", "null", "[]"};
static const char *const PATTERNS[] = {"*", "linux", "linux*", "*debug", "[mn]ightly", "none"};
static const char *const NOUNS[] = {"builds", "outputs", "data"};

static uint64_t chance;

static int64_t draw(int64_t below)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((chance >> 33) % (uint64_t)below);
}

struct known {
    struct new_build build;
    int64_t id, number, complete_at; /* DBK_NONE: open */
    bool is_gone;
};

static struct known *known;
static size_t known_count;

struct rule {
    int kind;
    int pattern;
    int64_t older_days, keep, failures_days; /* 0: not said */
};

/* ------------------------------------------------------------------------------------ the model ---- */

/* By hand: what fnmatch() says of the few patterns. */
static bool fits(int pattern, const char *builder)
{
    switch (pattern) {
    case 0:
        return true;
    case 1:
        return !strcmp(builder, "linux");
    case 2:
        return !strncmp(builder, "linux", 5);
    case 3:
        return !strcmp(builder, "linux-debug");
    case 4:
        return !strcmp(builder, "nightly");
    default:
        return false;
    }
}

static bool is_of(const struct known *one, const struct known *other)
{
    return !strcmp(one->build.builder, other->build.builder);
}

static bool has_lineage_of(const struct known *one, const struct known *other)
{
    const char *a = one->build.branch, *b = other->build.branch;
    return is_of(one, other) && (a && b ? !strcmp(a, b) : a == b);
}

/* How many builds of its builder are newer. */
static int64_t rank(const struct known *one)
{
    int64_t newer = 0;
    for (size_t i = 0; i < known_count; i++)
        newer += !known[i].is_gone && is_of(one, &known[i]) && known[i].number > one->number;
    return newer;
}

static bool is_newest_success(const struct known *one)
{
    if (one->complete_at == DBK_NONE || one->build.results != DBK_SUCCESS)
        return false;
    for (size_t i = 0; i < known_count; i++) {
        const struct known *other = &known[i];
        if (!other->is_gone && other->complete_at != DBK_NONE &&
            other->build.results == DBK_SUCCESS && has_lineage_of(one, other) &&
            (other->complete_at > one->complete_at ||
             (other->complete_at == one->complete_at && other->number > one->number)))
            return false;
    }
    return true;
}

static bool is_kept(const struct known *one)
{
    const char *keep = one->build.keep;
    return one->complete_at == DBK_NONE ||
           (keep && strcmp(keep, "false") != 0 && strcmp(keep, "null") != 0) ||
           is_newest_success(one);
}

static bool is_taken(const struct fixture *f, const struct known *one, int kind,
                     const struct rule *rules, size_t rule_count)
{
    for (size_t i = 0; i < rule_count; i++) {
        const struct rule *rule = &rules[i];
        if (rule->kind != kind || !fits(rule->pattern, one->build.builder))
            continue;
        bool failed = one->build.results == DBK_FAILURE || one->build.results == DBK_EXCEPTION;
        int64_t days = failed && rule->failures_days ? rule->failures_days : rule->older_days;
        return (!rule->keep || rank(one) >= rule->keep) &&
               (!days || one->complete_at < f->now - days * DAY);
    }
    return false;
}

struct expected {
    int64_t builds, properties, steps, values, bytes, requests;
};

static void take_values(struct known *one, bool outputs, bool others, struct expected *sums)
{
    if (outputs && one->build.has_output) {
        one->build.has_output = false;
        sums->values++;
        sums->bytes += 5;
    }
    if (others && one->build.has_other) {
        one->build.has_other = false;
        sums->values++;
        sums->bytes += 4;
    }
}

/* has_other stands for a property too: that is kept apart. */
static bool has_property[BUILDS_MAX];

static void take_contents(struct known *one, struct expected *sums)
{
    size_t i = (size_t)(one - known);
    take_values(one, true, true, sums);
    sums->properties += has_property[i] + (one->build.keep != NULL);
    sums->steps += (int64_t)one->build.step_count;
    has_property[i] = false;
    one->build.keep = NULL;
    one->build.step_count = 0;
}

/* What each of the builds comes to is decided before any of them goes. */
static struct expected apply(const struct fixture *f, const struct rule *rules, size_t rule_count)
{
    enum { NOTHING, VALUES, EMPTIED, DELETED } *fates = test_take(known_count * sizeof *fates);
    bool(*taken)[KINDS] = test_take(known_count * sizeof *taken);
    struct expected sums = {0};
    for (size_t i = 0; i < known_count; i++) {
        struct known *one = &known[i];
        fates[i] = NOTHING;
        if (one->is_gone || is_kept(one))
            continue;
        for (int kind = 0; kind < KINDS; kind++)
            taken[i][kind] = is_taken(f, one, kind, rules, rule_count);
        bool is_young = one->complete_at >= f->now - DAY;
        fates[i] = !taken[i][BUILDS] ? VALUES
                   : rank(one) == 0  ? EMPTIED
                   : is_young        ? VALUES
                                     : DELETED;
    }
    for (size_t i = 0; i < known_count; i++) {
        if (fates[i] == VALUES)
            take_values(&known[i], taken[i][OUTPUTS], taken[i][DATA], &sums);
        else if (fates[i] != NOTHING)
            take_contents(&known[i], &sums);
        known[i].is_gone |= fates[i] == DELETED;
        sums.builds += fates[i] == DELETED;
    }
    return sums;
}

/* ------------------------------------------------------------------------------------ the store ---- */

static void add_one(struct fixture *f)
{
    struct known one = {.build = {.builder = BUILDERS[draw(3)],
                                  .branch = BRANCHES[draw(3)],
                                  .results = draw(8) ? draw(3) * draw(3) : DBK_NONE,
                                  .days = draw(12),
                                  .step_count = (size_t)draw(4),
                                  .has_output = draw(2),
                                  .has_other = draw(2),
                                  .keep = KEEPS[draw(COUNT_OF(KEEPS))]}};
    one.id = prune_record(f, &one.build);
    one.number = get_build(f, one.id)->number;
    one.complete_at = one.build.results == DBK_NONE ? DBK_NONE : f->now - one.build.days * DAY;
    has_property[known_count] = one.build.has_other;
    known[known_count++] = one;
}

static const char *spell(const struct rule *rule)
{
    const char *text = test_format("%s = %s", NOUNS[rule->kind], PATTERNS[rule->pattern]);
    if (rule->keep)
        text = test_format("%s keep %" PRId64, text, rule->keep);
    if (rule->older_days)
        text = test_format("%s older %" PRId64 "d", text, rule->older_days);
    if (rule->failures_days)
        text = test_format("%s failures %" PRId64 "h", text, rule->failures_days * 24);
    return text;
}

static size_t draw_rules(struct rule *rules, const char **out_text)
{
    size_t count = (size_t)draw(6);
    *out_text = "";
    for (size_t i = 0; i < count; i++) {
        rules[i] = (struct rule){.kind = (int)draw(KINDS),
                                 .pattern = (int)draw(COUNT_OF(PATTERNS)),
                                 .older_days = draw(3) * draw(6),
                                 .keep = draw(2) * draw(6),
                                 .failures_days = draw(2) * draw(12)};
        if (!rules[i].older_days && !rules[i].keep)
            rules[i].keep = 1 + draw(4);
        *out_text = test_format("%s%s\n", *out_text, spell(&rules[i]));
    }
    return count;
}

static bool has_data(struct fixture *f, int64_t buildid, const char *name)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_data, dbk_get_build_data_no_value, buildid, name),
                     DBK_OK);
    return a.data != NULL;
}

static void compare_build(struct fixture *f, size_t i, const char *rules)
{
    const struct known *one = &known[i];
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_build, dbk_get_build, one->id), DBK_OK);
    if ((a.build == NULL) != one->is_gone)
        fail_msg("build %" PRId64 " of %s is %s after\n%s", one->number, one->build.builder,
                 a.build ? "there" : "gone", rules);
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps, one->id, NULL), DBK_OK);
    assert_int_equal(a.page.count, one->build.step_count);
    assert_int_equal(ASK(&a, f->store, on_properties, dbk_get_build_properties, one->id, NULL),
                     DBK_OK);
    assert_int_equal(a.page.count, has_property[i] + (one->build.keep != NULL));
    if (has_data(f, one->id, "log/0") != one->build.has_output ||
        has_data(f, one->id, "other") != one->build.has_other)
        fail_msg("the data of build %" PRId64 " of %s are not as they should be after\n%s",
                 one->number, one->build.builder, rules);
}

/* Nothing is left that hangs on nothing. */
static void expect_no_orphans(struct fixture *f)
{
    static const char *const orphans[] = {
        "steps WHERE buildid NOT IN (SELECT id FROM builds)",
        "build_data WHERE buildid NOT IN (SELECT id FROM builds)",
        "build_properties WHERE buildid NOT IN (SELECT id FROM builds)",
        "daybook_lineage WHERE buildid NOT IN (SELECT id FROM builds)",
        "buildset_sourcestamps WHERE buildsetid NOT IN (SELECT id FROM buildsets)",
        "buildrequests WHERE id > 1 AND id NOT IN (SELECT buildrequestid FROM builds)",
        "buildsets WHERE id > 1 AND id NOT IN (SELECT buildsetid FROM buildrequests)",
    };
    if (!f->engine->is_seen_by_others)
        return;
    for (size_t i = 0; i < COUNT_OF(orphans); i++)
        if (fixture_look_int(f, test_format("SELECT count(*) FROM %s", orphans[i])))
            fail_msg("there are %s", orphans[i]);
}

static const char *spell_sums(const struct expected *sums)
{
    const char *text = "";
    if (sums->builds)
        text = test_format("builds %" PRId64 " 0\n", sums->builds);
    if (sums->properties)
        text = test_format("%sbuild_properties %" PRId64 " 0\n", text, sums->properties);
    if (sums->steps)
        text = test_format("%ssteps %" PRId64 " 0\n", text, sums->steps);
    if (sums->values)
        text =
            test_format("%sbuild_data %" PRId64 " %" PRId64 "\n", text, sums->values, sums->bytes);
    if (sums->builds)
        text = test_format("%sbuildrequests %" PRId64 " 0\nbuildsets %" PRId64 " 0\n", text,
                           sums->builds, sums->builds);
    return text;
}

static void run_round(struct fixture *f)
{
    struct rule rules[6];
    const char *text;
    for (int i = 0; i < NEW_BUILDS; i++)
        add_one(f);
    size_t rule_count = draw_rules(rules, &text);
    struct expected expected = apply(f, rules, rule_count);
    struct sums sums = prune(f, text);
    const char *wanted = spell_sums(&expected);
    if (strcmp(sums.text, wanted) != 0)
        fail_msg("by the rules\n%sthis went:\n%snot:\n%s", text, sums.text, wanted);
    for (size_t i = 0; i < known_count; i++)
        compare_build(f, i, text);
    expect_no_orphans(f);
    assert_string_equal(prune(f, text).text, "");
    f->now += draw(3 * DAY);
}

void prune__drawn_rules_do_what_a_model_says(void **state)
{
    struct fixture *f = *state;
    const char *seed = getenv("DAYBOOK_TEST_SEED"), *scale = getenv("DAYBOOK_TEST_SCALE");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    chance = first;
    printf("DAYBOOK_TEST_SEED=%" PRIu64 "\n", first);
    known = test_take(BUILDS_MAX * sizeof *known);
    known_count = 0;
    for (int i = 0; i < ROUNDS * (scale ? atoi(scale) : 1) && known_count + NEW_BUILDS < BUILDS_MAX;
         i++)
        run_round(f);
}
