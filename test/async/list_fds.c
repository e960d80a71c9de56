/* A child of the guest test: ends with 0 when it has inherited the descriptors 0, 1 and 2 and no other. */
#include <dirent.h>
#include <stdlib.h>

int main(void)
{
    unsigned seen = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 2;
    for (struct dirent *entry; (entry = readdir(folder));) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(folder))
            continue;
        if (fd > 2)
            return 1;
        seen |= 1u << fd;
    }
    closedir(folder);
    return seen == 7 ? 0 : 3;
}
