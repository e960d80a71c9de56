/* Files of rules: see retention_file.h. */
#include "retention_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_READ (256 * 1024)

struct dbk_retention *retention_file_read(const char *path, char message[RETENTION_MESSAGE_SIZE])
{
    struct dbk_retention *retention = NULL;
    struct dbk_error error;
    char *text = malloc(SIZE_MAX_READ + 1);
    FILE *file = text ? fopen(path, "re") : NULL;
    size_t len = file ? fread(text, 1, SIZE_MAX_READ, file) : 0;
    if (!file || ferror(file)) {
        snprintf(message, RETENTION_MESSAGE_SIZE, "%s: %s", path, strerror(errno));
    } else if (len == SIZE_MAX_READ || memchr(text, 0, len)) {
        snprintf(message, RETENTION_MESSAGE_SIZE, "%s: it is no file of rules", path);
    } else {
        text[len] = '\0';
        if (dbk_retention_parse(text, &retention, &error))
            snprintf(message, RETENTION_MESSAGE_SIZE, "%s, %s", path, error.message);
    }
    if (file)
        fclose(file);
    free(text);
    return retention;
}
