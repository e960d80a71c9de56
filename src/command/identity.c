/*
 * Who runs: see identity.h.
 */
#include "identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* When a process began; 0 when there is none of that id. A zombie is none. */
static int64_t read_start(int64_t pid)
{
    char name[64], text[1024];
    snprintf(name, sizeof(name), "/proc/%" PRId64 "/stat", pid);
    FILE *file = fopen(name, "re");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = '\0';
    /* The second field is a name in parentheses, which may hold anything. */
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ' || strchr("ZX", at[2]))
        return 0;
    for (int field = 2; field < 22 && at; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoll(at, NULL, 10) : 0;
}

static void read_boot_id(char boot_id[IDENTITY_BOOT_SIZE])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    boot_id[0] = '\0';
    if (file && !fgets(boot_id, IDENTITY_BOOT_SIZE, file))
        boot_id[0] = '\0';
    if (file)
        fclose(file);
    boot_id[strcspn(boot_id, "\n")] = '\0';
}

static void read_host(struct identity *identity)
{
    char host[IDENTITY_HOST_SIZE] = "";
    if (gethostname(host, sizeof(host) - 1) || !*host)
        strcpy(host, "localhost");
    memcpy(identity->host, host, sizeof(host));
}

void identity_init(struct identity *identity)
{
    *identity = (struct identity){.pid = getpid()};
    read_host(identity);
    read_boot_id(identity->boot_id);
    identity->pid_started = read_start(identity->pid);
}

bool identity_is_here(const struct identity *identity)
{
    struct identity self;
    read_host(&self);
    return !strcmp(self.host, identity->host);
}

bool identity_is_of_earlier_boot(const struct identity *identity)
{
    char boot_id[IDENTITY_BOOT_SIZE];
    read_boot_id(boot_id);
    return strcmp(boot_id, identity->boot_id) != 0;
}

bool identity_is_alive(const struct identity *identity)
{
    return !identity_is_of_earlier_boot(identity) && identity->pid_started &&
           read_start(identity->pid) == identity->pid_started;
}
