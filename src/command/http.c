/*
 * Requests: see http.h.
 */
#include "http.h"

#include "clock.h"
#include "credentials.h"
#include "daemon_url.h"
#include "message.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define API "/api/v2/"
#define CONNECT_MAX_MS 10000

/* What is sent slower than that is late. A deadline is for the daemon; the way of the bytes comes to it. */
#define BODY_BYTES_PER_MS 64

/* More than a daemon gives in one answer. */
#define ANSWER_MAX ((size_t)128 << 20)

/* An answer that is no longer sent, of which not a byte comes: longer than a stream is ever silent. */
#define SILENCE_MAX_S 60

struct http {
    CURLM *multi;
    CURL *easy;
    char *base;
    char *socket;             /* the path of the Unix socket that is asked; NULL: an address is */
    struct curl_slist *token; /* the header with it; NULL: none */
    atomic_bool is_interrupted;
};

/* A request under way. */
struct transfer {
    struct http *http;
    const struct http_request *request;
    struct http_answer *answer;
    int64_t sent; /* bytes of the file that were given to the other side */
    bool is_stopped;
    bool is_too_long;
    bool is_file_short;
    char reason[CURL_ERROR_SIZE];
};

static int fail(struct dbk_error *out_error, enum dbk_status status, enum dbk_outcome outcome,
                bool is_retryable, const char *what, const char *detail)
{
    *out_error =
        (struct dbk_error){.status = status, .outcome = outcome, .is_retryable = is_retryable};
    snprintf(out_error->message, sizeof(out_error->message), "%s%s%.200s", what,
             *detail ? ": " : "", detail);
    return (int)status;
}

/* ------------------------------------------------------------------------------------ curl's ---- */

/* What is started meanwhile does not get it. */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)user;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t read_file(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    const struct http_request *request = transfer->request;
    int64_t left = request->fd_len - transfer->sent;
    size_t wanted = size * count;
    if ((int64_t)wanted > left)
        wanted = (size_t)left;
    ssize_t got =
        wanted ? pread(request->fd, bytes, wanted, request->fd_offset + transfer->sent) : 0;
    if (got < 0 || (wanted && !got)) {
        transfer->is_file_short = true;
        return CURL_READFUNC_ABORT;
    }
    transfer->sent += got;
    return (size_t)got;
}

static int seek_file(void *user, curl_off_t offset, int origin)
{
    struct transfer *transfer = user;
    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    transfer->sent = offset;
    return CURL_SEEKFUNC_OK;
}

static bool gather(struct transfer *transfer, const char *bytes, size_t len)
{
    struct http_answer *answer = transfer->answer;
    if (answer->len + len > ANSWER_MAX) {
        transfer->is_too_long = true;
        return false;
    }
    char *grown = realloc(answer->body, answer->len + len + 1);
    if (!grown)
        return false;
    memcpy(grown + answer->len, bytes, len);
    answer->body = grown;
    answer->len += len;
    grown[answer->len] = '\0';
    return true;
}

static size_t take(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    const struct http_request *request = transfer->request;
    size_t len = size * count;
    long http_status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(transfer->http->easy, CURLINFO_RESPONSE_CODE, &http_status);
    if (!request->take || http_status != 200)
        return gather(transfer, bytes, len) ? len : 0;
    curl_easy_getinfo(transfer->http->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (request->take(request->user, bytes, len, length >= 0 ? length : DBK_NONE))
        return len;
    transfer->is_stopped = true;
    return 0;
}

/* --------------------------------------------------------------------------------- preparing ---- */

static void add_header(struct curl_slist **headers, const char *name, const char *value)
{
    char *line = NULL;
    if (asprintf(&line, "%s: %s", name, value) < 0)
        memory_need(NULL);
    *headers = memory_need(curl_slist_append(*headers, line));
    free(line);
}

static struct curl_slist *make_headers(const struct http *http, const struct http_request *request)
{
    struct curl_slist *headers = memory_need(curl_slist_append(NULL, "Accept: */*"));
    /* Nobody waits to be asked for a body. */
    headers = memory_need(curl_slist_append(headers, "Expect:"));
    if (http->token)
        headers = memory_need(curl_slist_append(headers, http->token->data));
    if (request->content_type)
        add_header(&headers, "Content-Type", request->content_type);
    if (request->key)
        add_header(&headers, "Idempotency-Key", request->key);
    if (request->last_event != DBK_NONE) {
        char text[24];
        snprintf(text, sizeof(text), "%" PRId64, request->last_event);
        add_header(&headers, "Last-Event-ID", text);
    }
    return headers;
}

static void set_body(CURL *easy, const struct http_request *request, struct transfer *transfer)
{
    if (request->fd >= 0) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_file);
        curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_file);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->fd_len);
    } else if (request->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_safety(CURL *easy, const char *base)
{
    const char *ca_file = credentials_ca_file();
    bool is_plain = !strncasecmp(base, "http:", 5);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    /* What is meant for this machine is not to pass through another. */
    if (is_plain)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

static void prepare(struct http *http, const struct http_request *request,
                    struct transfer *transfer, struct curl_slist *headers, const char *url)
{
    CURL *easy = http->easy;
    curl_easy_reset(easy);
    set_safety(easy, http->base);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, http->socket);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "daybook/" DBK_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MAX_MS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_MAX_S);
    set_body(easy, request, transfer);
    if (request->end_ms) {
        int64_t left = request->end_ms - clock_ms();
        int64_t len = request->fd >= 0 ? request->fd_len : (int64_t)request->body_len;
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                         (long)((left > 1 ? left : 1) + len / BODY_BYTES_PER_MS));
    }
}

/* -------------------------------------------------------------------------------- performing ---- */

/* Waits for the end. Result: false when it was interrupted. */
static bool wait_for_end(struct http *http, CURLcode *out_code)
{
    int running = 1;
    for (;;) {
        CURLMcode code = curl_multi_perform(http->multi, &running);
        CURLMsg *told;
        int left;
        while ((told = curl_multi_info_read(http->multi, &left)))
            if (told->msg == CURLMSG_DONE) {
                *out_code = told->data.result;
                return true;
            }
        if (code != CURLM_OK || !running) {
            *out_code = CURLE_FAILED_INIT;
            return true;
        }
        if (atomic_load(&http->is_interrupted))
            return false;
        curl_multi_poll(http->multi, NULL, 0, 1000, NULL);
    }
}

/* Whether nothing of the request can have arrived. What was sent on a connection that then ended is sent again
 * on a new one by curl itself: that this one failed says nothing of the first. */
static bool is_unsent(CURL *easy, CURLcode code)
{
    long sent_len = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent_len);
    switch (sent_len ? CURLE_OK : code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return true;
    default:
        return false;
    }
}

/* Says why no answer came. */
static int tell_failure(const struct transfer *transfer, CURLcode code, struct dbk_error *out_error)
{
    const char *reason = *transfer->reason ? transfer->reason : curl_easy_strerror(code);
    long os_error = 0;
    curl_easy_getinfo(transfer->http->easy, CURLINFO_OS_ERRNO, &os_error);
    /* curl itself speaks of a host and a port. */
    if (transfer->http->socket && code == CURLE_COULDNT_CONNECT && os_error)
        reason = strerror((int)os_error);
    enum dbk_outcome outcome = is_unsent(transfer->http->easy, code) ? DBK_NOT_DONE : DBK_UNKNOWN;
    if (transfer->is_file_short)
        return fail(out_error, DBK_INVALID, DBK_NOT_DONE, false, "the file ended too early", "");
    if (transfer->is_too_long)
        return fail(out_error, DBK_TOO_LARGE, outcome, false,
                    "the daemon's answer is too long to be one", "");
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return fail(out_error, DBK_TIMEOUT, outcome, true, "the daemon did not answer in time", "");
    case CURLE_PEER_FAILED_VERIFICATION:
        return fail(out_error, DBK_DENIED, outcome, false,
                    "the daemon's certificate is not one that is trusted (DAYBOOK_CA_FILE names a "
                    "file of others)",
                    reason);
    case CURLE_SSL_CACERT_BADFILE:
        return fail(out_error, DBK_DENIED, outcome, false,
                    "the file of DAYBOOK_CA_FILE cannot be used", reason);
    case CURLE_OUT_OF_MEMORY:
        return fail(out_error, DBK_NO_MEMORY, outcome, false, "out of memory", "");
    default:
        return fail(out_error, DBK_UNREACHABLE, outcome, true, "the daemon cannot be reached",
                    reason);
    }
}

int http_perform(struct http *http, const struct http_request *request, struct http_answer *answer,
                 struct dbk_error *out_error)
{
    struct transfer transfer = {.http = http, .request = request, .answer = answer};
    struct curl_slist *headers = make_headers(http, request);
    char *url = NULL;
    CURLcode code = CURLE_OK;
    int status = DBK_OK;
    *answer = (struct http_answer){0};
    if (asprintf(&url, "%s" API "%s", http->base, request->target) < 0)
        memory_need(NULL);
    prepare(http, request, &transfer, headers, url);
    bool is_added = curl_multi_add_handle(http->multi, http->easy) == CURLM_OK;
    bool is_ended = is_added && wait_for_end(http, &code);
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &answer->http_status);
    if (is_added)
        curl_multi_remove_handle(http->multi, http->easy);
    if (!is_added)
        status = fail(out_error, DBK_NO_MEMORY, DBK_NOT_DONE, false, "out of memory", "");
    else if (!is_ended || transfer.is_stopped)
        status = fail(out_error, DBK_CANCELLED, DBK_UNKNOWN, false,
                      "cancelled before the daemon had answered", "");
    else if (code != CURLE_OK)
        status = tell_failure(&transfer, code, out_error);
    curl_slist_free_all(headers);
    free(url);
    return status;
}

void http_answer_fini(struct http_answer *answer)
{
    free(answer->body);
    *answer = (struct http_answer){0};
}

/* ----------------------------------------------------------------------------- begin and end ---- */

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Takes apart what is asked: curl wants a socket's path by itself, and a host all the same. */
static void take_base(struct http *http, const char *base)
{
    if (strncmp(base, DAEMON_URL_SOCKET, strlen(DAEMON_URL_SOCKET)) != 0) {
        http->base = memory_need(strdup(base));
        return;
    }
    const char *path = base + strlen(DAEMON_URL_SOCKET);
    size_t len = daemon_url_socket_length(base);
    http->socket = memory_need(strndup(path, len));
    if (asprintf(&http->base, "http://localhost%s", path + len + (path[len] == ':')) < 0)
        memory_need(NULL);
}

struct http *http_new_stranger(const char *base)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct http *http = memory_need(calloc(1, sizeof(*http)));
    take_base(http, base);
    http->multi = memory_need(curl_multi_init());
    http->easy = memory_need(curl_easy_init());
    return http;
}

struct http *http_new(const char *base, struct dbk_error *out_error)
{
    char *token = NULL;
    if (credentials_token(&token, out_error))
        return NULL;
    struct http *http = http_new_stranger(base);
    if (token) {
        char *value = NULL;
        if (asprintf(&value, "Bearer %s", token) < 0)
            memory_need(NULL);
        add_header(&http->token, "Authorization", value);
        free(value);
    }
    free(token);
    return http;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->easy);
    curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->token);
    free(http->base);
    free(http->socket);
    free(http);
}

void http_interrupt(struct http *http)
{
    atomic_store(&http->is_interrupted, true);
    curl_multi_wakeup(http->multi);
}

void http_go_on(struct http *http)
{
    atomic_store(&http->is_interrupted, false);
}
