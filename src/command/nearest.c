/*
 * Near names: see nearest.h. Near is a small number of edits, or that one contains the other; the
 * difference between capitals and small letters (ASCII) counts for nothing.
 */
#include "nearest.h"

#include "message.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Longer names are compared by these bytes only: the cost grows with the square. */
#define COMPARED_MAX 64

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Copies at most COMPARED_MAX bytes in small letters. Result: how many. */
static size_t fold(char *out, const char *text)
{
    size_t len = strnlen(text, COMPARED_MAX);
    for (size_t i = 0; i < len; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[len] = '\0';
    return len;
}

/* The number of bytes to insert, delete, replace or swap with a neighbour. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][COMPARED_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = min3(row[j - 1] + 1, above[j] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                rows[(i - 2) % 3][j - 2] + 1 < row[j])
                row[j] = rows[(i - 2) % 3][j - 2] + 1;
        }
    }
    return rows[a_len % 3][b_len];
}

void nearest_init(struct nearest *nearest, const char *target, size_t len)
{
    memset(nearest, 0, sizeof(*nearest));
    nearest->target = memory_need(strndup(target, len));
}

void nearest_fini(struct nearest *nearest)
{
    free(nearest->target);
    for (size_t i = 0; i < NEAREST_MAX; i++)
        free(nearest->found[i].name);
    memset(nearest, 0, sizeof(*nearest));
}

void nearest_add(struct nearest *nearest, const char *name)
{
    char a[COMPARED_MAX + 1], b[COMPARED_MAX + 1];
    if (!name)
        return;
    size_t a_len = fold(a, nearest->target), b_len = fold(b, name);
    size_t distance = edit_distance(a, a_len, b, b_len);
    size_t longest = a_len > b_len ? a_len : b_len;
    bool is_contained = a_len >= 2 && b_len >= 2 && (strstr(a, b) || strstr(b, a));
    if (distance > longest / 3 + 1 || distance == longest) {
        if (!is_contained)
            return;
        distance = COMPARED_MAX + longest; /* behind those that differ in a few letters */
    }
    size_t place = 0;
    while (place < NEAREST_MAX && nearest->found[place].name &&
           nearest->found[place].distance <= distance)
        place++;
    if (place == NEAREST_MAX)
        return;
    free(nearest->found[NEAREST_MAX - 1].name);
    memmove(&nearest->found[place + 1], &nearest->found[place],
            (NEAREST_MAX - 1 - place) * sizeof(nearest->found[0]));
    nearest->found[place].name = memory_need(strdup(name));
    nearest->found[place].distance = distance;
}

const char *nearest_get(const struct nearest *nearest, size_t index)
{
    return index < NEAREST_MAX ? nearest->found[index].name : NULL;
}
