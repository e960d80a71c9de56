/*
 * `daybook serve`: answers over HTTP until it is told to stop. What it answers stands in src/daemon.
 */
#include "../daemon/serve.h"
#include "config_file.h"
#include "message.h"
#include "options.h"
#include "serve_notify.h"
#include "store_open.h"

#include <stdlib.h>
#include <string.h>

#define SOCKET_MODE 0660
#define PROXIES_MAX 16
#define RATE_MAX 100
#define QUEUE_MAX 1000
#define SESSION_S (7 * 86400)
#define PRUNE_EVERY_S 3600

/* Reads --socket-mode. Result: 0, or EXIT_USAGE after a message. */
static int arguments_mode(const struct arguments *arguments, mode_t *out_mode)
{
    const char *text = arguments_value(arguments, "socket-mode");
    size_t len = text ? strspn(text, "01234567") : 0;
    if (text && (text[len] || len < 3 || len > 4 || strtol(text, NULL, 8) > 0777))
        return usage_error(arguments, "--socket-mode is a mode as in 0660, not \"%s\"",
                           message_word(text));
    *out_mode = text ? (mode_t)strtol(text, NULL, 8) : SOCKET_MODE;
    return 0;
}

/* Reads what proxies may say. Result: 0, or EXIT_USAGE after a message. */
static int read_proxies(const struct arguments *arguments, const char **proxies,
                        struct serve_options *set)
{
    const char *right = arguments_value(arguments, "user-right");
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "proxy", g));) {
        if (!serve_is_proxy(g->value))
            return usage_error(arguments, "--proxy is an address or unix, not \"%s\"",
                               message_word(g->value));
        if (set->proxy_count == PROXIES_MAX)
            return usage_error(arguments, "--proxy is given more than %d times", PROXIES_MAX);
        proxies[set->proxy_count++] = g->value;
    }
    set->proxies = proxies;
    set->user_header = arguments_value(arguments, "user-header");
    set->may_users_write = right && !strcmp(right, "write");
    if (right && !set->may_users_write && strcmp(right, "read") != 0)
        return usage_error(arguments, "--user-right is read or write, not \"%s\"",
                           message_word(right));
    if (set->user_header && (!*set->user_header || !set->proxy_count))
        return usage_error(arguments, "--user-header names a header, and needs --proxy");
    if (set->proxy_count && !set->tokens && !set->is_public && !set->user_header)
        return usage_error(arguments,
                           "--proxy needs --tokens, --user-header or --access public-read: "
                           "else whoever comes through it might do everything");
    return 0;
}

static int serve_with(const struct arguments *arguments, const struct notify_options *notify)
{
    const char *proxies[PROXIES_MAX];
    const char *base = arguments_value(arguments, "base-path");
    const char *access = arguments_value(arguments, "access");
    struct serve_options set = {.listen = arguments_value(arguments, "listen"),
                                .tokens = arguments_value(arguments, "tokens"),
                                .tls_cert = arguments_value(arguments, "tls-cert"),
                                .tls_key = arguments_value(arguments, "tls-key"),
                                .base_path = base ? base : "",
                                .is_public = access && !strcmp(access, "public-read"),
                                .is_read_only = arguments_has(arguments, "read-only"),
                                .retention = arguments_value(arguments, "retention"),
                                .notify = notify};
    struct dbk_options store_options = DBK_OPTIONS_INIT;
    int64_t rate, queue_max;
    char message[SERVE_MESSAGE_SIZE];
    struct dbk_store *store;
    if (arguments_mode(arguments, &set.socket_mode) ||
        arguments_duration(arguments, "session", SESSION_S, 1, 365 * 86400, &set.session_s) ||
        arguments_duration(arguments, "prune-every", PRUNE_EVERY_S, 1, 30 * 86400,
                           &set.prune_every_s) ||
        arguments_number(arguments, "rate", RATE_MAX, 0, 1000000, &rate) ||
        arguments_number(arguments, "queue", QUEUE_MAX, 1, 1000000, &queue_max) ||
        read_proxies(arguments, proxies, &set))
        return EXIT_USAGE;
    if (base && !serve_is_base_path(base))
        return usage_error(arguments, "--base-path is a path as in /daybook, not \"%s\"",
                           message_word(base));
    if (access && strcmp(access, "token") != 0 && !set.is_public)
        return usage_error(arguments, "--access is token or public-read, not \"%s\"",
                           message_word(access));
    if (set.retention && set.is_read_only)
        return usage_error(arguments, "--retention deletes, and --read-only lets nobody write");
    if (set.tls_key && !set.tls_cert)
        return usage_error(arguments, "--tls-key needs --tls-cert");
    store_options.clock = serve_clock;
    store_options.queue_max = (int)queue_max;
    set.rate = (int)rate;
    set.is_rate_for_others = !arguments_has(arguments, "rate");
    int exit_code = store_open_here(arguments, STORE_EXISTING, &store_options, &store);
    if (exit_code)
        return exit_code;
    int status = serve_run(store, &set, message);
    if (status)
        message_print("%s", message);
    dbk_close_wait(store);
    return dbk_status_exit_code(status);
}

static int serve(const struct arguments *arguments)
{
    struct notify_options notify;
    int exit_code = serve_notify_read(arguments, &notify);
    if (!exit_code)
        exit_code = serve_with(arguments, &notify);
    serve_notify_fini(&notify);
    return exit_code;
}

static int cmd_serve(const struct arguments *arguments)
{
    const char *path = arguments_value(arguments, "config");
    struct arguments all;
    struct config_file file;
    if (!path)
        return serve(arguments);
    int exit_code = config_file_read(path, arguments, &file, &all);
    if (!exit_code)
        exit_code = serve(&all);
    config_file_fini(&file);
    return exit_code;
}

static const struct command_option options[] = {
    {"config", 'c', OPTION_VALUE, "FILE", "read settings from a file"},
    {"listen", 'l', OPTION_VALUE, "PLACE",
     "ADDRESS:PORT or unix:PATH (else 127.0.0.1:8011 or the next free port)"},
    {"socket-mode", 0, OPTION_VALUE, "MODE", "who may connect to the socket at PATH (0660)"},
    {"tokens", 't', OPTION_VALUE, "FILE", "let in whoever has one of these (see `daybook token`)"},
    {"access", 0, OPTION_VALUE, "WHO",
     "who may read: token (the default), or public-read for everybody"},
    {"session", 0, OPTION_VALUE, "DURATION", "how long a sign-in on the page lasts (7d)"},
    {"rate", 0, OPTION_VALUE, "N",
     "requests a second that one client may make (100, none on this machine; 0: any)"},
    {"queue", 0, OPTION_VALUE, "N", "operations that may wait for the database (1000)"},
    {"tls-cert", 0, OPTION_VALUE, "FILE",
     "speak TLS with this certificate (PEM, with those above it)"},
    {"tls-key", 0, OPTION_VALUE, "FILE", "the certificate's key, if it is not in the same file"},
    {"proxy", 0, OPTION_LIST, "ADDRESS",
     "believe this address, or unix, what it says of clients (several)"},
    {"user-header", 0, OPTION_VALUE, "NAME", "the header in which a proxy names the user"},
    {"user-right", 0, OPTION_VALUE, "RIGHT",
     "of users that a proxy names: read (the default) or write"},
    {"base-path", 0, OPTION_VALUE, "PATH", "serve below this path, as in /daybook"},
    {"read-only", 0, OPTION_FLAG, NULL, "takes no writes"},
    {"retention", 0, OPTION_VALUE, "FILE",
     "delete old records by the rules in this file (see `daybook prune`)"},
    {"prune-every", 0, OPTION_VALUE, "DURATION", "how long after the last time (1h)"},
    {"notify-command", 0, OPTION_LIST, "COMMAND",
     "run this when a builder turns failing or fixed, or is late (several)"},
    {"notify-webhook", 0, OPTION_LIST, "URL", "post that, signed, to this URL (several)"},
    {"notify-chat", 0, OPTION_LIST, "URL", "post that as a chat's message to this URL (several)"},
    {"notify-secret", 0, OPTION_VALUE, "FILE", "sign with the key in this file's first line"},
    {"notify-builder", 0, OPTION_LIST, "PATTERN",
     "tell of turns of builders with such names alone (several)"},
    {"expect", 0, OPTION_LIST, "EXPECTED",
     "tell when a builder is late, as in \"nightly every 26h\" (several)"},
    {"notify-timeout", 0, OPTION_VALUE, "DURATION", "for a command, or for an answer (30s)"},
    {"notify-give-up", 0, OPTION_VALUE, "DURATION", "how long a delivery is tried again (1d)"},
    {"notify-ca", 0, OPTION_VALUE, "FILE",
     "trust these certificates of webhooks in place of the system's"},
    {"state-directory", 0, OPTION_VALUE, "DIRECTORY",
     "where it is kept what was told (below ~/.local/state)"},
    {"public-url", 0, OPTION_VALUE, "URL", "the page's address as others see it, for what is told"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[OPTION...]", NULL};

const struct subcommand subcommand_serve = {
    .name = "serve",
    .summary = "answer over HTTP as Buildbot's REST API does, with a page",
    .usage = usage,
    .about =
        "Serves what the database holds under /api/v2/, and records there, until Ctrl-C or\n"
        "SIGTERM. A browser finds a page at /. Without --tokens programs on this machine alone\n"
        "can ask, and all of them may. With it every request for records needs a token, and it "
        "may\n"
        "listen elsewhere: in clear text, unless it is given a certificate.\n"
        "\n"
        "A file of settings has lines `NAME = VALUE`, where NAME is one of the options without\n"
        "its dashes, also db; yes or no stands for an option that takes no value. Lines that\n"
        "begin with # say something to people. What the command line says counts more.\n"
        "\n"
        "Who is told with --notify-command, --notify-webhook or --notify-chat hears once when a\n"
        "builder turns failing, when it is fixed, when it is late and when it is on time again: a\n"
        "command by DAYBOOK_EVENT, DAYBOOK_BUILDER, DAYBOOK_TEXT and others in its environment "
        "and\n"
        "by JSON on its stdin, a URL by a POST of that JSON. What fails is tried again, also "
        "after\n"
        "a restart; each delivery keeps its id. A URL that is a secret, as a chat's is, belongs "
        "into\n"
        "the file of settings: everybody on the machine sees the command line.\n"
        "\n"
        "SIGHUP reads the tokens, the certificate, the secret and the rules again. SIGTERM ends "
        "it, after the "
        "answers\n"
        "that are under way.",
    .options = options,
    .common = COMMON_DB,
    .operand_max = 0,
    .run = cmd_serve,
};
