/* The URL of a database: it is taken apart or refused with a sentence; what is shown holds no password. */
#include "base/text.h"
#include "engine/url.h"
#include "fuzz.h"

static bool is_valid(const char *text)
{
    return dbki_text_is_valid(text, strlen(text), NULL);
}

static void check_parsed(const char *text, struct dbki_url *url)
{
    MUST(url->scheme && url->authority && url->path && url->shown);
    MUST(url->scheme[0] || strstr(text, "://") == text);
    MUST(is_valid(url->shown));
    MUST(strlen(url->shown) <= strlen(text));
    MUST(url->option_count >= 0 && url->option_count <= DBKI_URL_OPTIONS_MAX);
    for (int i = 0; i < url->option_count; i++)
        MUST(url->options[i].name && url->options[i].value);
    /* What is shown can be shown again. */
    struct dbki_url again;
    if (!dbki_url_parse(url->shown, &again, NULL)) {
        MUST(!strcmp(again.shown, url->shown));
        dbki_url_fini(&again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct dbki_url url;
    struct dbk_error error = {.status = DBK_OK};
    int status = dbki_url_parse(text, &url, &error);
    if (status) {
        MUST(status == DBK_INVALID);
        MUST(error.status == DBK_INVALID && error.message[0]);
        MUST(is_valid(error.message));
    } else {
        check_parsed(text, &url);
        dbki_url_fini(&url);
    }
    for (int is_query = 0; is_query < 2; is_query++) {
        char *copy = fuzz_text(data, size);
        size_t len = strlen(copy);
        if (dbki_url_decode(copy, is_query))
            MUST(strlen(copy) <= len);
        free(copy);
    }
    free(text);
    return 0;
}
