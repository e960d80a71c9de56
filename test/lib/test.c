/* Things that are freed when a test ends; see test.h. */
#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct kept {
    struct kept *older;
    void *thing;
    void (*free_thing)(void *);
} * newest;

void *test_keep(void *thing, void (*free_thing)(void *))
{
    assert_non_null(thing);
    struct kept *kept = malloc(sizeof *kept);
    assert_non_null(kept);
    *kept = (struct kept){newest, thing, free_thing};
    newest = kept;
    return thing;
}

void test_end(void)
{
    while (newest) {
        struct kept *kept = newest;
        newest = kept->older;
        kept->free_thing(kept->thing);
        free(kept);
    }
}

int test_end_of(void **state)
{
    (void)state;
    test_end();
    return 0;
}

void *test_take(size_t size)
{
    return test_keep(calloc(1, size ? size : 1), free);
}

char *test_copy(const char *text)
{
    return test_keep(strdup(text), free);
}

char *test_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&text, format, args) >= 0);
    va_end(args);
    return test_keep(text, free);
}

char *test_repeat(const char *text, size_t count)
{
    size_t len = strlen(text);
    char *all = test_take(len * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(all + i * len, text, len);
    return all;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *place)
{
    (void)status;
    (void)flag;
    (void)place;
    return remove(path);
}

static void remove_folder(void *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

const char *test_folder(void)
{
    const char *parent = getenv("TMPDIR");
    char *path = NULL;
    assert_true(asprintf(&path, "%s/daybook-test-XXXXXX", parent ? parent : "/tmp") > 0);
    assert_non_null(mkdtemp(path));
    return test_keep(path, remove_folder);
}

void assert_same_text(const char *actual, const char *expected)
{
    if (!actual && !expected)
        return;
    assert_non_null(actual);
    assert_non_null(expected);
    assert_string_equal(actual, expected);
}

int test_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    struct CMUnitTest *all = calloc(count, sizeof *all);
    if (!all)
        return 1;
    memcpy(all, tests, count * sizeof *all);
    for (size_t i = 0; i < count; i++)
        if (!all[i].teardown_func)
            all[i].teardown_func = test_end_of;
    int failed = _cmocka_run_group_tests(name, all, count, NULL, NULL);
    free(all);
    return failed;
}
