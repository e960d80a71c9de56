/*
 * Which URLs may be told something: see serve.h.
 */
#include "serve.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

/* Whether a host is this machine by its name or address alone, without asking anybody. */
static bool is_loopback(const char *host)
{
    return !strcasecmp(host, "localhost") || !strcmp(host, "[::1]") ||
           (!strncmp(host, "127.", 4) && strspn(host, "0123456789.") == strlen(host));
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool is_there = !curl_url_get(url, part, &text, 0) && text && *text;
    curl_free(text);
    return is_there;
}

static bool is_reachable(CURLU *url)
{
    char *scheme = NULL, *host = NULL;
    bool is_good = !curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) &&
                   !curl_url_get(url, CURLUPART_HOST, &host, 0) &&
                   (!strcmp(scheme, "https") || (!strcmp(scheme, "http") && is_loopback(host))) &&
                   !has_part(url, CURLUPART_USER) && !has_part(url, CURLUPART_PASSWORD);
    curl_free(scheme);
    curl_free(host);
    return is_good;
}

static bool is_graphic(const char *text)
{
    while (isgraph((unsigned char)*text))
        text++;
    return !*text;
}

bool serve_is_public_url(const char *text)
{
    size_t len = strlen(text);
    bool is_http = !strncmp(text, "https://", 8) || !strncmp(text, "http://", 7);
    return is_http && len < 512 && text[len - 1] != '/' && is_graphic(text) && !strchr(text, '#');
}

bool serve_is_hook(const char *text)
{
    if (strlen(text) > 2000 || !is_graphic(text))
        return false;
    CURLU *url = curl_url();
    bool is_good = url && !curl_url_set(url, CURLUPART_URL, text, 0) && is_reachable(url);
    curl_url_cleanup(url);
    return is_good;
}
