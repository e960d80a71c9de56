/* A proxy that cuts connections; see proxy.h. A thread accepts, and each connection has one. */
#include "proxy.h"

#include "test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BUFFER_SIZE = 65536 };

static char folder[96], own_path[224], server_path[128], other_path[128];
static _Atomic bool is_spread;
static _Atomic unsigned connection_count;
static _Atomic int cut;
static _Atomic int cut_count;
static _Atomic int broken_count, message_count;
static _Atomic bool is_silent, is_rough;
static int listener;

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    return address;
}

static bool pass(int to, const char *bytes, ssize_t len)
{
    for (ssize_t done = 0; done < len;) {
        ssize_t sent = send(to, bytes + done, (size_t)(len - done), MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        done += sent;
    }
    return true;
}

static unsigned draw(unsigned *dice, unsigned below)
{
    *dice = *dice * 1103515245 + 12345;
    return (*dice >> 16) % below;
}

/* As a bad line does. Result: false: it broke, perhaps in the middle. */
static bool pass_roughly(int to, const char *bytes, ssize_t len, unsigned *dice)
{
    enum { DELAY_MAX_MS = 60, LONG_MS = 700 };
    ssize_t first = draw(dice, 4) ? len : (ssize_t)draw(dice, (unsigned)len + 1);
    if (!draw(dice, 12))
        usleep(1000 * (draw(dice, 20) ? draw(dice, DELAY_MAX_MS) : LONG_MS));
    if (!pass(to, bytes, first))
        return false;
    if (!draw(dice, 60)) {
        atomic_fetch_add(&broken_count, 1);
        return false;
    }
    if (first < len)
        usleep(1000 * draw(dice, 5));
    return pass(to, bytes + first, len - first);
}

/* A statement that is this word alone: PostgreSQL's end with a zero byte, MariaDB's with the packet. */
static bool has_commit(const char *bytes, size_t len)
{
    const char *word = memmem(bytes, len, "COMMIT", 6);
    return word && (word + 6 == bytes + len || word[6] == '\0');
}

/* Whether it executes the statement that keeps a batch's name for good: PostgreSQL's may be prepared in the same message,
 * MariaDB's in the one before. */
static bool has_refusal(const char *bytes, size_t len, bool *is_prepared)
{
    static const char into[] = "INTO daybook_commits", two_rows[] = "), (";
    static const char execute[] = {'E', 0, 0, 0, 9, 0};
    if (*is_prepared)
        return true;
    *is_prepared = memmem(bytes, len, into, sizeof into - 1) &&
                   memmem(bytes, len, two_rows, sizeof two_rows - 1);
    return *is_prepared && memmem(bytes, len, execute, sizeof execute);
}

/* Which cut is to be made now. */
static enum proxy_cut take_cut(unsigned *dice)
{
    int wanted = atomic_load(&cut);
    if (wanted == PROXY_CUT_AFTER_REFUSAL)
        return PROXY_CUT_NOTHING;
    if (wanted == PROXY_CUT_COMMIT_AND_REFUSAL)
        return atomic_compare_exchange_strong(&cut, &wanted, PROXY_CUT_AFTER_REFUSAL)
                   ? PROXY_CUT_BEFORE_COMMIT
                   : PROXY_CUT_NOTHING;
    if (wanted == PROXY_CUT_EITHER_AT_TIMES) {
        *dice = *dice * 1103515245 + 12345;
        unsigned number = *dice >> 16;
        return number % 4   ? PROXY_CUT_NOTHING
               : number % 8 ? PROXY_CUT_BEFORE_COMMIT
                            : PROXY_CUT_AFTER_COMMIT;
    }
    if (wanted != PROXY_CUT_NOTHING && !atomic_compare_exchange_strong(&cut, &wanted, 0))
        return PROXY_CUT_NOTHING;
    return (enum proxy_cut)wanted;
}

static bool takes_refusal(const char *bytes, size_t len, bool *is_prepared)
{
    int wanted = PROXY_CUT_AFTER_REFUSAL;
    return atomic_load(&cut) == wanted && has_refusal(bytes, len, is_prepared) &&
           atomic_compare_exchange_strong(&cut, &wanted, PROXY_CUT_NOTHING);
}

static void *serve(void *argument)
{
    static _Atomic unsigned seed = 1;
    int client = (int)(intptr_t)argument;
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_other = atomic_fetch_add(&connection_count, 1) % 2 && atomic_load(&is_spread);
    struct sockaddr_un address = address_of(is_other ? other_path : server_path);
    unsigned dice = atomic_fetch_add(&seed, 7919);
    char *buffer = malloc(BUFFER_SIZE);
    bool is_prepared = false; /* what refuses a name */
    bool is_open = buffer && connect(server, (struct sockaddr *)&address, sizeof address) == 0;
    while (is_open) {
        struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(fds, 2, 100) < 0 && errno != EINTR)
            break;
        if (atomic_load(&is_silent))
            continue;
        for (int i = 0; i < 2 && is_open; i++) {
            if (!fds[i].revents)
                continue;
            ssize_t len = recv(fds[i].fd, buffer, BUFFER_SIZE, 0);
            message_count += i == 0 && len > 0;
            bool is_commit = i == 0 && len > 0 && has_commit(buffer, (size_t)len);
            enum proxy_cut now = is_commit ? take_cut(&dice) : PROXY_CUT_NOTHING;
            if (i == 0 && len > 0 && takes_refusal(buffer, (size_t)len, &is_prepared))
                now = PROXY_CUT_AFTER_REFUSAL;
            is_open = len > 0 && now != PROXY_CUT_BEFORE_COMMIT &&
                      (atomic_load(&is_rough) ? pass_roughly(fds[1 - i].fd, buffer, len, &dice)
                                              : pass(fds[1 - i].fd, buffer, len));
            if (now == PROXY_CUT_AFTER_COMMIT || now == PROXY_CUT_AFTER_REFUSAL) {
                is_open = false;
                if (recv(server, buffer, BUFFER_SIZE, 0) < 0) /* the answer, for nobody */
                    continue;
            }
            if (now != PROXY_CUT_NOTHING)
                atomic_fetch_add(&cut_count, 1);
        }
    }
    free(buffer);
    close(client);
    close(server);
    return NULL;
}

static void *accept_all(void *unused)
{
    (void)unused;
    for (;;) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;
        if (client < 0)
            return NULL;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)client))
            close(client);
        else
            pthread_detach(thread);
    }
}

static void remove_folder(void)
{
    unlink(own_path);
    rmdir(folder);
}

const char *proxy_start(const char *server_socket)
{
    pthread_t thread;
    if (folder[0])
        return folder;
    snprintf(server_path, sizeof server_path, "%s", server_socket);
    snprintf(folder, sizeof folder, "/tmp/daybook-proxy-XXXXXX");
    assert_non_null(mkdtemp(folder));
    atexit(remove_folder);
    snprintf(own_path, sizeof own_path, "%s%s", folder, strrchr(server_path, '/'));
    struct sockaddr_un address = address_of(own_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(listener, (struct sockaddr *)&address, sizeof address), errno);
    assert_return_code(listen(listener, 64), errno);
    assert_int_equal(pthread_create(&thread, NULL, accept_all, NULL), 0);
    pthread_detach(thread);
    return folder;
}

void proxy_spread(const char *other_socket)
{
    snprintf(other_path, sizeof other_path, "%s", other_socket);
    atomic_store(&is_spread, true);
}

void proxy_set_cut(enum proxy_cut wanted)
{
    atomic_store(&cut, (int)wanted);
}

int proxy_cut_count(void)
{
    return atomic_load(&cut_count);
}

void proxy_set_rough(bool wanted)
{
    atomic_store(&is_rough, wanted);
}

int proxy_message_count(void)
{
    return atomic_load(&message_count);
}

int proxy_broken_count(void)
{
    return atomic_load(&broken_count);
}

void proxy_set_silent(bool wanted)
{
    atomic_store(&is_silent, wanted);
}
