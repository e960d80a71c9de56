/*
 * Names of databases: see db_name.h.
 */
#include "db_name.h"

#include "daemon_url.h"
#include "here.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SQLITE_SCHEME "sqlite:///"

/* SQLite's name for a database that is in no file. */
#define IN_MEMORY ":memory:"

static bool begins_with(const char *text, const char *beginning)
{
    while (*beginning && *text == *beginning)
        text++, beginning++;
    return !*beginning;
}

static bool is_plain(const char *url)
{
    return !strstr(url, "://");
}

/* "FOLDER/NAME". Takes folder over; NULL stays NULL. */
static char *join(char *folder, const char *name)
{
    char *path = NULL;
    if (folder && asprintf(&path, "%s/%s", strcmp(folder, "/") != 0 ? folder : "", name) < 0)
        path = NULL;
    free(folder);
    return path;
}

/* Writes a path as a URL takes it. Result: yours, or NULL. */
static char *escape(const char *path)
{
    char *text = malloc(3 * strlen(path) + 1);
    char *out = text;
    for (; text && *path; path++) {
        unsigned char byte = (unsigned char)*path;
        if (isalnum(byte) || strchr("/._-~", byte))
            *out++ = *path;
        else
            out += sprintf(out, "%%%02X", byte);
    }
    if (text)
        *out = '\0';
    return text;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The path in "sqlite:///PATH?OPTIONS", decoded. Result: yours, or NULL. */
static char *url_path(const char *url)
{
    const char *at = url + strlen(SQLITE_SCHEME);
    char *path = strndup(at, strcspn(at, "?"));
    char *out = path;
    for (const char *in = path; in && *in;) {
        int high = *in == '%' ? hex_digit(in[1]) : -1;
        int low = high >= 0 ? hex_digit(in[2]) : -1;
        *out++ = low >= 0 ? (char)(high * 16 + low) : *in;
        in += low >= 0 ? 3 : 1;
    }
    if (path)
        *out = '\0';
    return path;
}

char *db_name_absolute(const char *url)
{
    if (is_plain(url) && !daemon_url_is(url))
        return *url == '/' || !strcmp(url, IN_MEMORY) ? strdup(url) : join(here_path(), url);
    if (!begins_with(url, SQLITE_SCHEME))
        return strdup(url);
    const char *path = url + strlen(SQLITE_SCHEME);
    bool is_kept = *path == '/' || !*path || begins_with(path, IN_MEMORY);
    char *here = is_kept ? NULL : here_path();
    if (!here)
        return strdup(url);
    char *folder = escape(here);
    char *absolute = NULL;
    free(here);
    if (folder && asprintf(&absolute, SQLITE_SCHEME "%s/%s", folder, path) < 0)
        absolute = NULL;
    free(folder);
    return absolute;
}

char *db_name_file(const char *url)
{
    char *absolute = db_name_absolute(url);
    if (!absolute)
        return NULL;
    if (!is_plain(absolute) || daemon_url_is(absolute)) {
        if (!begins_with(absolute, SQLITE_SCHEME)) {
            if (daemon_url_is(absolute))
                daemon_url_trim(absolute);
            return absolute;
        }
        char *path = url_path(absolute);
        free(absolute);
        if (!path)
            return NULL;
        absolute = path;
    }
    char *real = realpath(absolute, NULL);
    char *slash = strrchr(absolute, '/');
    if (!real && slash) {
        char *folder = strndup(absolute, slash == absolute ? 1 : (size_t)(slash - absolute));
        char *real_folder = folder ? realpath(folder, NULL) : NULL;
        if (real_folder)
            real = join(real_folder, slash + 1);
        free(folder);
    }
    if (!real)
        return absolute;
    free(absolute);
    return real;
}

bool db_name_is_in_the_way(const char *url)
{
    struct stat about;
    char *file = db_name_file(url);
    bool is_there = file && !stat(file, &about);
    free(file);
    return is_there && !S_ISREG(about.st_mode) && !S_ISCHR(about.st_mode);
}
