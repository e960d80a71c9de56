/*
 * What is known before a run: see facts.h. All of it happens before the command starts, so that a
 * lack of memory ends `daybook run` with a message before anything was done.
 */
#include "facts.h"

#include "../share/json_writer.h"
#include "here.h"
#include "message.h"
#include "record.h"
#include "text.h"

#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* git answers in milliseconds; not from a network disk that hangs. */
#define GIT_TIMEOUT_MS 2000

#define REPLACEMENT "\xef\xbf\xbd"

char *facts_text(const char *text, size_t characters_max)
{
    char *copy = memory_need(malloc(3 * strlen(text) + 1));
    char *out = copy;
    for (size_t i = 0; *text && i < characters_max; i++) {
        uint32_t point;
        size_t len = utf8_decode(text, &point);
        const char *from = len ? text : REPLACEMENT;
        size_t from_len = len ? len : strlen(REPLACEMENT);
        memcpy(out, from, from_len);
        out += from_len;
        text += len ? len : 1;
    }
    *out = '\0';
    return copy;
}

bool facts_is_name(const char *text, size_t characters_max)
{
    size_t count = 0;
    for (const char *at = text; *at; count++) {
        uint32_t point;
        size_t len = utf8_decode(at, &point);
        if (!len)
            return false;
        at += len;
    }
    return count && count <= characters_max;
}

const char *facts_last_part(const char *path)
{
    size_t len = strlen(path);
    while (len && path[len - 1] == '/')
        len--;
    while (len && path[len - 1] != '/')
        len--;
    return path + len;
}

/* A text of git's that fits its field of a sourcestamp. Takes the old one over. */
static char *fitting(char *text, size_t characters_max)
{
    char *copy = text ? facts_text(text, characters_max) : NULL;
    free(text);
    return copy;
}

void facts_init(struct facts *facts)
{
    char host[256] = "";
    const struct passwd *account = getpwuid(geteuid());
    char *directory = here_path();
    *facts = (struct facts){0};
    if (gethostname(host, sizeof(host) - 1) || !*host)
        strcpy(host, "localhost");
    facts->host = facts_text(host, 255);
    facts->worker = facts_text(host, 50);
    facts->directory = facts_text(directory ? directory : "", SIZE_MAX);
    facts->user = facts_text(account ? account->pw_name : "", 255);
    free(directory);
    if (!account) { /* a container's user without a name */
        free(facts->user);
        facts->user = memory_need(malloc(24));
        snprintf(facts->user, 24, "%lu", (unsigned long)geteuid());
    }
    gitinfo_read(&facts->git, GIT_TIMEOUT_MS);
    facts->git.repository = fitting(facts->git.repository, 512);
    facts->git.branch = fitting(facts->git.branch, 256);
    facts->git.revision = fitting(facts->git.revision, 256);
}

void facts_fini(struct facts *facts)
{
    for (size_t i = 0; i < facts->property_count; i++)
        free((char *)facts->properties[i].value);
    free(facts->properties);
    free(facts->host);
    free(facts->worker);
    free(facts->directory);
    free(facts->user);
    gitinfo_fini(&facts->git);
}

void facts_add_json(struct facts *facts, const char *name, const char *value)
{
    char *copy = memory_need(strdup(value));
    for (size_t i = 0; i < facts->property_count; i++) {
        struct dbk_new_property *property = &facts->properties[i];
        if (!strcmp(property->name, name)) {
            free((char *)property->value);
            property->value = copy;
            return;
        }
    }
    facts->properties = memory_need(
        realloc(facts->properties, (facts->property_count + 1) * sizeof(*facts->properties)));
    facts->properties[facts->property_count++] =
        (struct dbk_new_property){name, copy, RECORD_SOURCE};
}

void facts_add_text(struct facts *facts, const char *name, const char *text)
{
    char *value = NULL;
    size_t len;
    struct json_writer json;
    FILE *file = memory_need(open_memstream(&value, &len));
    json_init(&json, file);
    json_text(&json, text);
    fclose(file);
    facts_add_json(facts, name, memory_need(value));
    free(value);
}

void facts_add_found(struct facts *facts)
{
    facts_add_text(facts, "host", facts->host);
    facts_add_text(facts, "user", facts->user);
    facts_add_text(facts, "directory", facts->directory);
    if (facts->git.repository)
        facts_add_text(facts, "repository", facts->git.repository);
    if (facts->git.branch)
        facts_add_text(facts, "branch", facts->git.branch);
    if (facts->git.revision)
        facts_add_text(facts, "revision", facts->git.revision);
}

void facts_redact(struct facts *facts, const struct redactor *redactor)
{
    for (size_t i = 0; i < facts->property_count; i++) {
        char *value = (char *)facts->properties[i].value;
        redactor_mask_text(redactor, value);
        /* A secret that was not within a text, a number say. */
        if (!dbk_is_json(value)) {
            free(value);
            facts->properties[i].value = memory_need(strdup("\"***\""));
        }
    }
    redactor_mask_text(redactor, facts->git.repository);
    redactor_mask_text(redactor, facts->git.branch);
    redactor_mask_text(redactor, facts->git.revision);
}
