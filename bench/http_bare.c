/*
 * The yardstick of the daemon's rate: a handler of evhttp that answers a fixed text, and does nothing else.
 *
 *     http-bare FILE       answers each request with the file's bytes, until it is killed; prints its port
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

struct text {
    char bytes[1 << 20];
    size_t len;
};

static void answer(struct evhttp_request *request, void *user)
{
    const struct text *text = user;
    struct evbuffer *body = evbuffer_new();
    if (!body || evbuffer_add(body, text->bytes, text->len))
        abort();
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                      "application/json; charset=utf-8");
    evhttp_send_reply(request, 200, NULL, body);
    evbuffer_free(body);
}

int main(int argc, char **argv)
{
    static struct text text;
    struct sockaddr_in place;
    socklen_t size = sizeof(place);
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    struct event_base *base = event_base_new();
    struct evhttp *http = base ? evhttp_new(base) : NULL;
    if (!file || !http) {
        fputs("usage: http-bare FILE\n", stderr);
        return 2;
    }
    text.len = fread(text.bytes, 1, sizeof(text.bytes), file);
    fclose(file);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    if (!bound ||
        getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&place, &size)) {
        fputs("http-bare: cannot listen\n", stderr);
        return 1;
    }
    evhttp_set_gencb(http, answer, &text);
    printf("%d\n", ntohs(place.sin_port));
    fflush(stdout);
    return event_base_dispatch(base);
}
