/* Words of SQL: see words.h. */
#include "engine/words.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

const struct dbki_word *dbki_word_find(const struct dbki_word *words, const char *at, char before)
{
    for (; words->ours; words++) {
        size_t len = strlen(words->ours);
        if (strncmp(words->ours, at, len))
            continue;
        bool begins = !is_name_char(words->ours[0]) || !is_name_char(before);
        bool ends = !is_name_char(words->ours[len - 1]) || !is_name_char(at[len]);
        if (begins && ends)
            return words;
    }
    return NULL;
}

size_t dbki_word_skip(const char *sql)
{
    const char *end = *sql == '\'' || *sql == '"' || *sql == '`' ? strchr(sql + 1, *sql) : NULL;
    return end ? (size_t)(end - sql) + 1 : 1;
}

void dbki_word_quote(const char *text, struct dbki_buf *out)
{
    dbki_buf_add(out, "'");
    for (; *text; text++)
        dbki_buf_add_n(out, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
    dbki_buf_add(out, "'");
}
