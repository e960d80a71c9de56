/*
 * Webhooks: see notify_webhook.h. libcurl's multi interface, driven by the daemon's loop: it says which sockets it
 * waits for and for how long, and hears when they are ready.
 */
#include "notify_webhook.h"

#include "notifier.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 65536 /* bytes of an answer; then it is cut off */
#define SECRET_MIN 16    /* bytes: what is shorter can be guessed */

struct transfer {
    struct notifier *notifier;
    struct delivery *delivery;
    CURL *easy;
    struct curl_slist *headers;
    size_t answer_len;
    char reason[CURL_ERROR_SIZE];
    struct transfer *next;
};

/* ------------------------------------------------------------------------------------- the secret ---- */

bool webhook_signature(const char *secret, const char *body, char out[80])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)body, strlen(body),
              digest, &len))
        return false;
    int at = snprintf(out, 80, "sha256=");
    for (unsigned int i = 0; i < len; i++)
        at += snprintf(out + at, 80 - (size_t)at, "%02x", digest[i]);
    return true;
}

int webhooks_load(struct webhooks *webhooks, const char *path, char *out_message,
                  size_t message_size)
{
    char text[SECRET_MAX + 2];
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t len = fd < 0 || fstat(fd, &about) ? -1 : read(fd, text, sizeof(text) - 1);
    int error = len < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (error) {
        snprintf(out_message, message_size, "%.150s: %s", path, strerror(error));
        return error;
    }
    text[len] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    const char *wrong = about.st_mode & 077 ? "others than its owner may read the secret: chmod 600"
                        : strlen(text) < SECRET_MIN ? "the secret in its first line is too short"
                        : strlen(text) > SECRET_MAX ? "the secret in its first line is too long"
                                                    : NULL;
    if (wrong)
        snprintf(out_message, message_size, "%.150s: %s", path, wrong);
    else
        memcpy(webhooks->secret, text, strlen(text) + 1);
    explicit_bzero(text, sizeof(text));
    return wrong ? EINVAL : 0;
}

/* -------------------------------------------------------------------------------------- one of them ---- */

static void transfer_free(struct transfer *transfer)
{
    struct transfer **link = &transfer->notifier->courier.webhooks.list;
    while (*link && *link != transfer)
        link = &(*link)->next;
    if (*link)
        *link = transfer->next;
    if (transfer->easy) {
        curl_multi_remove_handle(transfer->notifier->courier.webhooks.multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
    }
    curl_slist_free_all(transfer->headers);
    free(transfer);
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    (void)bytes;
    transfer->answer_len += size * count;
    return transfer->answer_len > ANSWER_MAX ? 0 : size * count;
}

static bool add_header(struct transfer *transfer, const char *name, const char *value)
{
    char *text;
    if (asprintf(&text, "%s: %s", name, value) < 0)
        return false;
    struct curl_slist *longer = curl_slist_append(transfer->headers, text);
    free(text);
    if (longer)
        transfer->headers = longer;
    return longer;
}

static bool add_headers(struct transfer *transfer)
{
    const struct delivery *delivery = transfer->delivery;
    const char *secret = transfer->notifier->courier.webhooks.secret;
    char signature[80], now[24];
    snprintf(now, sizeof(now), "%lld", (long long)time(NULL));
    return add_header(transfer, "Content-Type", "application/json") &&
           add_header(transfer, "X-Daybook-Delivery", delivery->id) &&
           add_header(transfer, "X-Daybook-Event", delivery->event) &&
           add_header(transfer, "X-Daybook-Timestamp", now) &&
           (!*secret || (webhook_signature(secret, delivery->body, signature) &&
                         add_header(transfer, "X-Daybook-Signature", signature)));
}

static void set_up(struct transfer *transfer)
{
    const struct notify_options *options = transfer->notifier->options;
    const char *url = transfer->delivery->queue->target->place;
    CURL *easy = transfer->easy;
    bool is_plain = !strncasecmp(url, "http:", 5);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (options->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (is_plain) /* this machine needs no proxy, and none may read it */
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "daybook/" DBK_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->delivery->body);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->timeout_s * 1000);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

const char *webhooks_begin(struct notifier *notifier, struct delivery *delivery)
{
    struct webhooks *webhooks = &notifier->courier.webhooks;
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (!transfer)
        return "out of memory";
    transfer->notifier = notifier;
    transfer->delivery = delivery;
    transfer->easy = curl_easy_init();
    if (!transfer->easy || !add_headers(transfer)) {
        transfer_free(transfer);
        return "out of memory";
    }
    set_up(transfer);
    if (curl_multi_add_handle(webhooks->multi, transfer->easy)) {
        transfer_free(transfer);
        return "out of memory";
    }
    transfer->next = webhooks->list;
    webhooks->list = transfer;
    return NULL;
}

/* The answer's status counts: an answer that is cut off or never ends was given all the same. */
static void end(struct transfer *transfer, CURLcode code)
{
    struct notifier *notifier = transfer->notifier;
    struct delivery *delivery = transfer->delivery;
    long status = 0;
    char why[CURL_ERROR_SIZE + 40];
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    bool is_done = status >= 200 && status < 300 && (!code || code == CURLE_WRITE_ERROR);
    if (status && (!code || code == CURLE_WRITE_ERROR))
        snprintf(why, sizeof(why), "it answered %ld", status);
    else
        snprintf(why, sizeof(why), "%s",
                 *transfer->reason ? transfer->reason : curl_easy_strerror(code));
    transfer_free(transfer);
    courier_ended(notifier, delivery, is_done ? NULL : why);
}

/* ---------------------------------------------------------------------------------------- the loop ---- */

static void take_ended(struct notifier *notifier)
{
    const CURLMsg *message;
    int count;
    while ((message = curl_multi_info_read(notifier->courier.webhooks.multi, &count))) {
        char *transfer = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        end((struct transfer *)transfer, code);
    }
}

static void act(struct notifier *notifier, curl_socket_t fd, int what)
{
    int count;
    curl_multi_socket_action(notifier->courier.webhooks.multi, fd, what, &count);
    take_ended(notifier);
}

static void socket_ready(evutil_socket_t fd, short what, void *user)
{
    act(user, fd,
        (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void time_over(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    act(user, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct notifier *notifier = user;
    const struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    (void)multi;
    if (timeout_ms < 0)
        return event_del(notifier->courier.webhooks.timer);
    return event_add(notifier->courier.webhooks.timer, &timeout);
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *of_socket)
{
    struct notifier *notifier = user;
    struct event *event = of_socket;
    (void)easy;
    if (event)
        event_free(event);
    event = NULL;
    if (what != CURL_POLL_REMOVE) {
        short wanted = EV_PERSIST;
        wanted |= what & CURL_POLL_IN ? EV_READ : 0;
        wanted |= what & CURL_POLL_OUT ? EV_WRITE : 0;
        event = event_new(notifier->server->base, fd, wanted, socket_ready, notifier);
        /* Without one the time limit ends the transfer. */
        if (event)
            event_add(event, NULL);
    }
    curl_multi_assign(notifier->courier.webhooks.multi, fd, event);
    return 0;
}

bool webhooks_init(struct notifier *notifier)
{
    struct webhooks *webhooks = &notifier->courier.webhooks;
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return false;
    webhooks->multi = curl_multi_init();
    webhooks->timer = evtimer_new(notifier->server->base, time_over, notifier);
    if (!webhooks->multi || !webhooks->timer)
        return false;
    curl_multi_setopt(webhooks->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(webhooks->multi, CURLMOPT_SOCKETDATA, notifier);
    curl_multi_setopt(webhooks->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(webhooks->multi, CURLMOPT_TIMERDATA, notifier);
    return true;
}

void webhooks_fini(struct notifier *notifier)
{
    struct webhooks *webhooks = &notifier->courier.webhooks;
    while (webhooks->list)
        transfer_free(webhooks->list);
    if (webhooks->multi)
        curl_multi_cleanup(webhooks->multi);
    if (webhooks->timer)
        event_free(webhooks->timer);
    explicit_bzero(webhooks->secret, sizeof(webhooks->secret));
    webhooks->multi = NULL;
    webhooks->timer = NULL;
    curl_global_cleanup();
}
