/*
 * Masking: see redact.h.
 */
#include "redact.h"

#include "../share/json_writer.h"
#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MASK "***"

/* Lines of a secret that are shorter say nothing ("}"), and would mask half of what is printed. */
#define LINE_MIN 4

static int compare(const void *one, const void *other)
{
    const struct redactor_secret *a = one, *b = other;
    return a->len < b->len ? 1 : a->len > b->len ? -1 : 0;
}

static void add(struct redactor *redactor, const char *bytes, size_t len)
{
    for (size_t i = 0; i < redactor->count; i++)
        if (redactor->secrets[i].len == len && !memcmp(redactor->secrets[i].bytes, bytes, len))
            return;
    redactor->secrets =
        memory_need(realloc(redactor->secrets, (redactor->count + 1) * sizeof(*redactor->secrets)));
    redactor->secrets[redactor->count++] =
        (struct redactor_secret){memory_need(strndup(bytes, len)), len};
    qsort(redactor->secrets, redactor->count, sizeof(*redactor->secrets), compare);
}

/* As it stands between the quotes of a JSON text. */
static void add_json_form(struct redactor *redactor, const char *secret)
{
    char *text = NULL;
    size_t len = 0;
    struct json_writer json;
    FILE *file = memory_need(open_memstream(&text, &len));
    json_init(&json, file);
    json_text(&json, secret);
    fclose(file);
    memory_need(text);
    add(redactor, text + 1, len - 2);
    free(text);
}

void redactor_add(struct redactor *redactor, const char *secret)
{
    if (!*secret)
        return;
    add(redactor, secret, strlen(secret));
    add_json_form(redactor, secret);
    if (!strchr(secret, '\n'))
        return;
    while (*secret) {
        size_t len = strcspn(secret, "\r\n");
        if (len >= LINE_MIN)
            add(redactor, secret, len);
        secret += len + (secret[len] != '\0');
    }
}

void redactor_fini(struct redactor *redactor)
{
    for (size_t i = 0; i < redactor->count; i++)
        free(redactor->secrets[i].bytes);
    free(redactor->secrets);
    *redactor = (struct redactor){0};
}

/* The longest secret that stands there; NULL for none. *out_is_begun: a longer one may have begun, which is
 * cut off by the end. */
static const struct redactor_secret *find(const struct redactor *redactor, const char *bytes,
                                          size_t len, bool *out_is_begun)
{
    *out_is_begun = false;
    for (size_t i = 0; i < redactor->count; i++) {
        const struct redactor_secret *secret = &redactor->secrets[i];
        size_t shown = secret->len < len ? secret->len : len;
        if (*secret->bytes != *bytes || memcmp(secret->bytes, bytes, shown) != 0)
            continue;
        if (shown == secret->len)
            return secret;
        *out_is_begun = true;
    }
    return NULL;
}

size_t redactor_mask(const struct redactor *redactor, char *bytes, size_t len, bool is_end,
                     size_t *out_held)
{
    size_t in = 0, out = 0;
    *out_held = 0;
    while (in < len) {
        bool is_begun;
        const struct redactor_secret *secret = find(redactor, bytes + in, len - in, &is_begun);
        if (is_begun && !is_end) {
            *out_held = len - in;
            memmove(bytes + out, bytes + in, len - in);
            return out;
        }
        if (!secret) {
            bytes[out++] = bytes[in++];
            continue;
        }
        size_t mask_len = secret->len < strlen(MASK) ? secret->len : strlen(MASK);
        memcpy(bytes + out, MASK, mask_len);
        out += mask_len;
        in += secret->len;
    }
    return out;
}

void redactor_mask_text(const struct redactor *redactor, char *text)
{
    size_t held;
    if (text && redactor->count)
        text[redactor_mask(redactor, text, strlen(text), true, &held)] = '\0';
}
