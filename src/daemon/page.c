/*
 * The page's files: see page.h. All but the first have the hash of their contents in their address, and
 * may be kept for ever; the first names that hash, and is asked for each time.
 */
#include "page.h"

#include "page_files.h"
#include "reply.h"

#include <string.h>

#define FOLDER "/page/"

/* Nothing from elsewhere, nothing inline, and no text that becomes markup. The worker holds the one stream
 * of events for all tabs. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types daybook";

/* Result: NULL when there is no such file. */
static const struct page_file *find(const char *path)
{
    size_t hash = strlen(page_hash);
    if (!strcmp(path, "/"))
        return &page_files[0];
    path += strlen(FOLDER);
    if (strncmp(path, page_hash, hash) != 0 || path[hash] != '/')
        return NULL;
    for (const struct page_file *file = &page_files[1]; file->name; file++)
        if (!strcmp(path + hash + 1, file->name))
            return file;
    return NULL;
}

static void add_headers(struct exchange *exchange, const struct page_file *file, const char *tag)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    bool is_first = file == &page_files[0];
    evhttp_add_header(headers, "Content-Type", file->content_type);
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Content-Security-Policy", policy);
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    evhttp_add_header(headers, "Cross-Origin-Opener-Policy", "same-origin");
    evhttp_add_header(headers, "ETag", tag);
    evhttp_add_header(headers, "Cache-Control",
                      is_first ? "no-cache" : "public, max-age=31536000, immutable");
    if (exchange->is_closing || exchange->server->is_stopping)
        evhttp_add_header(headers, "Connection", "close");
}

static void give(struct exchange *exchange, const struct page_file *file)
{
    const struct evkeyvalq *asked = evhttp_request_get_input_headers(exchange->request);
    const char *known = evhttp_find_header(asked, "If-None-Match");
    char tag[64];
    struct evbuffer *body = evbuffer_new();
    bool is_known;
    snprintf(tag, sizeof(tag), "\"%s\"", page_hash);
    is_known = known && (strstr(known, tag) || !strcmp(known, "*"));
    if (!body ||
        (!is_known && evbuffer_add_reference(body, file->begin, (size_t)(file->end - file->begin),
                                             NULL, NULL))) {
        exchange_fail(exchange, 503, "out of memory");
    } else if (is_known) {
        add_headers(exchange, file, tag);
        exchange->is_sent = true;
        evhttp_send_reply(exchange->request, 304, NULL, NULL);
    } else {
        add_headers(exchange, file, tag);
        reply_done(exchange, 200, body);
    }
    if (body)
        evbuffer_free(body);
}

bool page_answer(struct exchange *exchange)
{
    const char *path = exchange->target;
    if (strcmp(path, "/") != 0 && strncmp(path, FOLDER, strlen(FOLDER)) != 0)
        return false;
    const struct page_file *file = find(path);
    enum evhttp_cmd_type method = evhttp_request_get_command(exchange->request);
    if (!file) {
        exchange_fail(exchange, 404, "the page has no such file; perhaps it is of another version");
    } else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        exchange->methods = EVHTTP_REQ_GET;
        exchange->is_closing = true;
        exchange_fail(exchange, 405, "the page can only be read");
    } else {
        give(exchange, file);
    }
    return true;
}
