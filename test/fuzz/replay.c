/*
 * Gives a fuzz target every file of its corpus, and then each of them cut and changed in ways that need no
 * fuzzer: so the target runs in the ordinary tests, with any compiler.
 *
 * usage: PROGRAM FOLDER
 */
#include "fuzz.h"

#include <dirent.h>

enum { SIZE_MAX_REPLAYED = 1 << 16 };

static void change_and_run(const uint8_t *bytes, size_t size)
{
    static uint8_t changed[SIZE_MAX_REPLAYED];
    static const uint8_t odd[] = {0, '%', '&', '=', '"', '[', '{', '.', 0x80, 0xFF};
    size_t step = size / 64 + 1;
    for (size_t at = 0; at < size; at += step) {
        LLVMFuzzerTestOneInput(bytes, at);
        LLVMFuzzerTestOneInput(bytes + at, size - at);
        for (size_t i = 0; i < sizeof odd; i++) {
            memcpy(changed, bytes, size);
            changed[at] = odd[i];
            LLVMFuzzerTestOneInput(changed, size);
        }
    }
}

int main(int argc, char **argv)
{
    static uint8_t bytes[SIZE_MAX_REPLAYED];
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int count = 0;
    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    LLVMFuzzerTestOneInput(NULL, 0);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        FILE *file = fopen(path, "rb");
        MUST(file);
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        LLVMFuzzerTestOneInput(bytes, size);
        change_and_run(bytes, size);
        count++;
    }
    closedir(folder);
    printf("%d files of the corpus, and what was made of them\n", count);
    return count ? 0 : 1;
}
