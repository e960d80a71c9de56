/* JSON values: every document that jansson takes is JSON to us, and what we take jansson takes too, unless it
 * says no for reasons of its own: numbers that its types cannot hold, depth, U+0000, names given twice. */
#include "base/json.h"
#include "daybook.h"
#include "fuzz.h"

#include <jansson.h>

/* Reasons that are not about what JSON is. */
static bool is_own_reason(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_numeric_overflow:
    case json_error_stack_overflow:
    case json_error_null_character:
    case json_error_null_byte_in_key:
    case json_error_duplicate_key:
    case json_error_out_of_memory:
        return true;
    default:
        return false;
    }
}

/* Escaped surrogates without their half are JSON's grammar, but no text. */
static bool has_surrogate_escape(const char *text, size_t size)
{
    for (size_t i = 0; i + 3 < size; i++)
        if (text[i] == '\\' && text[i + 1] == 'u' && (text[i + 2] | 0x20) == 'd')
            return true;
    return false;
}

static int count_brackets(const char *text, size_t size)
{
    int count = 0;
    for (size_t i = 0; i < size; i++)
        count += text[i] == '[' || text[i] == '{';
    return count;
}

/* A zero byte ends a document for jansson, as if it were the end of the input. */
static void compare_with_jansson(const char *text, size_t size, bool is_json)
{
    json_error_t error = {.line = 0};
    json_t *value = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value)
        MUST(is_json || count_brackets(text, size) > DBKI_JSON_DEPTH_MAX);
    else if (is_json)
        MUST(is_own_reason(&error) || has_surrogate_escape(text, size));
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of that very size, so that a byte read behind it is seen. */
    char *text = calloc(1, size ? size : 1);
    MUST(text);
    if (size)
        memcpy(text, data, size);
    bool is_json = dbki_json_is_valid(text, size);
    if (memchr(text, '\0', size)) {
        MUST(!is_json);
    } else {
        char *whole = fuzz_text(data, size);
        MUST(dbk_is_json(whole) == is_json);
        free(whole);
        compare_with_jansson(text, size, is_json);
    }
    free(text);
    return 0;
}
