/*
 * TLS: see tls.h.
 */
#include "tls.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

/* A key that needs a word is refused: there is nobody to ask for it. */
static int no_word(char *buffer, int size, int is_writing, void *user)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)user;
    return -1;
}

static bool fail(char *out_message, const char *path, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    snprintf(out_message, TLS_MESSAGE_SIZE, "%.120s: %s%s%s%s", path, what, reason ? " (" : "",
             reason ? reason : "", reason ? ")" : "");
    ERR_clear_error();
    return false;
}

static bool is_readable(const char *path, char *out_message)
{
    if (!access(path, R_OK))
        return true;
    snprintf(out_message, TLS_MESSAGE_SIZE, "%.120s: %s", path, strerror(errno));
    return false;
}

static bool read_files(SSL_CTX *context, const char *cert, const char *key, char *out_message)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(context, no_word);
    if (!is_readable(cert, out_message) || !is_readable(key, out_message))
        return false;
    if (SSL_CTX_use_certificate_chain_file(context, cert) != 1)
        return fail(out_message, cert, "not a certificate in PEM form");
    /* One that is not the certificate's is refused here too, with the reason. */
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return fail(out_message, key, "not this certificate's key in PEM form, without a password");
    return true;
}

bool tls_load(struct server *server, char out_message[TLS_MESSAGE_SIZE])
{
    const char *cert = server->options->tls_cert, *key = server->options->tls_key;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        snprintf(out_message, TLS_MESSAGE_SIZE, "out of memory");
        return false;
    }
    /* A peer may leave without a word: no message here ends with its connection. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (!read_files(context, cert, key ? key : cert, out_message)) {
        SSL_CTX_free(context);
        return false;
    }
    tls_fini(server);
    server->tls = context;
    return true;
}

void tls_fini(struct server *server)
{
    SSL_CTX_free(server->tls);
    server->tls = NULL;
}

struct bufferevent *tls_bufferevent(struct server *server, struct event_base *base)
{
    SSL *ssl = SSL_new(server->tls);
    struct bufferevent *bufferevent =
        ssl ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE)
            : NULL;
    if (ssl && !bufferevent)
        SSL_free(ssl);
    return bufferevent;
}

void tls_say_end(struct bufferevent *bufferevent)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bufferevent);
    if (ssl && SSL_is_init_finished(ssl) && SSL_shutdown(ssl) < 0)
        ERR_clear_error(); /* it has gone already */
}
