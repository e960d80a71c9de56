/* The daemon, over its Unix socket: a query string or a request's body is answered with a status that says what it
 * was, never 500, and JSON; and the connection goes on. The daemon runs in a thread on a store in memory. */
#include "daemon/serve.h"
#include "fuzz.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TRIES_MAX 3000 /* of 10 ms, until it listens */

static char folder[] = "/tmp/daybook-fuzz-XXXXXX";
static char place[sizeof folder + 16];
static int client = -1;

/* Whatever these are asked for, and whatever comes as a body of those, is told by the input's first byte. */
static const char *const lists[] = {
    "builds",   "builders/1/builds", "builds/1/steps", "builds/1/data", "builds/1/property_list",
    "builders", "buildrequests",     "changes",        "sourcestamps",  "builds/1",
};
static const char *const writes[] = {
    "POST /api/v2/builders/b/builds",    "PATCH /api/v2/builds/1",
    "PATCH /api/v2/builds/1/properties", "PUT /api/v2/builds/1/properties/p",
    "POST /api/v2/steps/1/start",        "POST /api/v2/builds/1/finish",
};
enum { LISTS = sizeof lists / sizeof *lists, WRITES = sizeof writes / sizeof *writes };

static void clean(void)
{
    unlink(place + strlen("unix:"));
    rmdir(folder);
}

static void *serve(void *user)
{
    struct serve_options options = {
        .listen = place, .socket_mode = 0600, .session_s = 60, .base_path = ""};
    char message[SERVE_MESSAGE_SIZE];
    serve_run(user, &options, message);
    fprintf(stderr, "it ended: %s\n", message);
    abort();
}

static void reach(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {30, 0};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", place + strlen("unix:"));
    for (int i = 0; client < 0 && i < TRIES_MAX; i++) {
        client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        MUST(client >= 0);
        if (connect(client, (struct sockaddr *)&address, sizeof address)) {
            close(client);
            client = -1;
            usleep(10000);
        }
    }
    MUST(client >= 0);
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static void put(const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len) {
        ssize_t sent = send(client, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        MUST(sent > 0);
        at += sent;
        len -= (size_t)sent;
    }
}

/* Reads an answer. Result: its status. */
static int take(void)
{
    static char answer[1 << 20];
    size_t len = 0, wanted = 0;
    const char *body = NULL;
    while (!body || len < wanted) {
        MUST(len < sizeof answer - 1);
        ssize_t got = recv(client, answer + len, sizeof answer - 1 - len, 0);
        if (got < 0 && errno == EINTR) /* the fuzzer's clock */
            continue;
        MUST(got > 0);
        answer[len += (size_t)got] = '\0';
        if (body || !(body = strstr(answer, "\r\n\r\n")))
            continue;
        const char *length = strcasestr(answer, "\r\nContent-Length:");
        MUST(length && length < body);
        body += 4;
        wanted = (size_t)(body - answer) + strtoul(length + 17, NULL, 10);
    }
    MUST(len == wanted); /* nothing was taken for a second request */
    MUST(!strncmp(answer, "HTTP/1.1 ", 9));
    json_t *value = json_loadb(body, len - (size_t)(body - answer), 0, NULL);
    int status = atoi(answer + 9);
    MUST(json_is_object(value));
    MUST(status < 400 || json_is_string(json_object_get(value, "error")));
    json_decref(value);
    if (strcasestr(answer, "\r\nConnection: close")) {
        close(client);
        client = -1;
        reach();
    }
    return status;
}

static int ask(const char *head, const void *body, size_t len)
{
    put(head, strlen(head));
    put(body, len);
    return take();
}

static int write_body(const char *line, const void *body, size_t len)
{
    char head[256];
    snprintf(head, sizeof head,
             "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n",
             line, len);
    return ask(head, body, len);
}

static void begin(void)
{
    static const char whole[] =
        "{\"results\": 0, \"reason\": \"r\", \"properties\": {\"p\": [1, \"s\"]},"
        " \"steps\": [{\"name\": \"s\"}], \"data\": [{\"name\": \"d\", \"value\": \"v\"}],"
        " \"sourcestamps\": [{\"branch\": \"main\"}]}";
    struct dbk_store *store;
    pthread_t thread;
    MUST(mkdtemp(folder));
    snprintf(place, sizeof place, "unix:%s/http", folder);
    atexit(clean);
    MUST(!dbk_open("sqlite://", NULL, &store, NULL));
    MUST(!pthread_create(&thread, NULL, serve, store));
    reach();
    MUST(write_body(writes[0], whole, strlen(whole)) == 201);
}

/* What a request line cannot hold is encoded; percent signs stay, so that what is decoded is the input's. */
static void ask_list(const char *list, const uint8_t *data, size_t size)
{
    char *head = malloc(size * 3 + 256);
    MUST(head);
    char *at = head + sprintf(head, "GET /api/v2/%s?", list);
    for (size_t i = 0; i < size; i++)
        if (data[i] <= ' ' || data[i] == 0x7f || data[i] == '#')
            at += sprintf(at, "%%%02X", data[i]);
        else
            *at++ = (char)data[i];
    strcpy(at, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    int status = ask(head, NULL, 0);
    MUST(status == 200 || status == 400 || status == 404 || status == 413);
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (client < 0)
        begin();
    if (!size)
        return 0;
    int choice = *data % (LISTS + WRITES);
    if (choice < LISTS) {
        ask_list(lists[choice], data + 1, size - 1);
    } else {
        int status = write_body(writes[choice - LISTS], data + 1, size - 1);
        MUST(status == 200 || status == 201 || status == 400 || status == 404 || status == 409 ||
             status == 413);
    }
    return 0;
}
