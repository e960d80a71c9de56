/* The machine that was measured on. */
#include "report.h"

#include <daybook.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { SYNCS = 41 };

static void read_cpu_model(char *out_model, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(out_model, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !colon)
            continue;
        snprintf(out_model, size, "%s", colon + 2);
        out_model[strcspn(out_model, "\n")] = '\0';
        break;
    }
    if (file)
        fclose(file);
}

double machine_busy_seconds(void)
{
    long long user, nice, system, idle, wait, irq, softirq, steal;
    FILE *file = fopen("/proc/stat", "re");
    if (!file || fscanf(file, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system,
                        &idle, &wait, &irq, &softirq, &steal) != 8)
        bench_fail("/proc/stat cannot be read");
    fclose(file);
    return (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
}

int machine_cpu_count(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median time of bringing four kilobytes to the disk. */
static double measure_sync_us(const char *folder)
{
    char path[4096];
    static char page[4096];
    double times[SYNCS];
    snprintf(path, sizeof path, "%s/sync", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        bench_fail("%s cannot be made", path);
    for (int i = 0; i < SYNCS; i++) {
        double start = bench_seconds();
        if (pwrite(fd, page, sizeof page, 0) != sizeof page || fdatasync(fd))
            bench_fail("%s cannot be written", path);
        times[i] = (bench_seconds() - start) * 1e6;
    }
    close(fd);
    unlink(path);
    qsort(times, SYNCS, sizeof *times, compare);
    return times[SYNCS / 2];
}

json_t *machine_describe(const char *folder)
{
    char model[128];
    struct utsname system;
    struct statfs disk;
    read_cpu_model(model, sizeof model);
    if (uname(&system) || statfs(folder, &disk))
        bench_fail("the machine cannot be described");
    if (disk.f_type == 0x01021994)
        fprintf(stderr, "bench: %s is in memory (tmpfs): syncs cost nothing there\n", folder);
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:f, s:I}", "cpu", model, "cores",
                     (json_int_t)machine_cpu_count(), "kernel", system.release, "machine",
                     system.machine, "sqlite", sqlite3_libversion(), "daybook", dbk_version(),
                     "fdatasync_us", measure_sync_us(folder), "file_system_type",
                     (json_int_t)disk.f_type);
}
