/* Includes the public header first and twice, and uses every macro in it; C11 and C++11. */
#include <daybook.h>
#include <daybook.h>

#include <stdio.h>

#define STATUS_CASE(name, value, exit_code, http, exception, words)                                \
    case name:                                                                                     \
        return exception;

static const char *exception_of(enum dbk_status status)
{
    switch (status) {
        DBK_STATUSES(STATUS_CASE)
    }
    return "";
}

static int is_sized(size_t size, size_t expected)
{
    return size == expected;
}

int main(void)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_call call = DBK_CALL_INIT;
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    struct dbk_new_buildset buildset = DBK_NEW_BUILDSET_INIT;
    struct dbk_new_change change = DBK_NEW_CHANGE_INIT;
    struct dbk_new_step step = DBK_NEW_STEP_INIT;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    int is_right = is_sized(options.size, sizeof options) && is_sized(call.size, sizeof call) &&
                   is_sized(key.size, sizeof key) && is_sized(buildset.size, sizeof buildset) &&
                   is_sized(change.size, sizeof change) && is_sized(step.size, sizeof step) &&
                   is_sized(build.size, sizeof build) && key.patchid == DBK_NONE &&
                   change.when_timestamp == DBK_NONE && build.results == DBK_NONE &&
                   step.started_at == DBK_NONE && call.timeout_ms == 0 && !options.is_created;
    puts(DBK_VERSION);
    return is_right && exception_of(DBK_OK)[0] ? 0 : 1;
}
