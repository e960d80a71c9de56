/*
 * How builders turn: see turn.h.
 */
#include "turn.h"

#include <daybook.h>
#include <string.h>

enum verdict verdict_of(int64_t results)
{
    switch (results) {
    case DBK_SUCCESS:
    case DBK_WARNINGS:
        return VERDICT_GOOD;
    case DBK_FAILURE:
    case DBK_EXCEPTION:
        return VERDICT_BAD;
    default:
        return VERDICT_UNKNOWN;
    }
}

const char *verdict_word(enum verdict verdict)
{
    static const char *const words[] = {"unknown", "good", "bad"};
    return words[verdict];
}

enum verdict verdict_parse(const char *word)
{
    if (word && !strcmp(word, "good"))
        return VERDICT_GOOD;
    return word && !strcmp(word, "bad") ? VERDICT_BAD : VERDICT_UNKNOWN;
}

enum turn turn_of(enum verdict before, int64_t results)
{
    enum verdict now = verdict_of(results);
    if (now == VERDICT_BAD && before != VERDICT_BAD)
        return TURN_FAILING;
    return now == VERDICT_GOOD && before == VERDICT_BAD ? TURN_FIXED : TURN_NONE;
}
