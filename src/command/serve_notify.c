/*
 * Who is told: see serve_notify.h.
 */
#include "serve_notify.h"

#include "message.h"
#include "options.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S 30
#define GIVE_UP_S 86400
#define PERIOD_MAX_S (10LL * 366 * 86400)

static int add_target(const struct arguments *arguments, struct notify_options *out,
                      enum notify_kind kind, const char *option, const char *place)
{
    if (out->target_count == NOTIFY_TARGETS_MAX)
        return usage_error(arguments, "more than %d are to be told", NOTIFY_TARGETS_MAX);
    if (kind == NOTIFY_COMMAND && !place[strspn(place, " \t")])
        return usage_error(arguments, "--%s is a program and perhaps arguments", option);
    if (kind != NOTIFY_COMMAND && !serve_is_hook(place))
        return usage_error(arguments,
                           "--%s is a URL that begins with https://, or with http:// on this "
                           "machine, without a user and a password",
                           option);
    out->targets[out->target_count++] = (struct notify_target){kind, place};
    return 0;
}

static int read_targets(const struct arguments *arguments, struct notify_options *out)
{
    static const char *const options[] = {
        [NOTIFY_COMMAND] = "notify-command",
        [NOTIFY_WEBHOOK] = "notify-webhook",
        [NOTIFY_CHAT] = "notify-chat",
    };
    for (enum notify_kind kind = NOTIFY_COMMAND; kind <= NOTIFY_CHAT; kind++)
        for (const struct given_option *g = NULL;
             (g = arguments_next(arguments, options[kind], g));)
            if (add_target(arguments, out, kind, options[kind], g->value))
                return EXIT_USAGE;
    if (arguments_has(arguments, "notify-webhook") && !arguments_has(arguments, "notify-secret"))
        return usage_error(arguments, "--notify-webhook needs --notify-secret, the file of the key "
                                      "that what it is sent is signed with");
    return 0;
}

static int read_builders(const struct arguments *arguments, struct notify_options *out)
{
    for (const struct given_option *g = NULL;
         (g = arguments_next(arguments, "notify-builder", g));) {
        if (out->builder_count == NOTIFY_PATTERNS_MAX)
            return usage_error(arguments, "--notify-builder is given more than %d times",
                               NOTIFY_PATTERNS_MAX);
        out->builders[out->builder_count++] = g->value;
    }
    return 0;
}

/* Reads "PATTERN every DURATION"; a pattern may have blanks in it. */
static bool read_expected(const char *value, struct notify_expected *out)
{
    static const char every[] = " every ";
    const char *mark = NULL;
    for (const char *at = value; (at = strstr(at, every)); at++)
        mark = at;
    if (!mark || mark == value ||
        !option_duration(mark + strlen(every), PERIOD_MAX_S, &out->every_s) || out->every_s < 1)
        return false;
    out->pattern = memory_need(strndup(value, (size_t)(mark - value)));
    return true;
}

static int read_all_expected(const struct arguments *arguments, struct notify_options *out)
{
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "expect", g));) {
        if (out->expected_count == NOTIFY_PATTERNS_MAX)
            return usage_error(arguments, "--expect is given more than %d times",
                               NOTIFY_PATTERNS_MAX);
        if (!read_expected(g->value, &out->expected[out->expected_count]))
            return usage_error(arguments,
                               "--expect is BUILDER every DURATION, as in \"nightly "
                               "every 26h\", not \"%s\"",
                               message_word(g->value));
        out->expected_count++;
    }
    if (out->expected_count && !out->target_count)
        return usage_error(arguments, "--expect needs somebody to tell: --notify-command, "
                                      "--notify-webhook or --notify-chat");
    return 0;
}

int serve_notify_read(const struct arguments *arguments, struct notify_options *out)
{
    *out = (struct notify_options){.secret = arguments_value(arguments, "notify-secret"),
                                   .ca_file = arguments_value(arguments, "notify-ca"),
                                   .state_directory = arguments_value(arguments, "state-directory"),
                                   .public_url = arguments_value(arguments, "public-url")};
    if (read_targets(arguments, out) || read_builders(arguments, out) ||
        read_all_expected(arguments, out) ||
        arguments_duration(arguments, "notify-timeout", TIMEOUT_S, 1, 3600, &out->timeout_s) ||
        arguments_duration(arguments, "notify-give-up", GIVE_UP_S, 1, 365 * 86400, &out->give_up_s))
        return EXIT_USAGE;
    if (out->public_url && !serve_is_public_url(out->public_url))
        return usage_error(arguments,
                           "--public-url is what the page's address begins with, as in "
                           "https://ci.example.org/daybook, not \"%s\"",
                           message_word(out->public_url));
    return 0;
}

void serve_notify_fini(struct notify_options *notify)
{
    for (size_t i = 0; i < notify->expected_count; i++)
        free(notify->expected[i].pattern);
}
