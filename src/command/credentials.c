/*
 * Credentials: see credentials.h.
 */
#include "credentials.h"

#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MAX 4096

static int refuse(struct dbk_error *out_error, const char *why, const char *detail)
{
    *out_error = (struct dbk_error){.status = DBK_DENIED};
    snprintf(out_error->message, sizeof(out_error->message), "%s%s%s", why, detail ? ": " : "",
             detail ? detail : "");
    return DBK_DENIED;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Whether it can stand in a header's line. */
static bool is_token(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

/* Reads the file's first bytes. Result: DBK_OK; a status and *out_error. */
static int read_file(const char *path, char text[TOKEN_MAX + 1], struct dbk_error *out_error)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refuse(out_error, "the file of DAYBOOK_TOKEN_FILE cannot be read", strerror(errno));
    bool is_open_to_all = fstat(fd, &about) || (S_ISREG(about.st_mode) && about.st_mode & S_IROTH);
    ssize_t len = read(fd, text, TOKEN_MAX);
    int reason = errno;
    close(fd);
    if (is_open_to_all)
        return refuse(out_error,
                      "every user can read the file of DAYBOOK_TOKEN_FILE: take that away (chmod "
                      "600), and replace the token",
                      NULL);
    if (len < 0)
        return refuse(out_error, "the file of DAYBOOK_TOKEN_FILE cannot be read", strerror(reason));
    text[len] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    if (!*text)
        return refuse(out_error, "the file of DAYBOOK_TOKEN_FILE has no token in its first line",
                      NULL);
    return DBK_OK;
}

int credentials_token(char **out_token, struct dbk_error *out_error)
{
    char text[TOKEN_MAX + 1];
    const char *path = variable("DAYBOOK_TOKEN_FILE");
    const char *token = variable("DAYBOOK_TOKEN");
    if (path) {
        int status = read_file(path, text, out_error);
        if (status)
            return status;
        token = text;
    }
    if (token && !is_token(token))
        return refuse(out_error,
                      "the token is none: it has spaces or other characters that no "
                      "token has",
                      NULL);
    *out_token = token ? memory_need(strdup(token)) : NULL;
    return DBK_OK;
}

const char *credentials_ca_file(void)
{
    return variable("DAYBOOK_CA_FILE");
}
