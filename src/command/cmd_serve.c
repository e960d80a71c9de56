/*
 * `daybook serve`: answers over HTTP until it is told to stop. What it answers stands in src/daemon.
 */
#include "../daemon/serve.h"
#include "message.h"
#include "options.h"
#include "store_open.h"

static int cmd_serve(const struct arguments *arguments)
{
    struct serve_options serve = {.listen = arguments_value(arguments, "listen"),
                                  .tokens = arguments_value(arguments, "tokens"),
                                  .tls_cert = arguments_value(arguments, "tls-cert"),
                                  .tls_key = arguments_value(arguments, "tls-key"),
                                  .is_read_only = arguments_has(arguments, "read-only")};
    char message[SERVE_MESSAGE_SIZE];
    struct dbk_store *store;
    if (serve.tls_key && !serve.tls_cert)
        return usage_error(arguments, "--tls-key needs --tls-cert");
    int exit_code = store_open_for(arguments, STORE_EXISTING, &store);
    if (exit_code)
        return exit_code;
    int status = serve_run(store, &serve, message);
    if (status)
        message_print("%s", message);
    dbk_close_wait(store);
    return dbk_status_exit_code(status);
}

static const struct command_option options[] = {
    {"listen", 'l', OPTION_VALUE, "ADDRESS:PORT", "127.0.0.1:8011, or the next port that is free"},
    {"tokens", 't', OPTION_VALUE, "FILE", "let in whoever has one of these (see `daybook token`)"},
    {"tls-cert", 0, OPTION_VALUE, "FILE",
     "speak TLS with this certificate (PEM, with those above it)"},
    {"tls-key", 0, OPTION_VALUE, "FILE", "the certificate's key, if it is not in the same file"},
    {"read-only", 0, OPTION_FLAG, NULL, "takes no writes"},
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
        "listen elsewhere: in clear text, unless it is given a certificate.",
    .options = options,
    .common = COMMON_DB,
    .operand_max = 0,
    .run = cmd_serve,
};
