/* Loading a client library: what is said of one that cannot be, and that it is looked for again. */
#include "engine/client.h"
#include "test.h"

#include <string.h>

static int (*loaded)(void);
static const struct dbki_client_call CALLS[] = {{"json_loads", &loaded}};

static void client_load__says_what_to_install_when_there_is_none(void **state)
{
    (void)state;
    bool is_loaded = false;
    const struct dbki_client client = {
        "Nobody's SQL", "libdaybook-nobody.so.7", "libnobody7", CALLS, 1, &is_loaded};
    struct dbk_error error;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dbki_client_load(&client, &error), DBK_UNSUPPORTED);
        assert_non_null(strstr(error.message, "databases on Nobody's SQL need its client library"));
        assert_non_null(strstr(error.message, "`apt install libnobody7`"));
        assert_non_null(
            strstr(error.message, "libdaybook-nobody.so.7: cannot open shared object file"));
        assert_false(is_loaded);
    }
    assert_null(loaded);
}

static void client_load__another_library_of_that_name_is_not_taken(void **state)
{
    (void)state;
    static const struct dbki_client_call unknown[] = {{"dbki_no_call_of_this_name", &loaded}};
    bool is_loaded = false;
    const struct dbki_client client = {"Nobody's SQL", "libjansson.so.4", "libnobody7", unknown, 1,
                                       &is_loaded};
    struct dbk_error error;
    assert_int_equal(dbki_client_load(&client, &error), DBK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "dbki_no_call_of_this_name"));
    assert_false(is_loaded);
}

static void client_load__finds_the_calls(void **state)
{
    (void)state;
    bool is_loaded = false;
    const struct dbki_client client = {"Nobody's SQL", "libjansson.so.4", "libjansson4", CALLS, 1,
                                       &is_loaded};
    struct dbk_error error;
    assert_int_equal(dbki_client_load(&client, &error), DBK_OK);
    assert_true(is_loaded);
    assert_non_null(loaded);
    assert_int_equal(dbki_client_load(&client, &error), DBK_OK);
    loaded = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_load__says_what_to_install_when_there_is_none),
        cmocka_unit_test(client_load__another_library_of_that_name_is_not_taken),
        cmocka_unit_test(client_load__finds_the_calls),
    };
    return test_run("client", tests, COUNT_OF(tests));
}
