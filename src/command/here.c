/*
 * Where we are: see here.h.
 */
#include "here.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the kernel puts behind the name of a directory that was removed. */
#define DELETED " (deleted)"

char *here_path(void)
{
    char *path = getcwd(NULL, 0);
    if (path)
        return path;
    /* Not $PWD, which may be that of whoever started us from elsewhere. */
    char link[PATH_MAX + sizeof(DELETED)];
    ssize_t len = readlink("/proc/self/cwd", link, sizeof(link) - 1);
    if (len <= (ssize_t)strlen(DELETED) || *link != '/')
        return NULL;
    link[len] = '\0';
    char *end = link + len - strlen(DELETED);
    if (!strcmp(end, DELETED))
        *end = '\0';
    return strdup(link);
}
