/*
 * Which runs are in the spool: see spool.h.
 */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Copies the KEY of "KEY.run". Result: whether it is such a name. */
static bool read_name(const char *name, char key[SPOOL_KEY_SIZE])
{
    size_t len = strlen(name);
    if (len <= 4 || strcmp(name + len - 4, ".run") != 0 || len - 4 >= SPOOL_KEY_SIZE)
        return false;
    if (strspn(name, "0123456789abcdef-") != len - 4)
        return false;
    memcpy(key, name, len - 4);
    key[len - 4] = '\0';
    return true;
}

static int compare(const void *one, const void *other)
{
    return strcmp(one, other);
}

int spool_list(char (**out_keys)[SPOOL_KEY_SIZE], size_t *out_count)
{
    char(*keys)[SPOOL_KEY_SIZE] = NULL;
    size_t count = 0, size = 0;
    char *folder = spool_folder();
    DIR *dir = folder ? opendir(folder) : NULL;
    int error = dir || !folder || errno == ENOENT ? 0 : errno;
    struct dirent *found;
    free(folder);
    while (dir && !error && (found = readdir(dir))) {
        char key[SPOOL_KEY_SIZE];
        if (!read_name(found->d_name, key))
            continue;
        if (count == size) {
            size = size ? 2 * size : 64;
            void *grown = realloc(keys, size * sizeof(*keys));
            if (!grown) {
                error = ENOMEM;
                break;
            }
            keys = grown;
        }
        memcpy(keys[count++], key, sizeof(key));
    }
    if (dir)
        closedir(dir);
    if (count)
        qsort(keys, count, sizeof(*keys), compare);
    *out_keys = keys;
    *out_count = error ? 0 : count;
    return error;
}

int64_t spool_output_size(void)
{
    char *folder = spool_folder();
    DIR *dir = folder ? opendir(folder) : NULL;
    struct dirent *found;
    struct stat about;
    int64_t size = 0;
    free(folder);
    while (dir && (found = readdir(dir))) {
        const char *ending = strrchr(found->d_name, '.');
        if (ending && !strcmp(ending, ".out") &&
            !fstatat(dirfd(dir), found->d_name, &about, AT_SYMLINK_NOFOLLOW))
            size += about.st_size;
    }
    if (dir)
        closedir(dir);
    return size;
}
