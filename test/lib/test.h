/* What every test includes: cmocka with what it needs, and things that are freed when a test ends. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Keeps something until test_end(), which frees all of it, the newest first. A NULL that should not be
 * one fails the test. Result: what was given.
 */
void *test_keep(void *thing, void (*free_thing)(void *));

/* Memory, and texts, that are freed when the test ends. */
void *test_take(size_t size);
char *test_copy(const char *text);
char *test_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A text of count times the same text. */
char *test_repeat(const char *text, size_t count);

/* A new, empty folder, which goes with all that is in it when the test ends. Result: its path. */
const char *test_folder(void);

/* Frees what was kept. Every teardown calls it; test_end_of() has a teardown's type. */
void test_end(void);
int test_end_of(void **state);

/* Two texts, either of which may be NULL. */
void assert_same_text(const char *actual, const char *expected);

/* Runs the cases of a file that need nothing but what they make. */
int test_run(const char *name, const struct CMUnitTest *tests, size_t count);

#endif
