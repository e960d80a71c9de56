/* The schema's statements, read as data. */
#include "schema/layout.h"
#include "test.h"

static struct dbki_layout layout;

static int set_up(void **state)
{
    (void)state;
    return dbki_layout_read(&layout, NULL);
}

/* The names of a table's columns, or of those of its identity. */
static const char *list(const struct dbki_table *table, bool is_of_identity)
{
    const char *all = "";
    for (int i = 0; i < table->column_count; i++)
        if (!is_of_identity || table->columns[i].is_of_identity)
            all = test_format("%s%s%s", all, *all ? " " : "", table->columns[i].name);
    return all;
}

static const struct dbki_table *find(const char *name)
{
    const struct dbki_table *table = dbki_layout_find(&layout, name);
    assert_non_null(table);
    return table;
}

static void layout__has_every_table_of_records_and_no_other(void **state)
{
    int count = 0;
    (void)state;
    for (const char *const *sql = dbki_tables; *sql; sql++)
        count += !strncmp(*sql, "CREATE TABLE ", 13);
    assert_int_equal(layout.count, count + 4); /* marks, events, operations, lineages */
    assert_null(dbki_layout_find(&layout, "daybook_schema"));
    assert_null(dbki_layout_find(&layout, "daybook_commits"));
}

static void layout__has_columns_with_their_kinds_and_limits(void **state)
{
    (void)state;
    const struct dbki_table *steps = find("steps");
    assert_string_equal(list(steps, false), "id number name buildid started_at locks_acquired_at"
                                            " complete_at state_string results urls_json hidden");
    assert_int_equal(steps->columns[2].kind, DBKI_COLUMN_TEXT);
    assert_int_equal(steps->columns[2].chars_max, 50);
    assert_true(steps->columns[2].is_needed);
    assert_false(steps->columns[4].is_needed);
    assert_int_equal(find("build_data")->columns[5].kind, DBKI_COLUMN_BYTES);
}

static void layout__says_by_which_key_rows_are_taken(void **state)
{
    static const struct {
        const char *table, *key, *identity;
        bool is_unique, counts_up;
    } cases[] = {
        {"builds", "id", "id", true, true},
        {"changes", "changeid", "changeid", true, true},
        {"build_properties", "buildid", "buildid name", false, false},
        {"buildset_properties", "buildsetid", "buildsetid property_name", false, false},
        {"buildrequest_claims", "brid", "brid", true, false},
        {"change_files", "changeid", "", false, false},
        {"daybook_events", "position", "position", true, true},
        {"daybook_operations", "week", "week key scope", false, false},
        {"daybook_lineage", "buildid", "builderid lineage_hash complete_at number", true, false},
        {"daybook_marks", NULL, "name", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct dbki_table *table = find(cases[i].table);
        assert_same_text(table->key < 0 ? NULL : table->columns[table->key].name, cases[i].key);
        assert_string_equal(list(table, true), cases[i].identity);
        assert_int_equal(table->is_key_unique, cases[i].is_unique);
        assert_int_equal(table->counts_up, cases[i].counts_up);
    }
}

static void layout__has_the_names_of_all_indexes(void **state)
{
    const struct dbki_schema own = {.is_own = true};
    const char *indexes[DBKI_INDEXES_MAX];
    char name[DBKI_WORD_SIZE];
    (void)state;
    int count = dbki_layout_indexes(&own, indexes);
    assert_true(count > 30 && count < DBKI_INDEXES_MAX);
    dbki_layout_index_name(indexes[0], name);
    assert_string_equal(name, "master_name_hashes");
    dbki_layout_index_name("CREATE INDEX x ON y (z)", name);
    assert_string_equal(name, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout__has_every_table_of_records_and_no_other),
        cmocka_unit_test(layout__has_columns_with_their_kinds_and_limits),
        cmocka_unit_test(layout__says_by_which_key_rows_are_taken),
        cmocka_unit_test(layout__has_the_names_of_all_indexes),
    };
    return cmocka_run_group_tests_name("layout", tests, set_up, test_end_of);
}
