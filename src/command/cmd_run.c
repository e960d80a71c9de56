/*
 * `daybook run`: runs commands and records a build of them. Here stand its options;
 * runner.c runs, record.c and recorder.c record, summary.c says how it went.
 *
 * The command comes first: whatever is wrong with the store, it runs, and its exit status is ours.
 * Only a wrong use is refused, before anything runs.
 */
#include "credentials.h"
#include "daemon_url.h"
#include "db_name.h"
#include "facts.h"
#include "../share/json_writer.h"
#include "message.h"
#include "once.h"
#include "options.h"
#include "recorder.h"
#include "runner.h"
#include "signals.h"
#include "spooled.h"
#include "store_open.h"
#include "summary.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUILDER_NAME_MAX 256
#define STEP_NAME_MAX 50
#define PROPERTY_NAME_MAX 256
#define PARTS_MAX 10000 /* steps, and properties, of one build */
#define LOG_MAX_DEFAULT (1 << 20)
#define LOG_MAX_MAX 999000000         /* a value on SQLite */
#define DAEMON_VALUE_MAX (64LL << 20) /* bytes of a value */
#define TIMEOUT_MAX_S (10000LL * 86400)

/* All that a run is made from. */
struct run {
    const struct arguments *arguments;
    char *builder;
    bool keeps_going;
    int64_t log_max;
    int64_t timeout_s; /* 0: none */
    struct runner_step *steps;
    size_t step_count;
    char **argvs; /* those of the shell's steps, four words each */
    char **names; /* of properties, as they were given */
    size_t name_count;
    struct facts facts;
    struct redactor redactor;
    bool is_quiet;
    int lock; /* of --once; -1: none */
};

static void run_fini(struct run *run)
{
    for (size_t i = 0; i < run->step_count; i++)
        free(run->steps[i].name);
    for (size_t i = 0; i < run->name_count; i++)
        free(run->names[i]);
    free(run->steps);
    free(run->argvs);
    free(run->names);
    free(run->builder);
    facts_fini(&run->facts);
    redactor_fini(&run->redactor);
}

static int read_builder(struct run *run)
{
    const char *given = arguments_value(run->arguments, "builder");
    if (given && !facts_is_name(given, BUILDER_NAME_MAX))
        return usage_error(run->arguments,
                           "--builder is a name in UTF-8 of 1 to %d characters, not \"%.80s\"",
                           BUILDER_NAME_MAX, given);
    const char *here = facts_last_part(run->facts.directory);
    run->builder = facts_text(given ? given : *here ? here : "root", BUILDER_NAME_MAX);
    return 0;
}

/* Adds the step of `-- COMMAND...`; name is NULL to name it by its command. */
static int add_direct_step(struct run *run, const char *name)
{
    char **argv = run->arguments->operands;
    if (!argv[0])
        return usage_error(run->arguments, "there is no command to run");
    if (!*argv[0])
        return usage_error(run->arguments, "the command's name is empty");
    const char *part = facts_last_part(argv[0]);
    run->steps[run->step_count].name = facts_text(name    ? name
                                                  : *part ? part
                                                          : argv[0],
                                                  STEP_NAME_MAX);
    run->steps[run->step_count++].argv = argv;
    return 0;
}

static void add_shell_step(struct run *run, const struct given_option *given)
{
    char **argv = run->argvs + 4 * run->step_count;
    argv[0] = (char *)"/bin/sh";
    argv[1] = (char *)"-c";
    argv[2] = (char *)given->second;
    run->steps[run->step_count].name = facts_text(given->value, STEP_NAME_MAX);
    run->steps[run->step_count++].argv = argv;
}

static int read_steps(struct run *run)
{
    const struct arguments *arguments = run->arguments;
    const struct given_option *bare = NULL;
    size_t count = 1;
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "step", g));)
        count++;
    if (count > PARTS_MAX + 1)
        return usage_error(arguments, "a build has at most %d steps", PARTS_MAX);
    run->steps = memory_need(calloc(count, sizeof(*run->steps)));
    run->argvs = memory_need(calloc(4 * count, sizeof(*run->argvs)));
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "step", g));) {
        if (!facts_is_name(g->value, STEP_NAME_MAX))
            return usage_error(arguments,
                               "a step's name is UTF-8 of 1 to %d characters, not \"%s\"",
                               STEP_NAME_MAX, g->value);
        if (bare)
            return usage_error(arguments, "--step %s has no command", bare->value);
        if (g->second)
            add_shell_step(run, g);
        else
            bare = g;
    }
    if (!run->step_count)
        return add_direct_step(run, bare ? bare->value : NULL);
    if (bare)
        return usage_error(arguments, "--step %s has no command", bare->value);
    if (arguments->operand_count)
        return usage_error(arguments,
                           "what is \"%s\" for? A step's command is one argument in quotes; or it "
                           "stands alone behind --",
                           arguments->operands[0]);
    return 0;
}

/* Whether those who read it on its way, the spool's reader and the daemon, take it as well as the store does. */
static bool is_kept_json(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    json_decref(value);
    return value;
}

/* Reads --property NAME=JSON. */
static int read_properties(struct run *run)
{
    const struct arguments *arguments = run->arguments;
    size_t count = 0;
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "property", g));)
        count++;
    run->names = memory_need(calloc(count + 1, sizeof(*run->names)));
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "property", g));) {
        const char *equals = strchr(g->value, '=');
        if (!equals)
            return usage_error(arguments, "--property is NAME=JSON, not \"%s\"", g->value);
        char *name = memory_need(strndup(g->value, (size_t)(equals - g->value)));
        run->names[run->name_count++] = name;
        if (!facts_is_name(name, PROPERTY_NAME_MAX))
            return usage_error(arguments,
                               "a property's name is UTF-8 of 1 to %d characters, not \"%s\"",
                               PROPERTY_NAME_MAX, name);
        if (!dbk_is_json(equals + 1))
            return usage_error(
                arguments,
                "the value of property %s is not JSON; text needs quotes, kept from the "
                "shell by others: --property '%s=\"...\"'",
                name, name);
        if (!is_kept_json(equals + 1))
            return usage_error(
                arguments,
                "the value of property %s can neither be kept for later nor sent to "
                "a daemon: a whole number has 64 bits, a text no \\u0000 and no half "
                "of a surrogate pair, an object each name once",
                name);
        facts_add_json(&run->facts, name, equals + 1);
    }
    if (run->facts.property_count > PARTS_MAX)
        return usage_error(arguments, "a build has at most %d properties, those found among them",
                           PARTS_MAX);
    return 0;
}

/* Reads --redact NAME. One that is not set has nothing to be masked, which may be a slip of the pen. */
static int read_secrets(struct run *run)
{
    const struct arguments *arguments = run->arguments;
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "redact", g));) {
        const char *value = getenv(g->value);
        if (!*g->value || strchr(g->value, '='))
            return usage_error(arguments,
                               "--redact is the name of an environment variable, not \"%s\"",
                               message_word(g->value));
        if (value && strlen(value) > REDACT_SECRET_MAX)
            return usage_error(arguments,
                               "the value of %s is longer than the %d bytes that can be masked",
                               message_word(g->value), REDACT_SECRET_MAX);
        if (!value)
            message_print("--redact %s: there is no such variable: nothing is masked for it",
                          message_word(g->value));
        redactor_add(&run->redactor, value ? value : "");
    }
    return 0;
}

/* What a daemon limits; and the token for it, which is nobody else's, is masked without being asked. */
static int read_daemon(struct run *run)
{
    struct dbk_error error;
    char *token = NULL;
    if (!daemon_url_is(store_url(run->arguments)))
        return 0;
    if (run->log_max > DAEMON_VALUE_MAX)
        return usage_error(run->arguments, "a daemon takes 64M of each step's output at most");
    if (!credentials_token(&token, &error) && token)
        redactor_add(&run->redactor, token);
    free(token);
    return 0;
}

static void mask_secret(void *user, const char *secret)
{
    char *start = memory_need(strndup(secret, REDACT_SECRET_MAX));
    redactor_add(&((struct run *)user)->redactor, start);
    free(start);
}

/* The commands see the database's URL, and what prints its environment shows it. A password by itself may be a word that
 * stands elsewhere, so it is masked with its user. */
static void mask_database(struct run *run)
{
    const char *other = getenv("DAYBOOK_DB");
    store_each_secret(store_url(run->arguments), mask_secret, run);
    if (other)
        store_each_secret(other, mask_secret, run);
}

/* A word without its secrets. Result: yours. */
static char *redacted(const struct run *run, const char *word)
{
    char *copy = memory_need(strdup(word));
    redactor_mask_text(&run->redactor, copy);
    return copy;
}

/* Appends a word as a shell takes it: as it is, or in quotes. */
static void put_word(FILE *file, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "@%+=:,./_-";
    if (*word && !word[strspn(word, plain)]) {
        fputs(word, file);
        return;
    }
    putc('\'', file);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", file);
        else
            putc(*word, file);
    }
    putc('\'', file);
}

/* The commands as a property: a text for one, a list for a list of --step. */
static void add_command(struct run *run)
{
    const bool is_direct = run->steps[0].argv == run->arguments->operands;
    char *text = NULL;
    size_t len;
    FILE *file = memory_need(open_memstream(&text, &len));
    if (is_direct) {
        for (char **word = run->arguments->operands; *word; word++) {
            if (word != run->arguments->operands)
                putc(' ', file);
            char *shown = redacted(run, *word);
            put_word(file, shown);
            free(shown);
        }
    } else {
        struct json_writer json;
        json_init(&json, file);
        json_begin_array(&json);
        for (size_t i = 0; i < run->step_count; i++) {
            char *shown = redacted(run, run->steps[i].argv[2]);
            json_text(&json, shown);
            free(shown);
        }
        json_end_array(&json);
    }
    fclose(file);
    memory_need(text);
    if (is_direct)
        facts_add_text(&run->facts, "command", text);
    else
        facts_add_json(&run->facts, "command", text);
    free(text);
}

/* Reads what was asked for. Result: 0, or EXIT_USAGE after a message. */
static int run_init(struct run *run, const struct arguments *arguments)
{
    run->arguments = arguments;
    facts_init(&run->facts);
    run->keeps_going = arguments_has(arguments, "keep-going");
    run->is_quiet = arguments_has(arguments, "quiet");
    int wrong =
        arguments_size(arguments, "log-max", LOG_MAX_DEFAULT, 0, LOG_MAX_MAX, &run->log_max);
    if (!wrong && run->log_max && run->log_max < CAPTURE_MIN)
        wrong =
            usage_error(arguments, "--log-max is %d or more, or 0 to keep nothing", CAPTURE_MIN);
    if (!wrong)
        wrong = arguments_duration(arguments, "timeout", 0, 1, TIMEOUT_MAX_S, &run->timeout_s);
    if (!wrong)
        wrong = read_builder(run);
    if (!wrong)
        wrong = read_steps(run);
    if (!wrong)
        wrong = read_secrets(run);
    if (!wrong)
        wrong = read_daemon(run);
    if (wrong)
        return wrong;
    mask_database(run);
    facts_add_found(&run->facts);
    if (!arguments_has(arguments, "no-command"))
        add_command(run);
    wrong = read_properties(run);
    facts_redact(&run->facts, &run->redactor);
    return wrong;
}

/* Opens descriptors 0, 1 and 2 where the caller left them closed: nothing else may be them. */
static void fill_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", O_RDWR);
}

/* Begins to open the store, and notes in the spool that there is a run. */
static void begin(struct summary *summary, struct recorder *recorder, int once_lock)
{
    static struct opening_plan plan; /* the thread may outlive this */
    static const struct dbk_error no_thread = {.status = DBK_NO_MEMORY,
                                               .message = "there is no thread to open it with"};
    summary->entry_error = spooled_begin(summary->entry, recorder->record, summary->db);
    once_end(once_lock);
    plan = (struct opening_plan){summary->db, recorder_clock, recorder, summary->entry};
    struct opening *opening = opening_begin(&plan);
    if (opening)
        recorder_await(recorder, opening);
    else
        recorder_fail(recorder, &no_thread);
    summary->opening = opening;
}

static int run_all(struct run *run, const char *db)
{
    static struct terminal terminal; /* the exit handler looks at it */
    /* As long as a store that does not answer. */
    static struct record record;
    static struct recorder recorder;
    static struct spool_entry entry = SPOOL_ENTRY_INIT;
    struct runner_outcome outcome;
    struct opening_backlog backlog;
    char key[SPOOL_KEY_SIZE];
    terminal_init(&terminal);
    if (run->is_quiet)
        terminal.is_there = terminal.has_input = false; /* nothing of the commands' goes there */
    const struct facts *facts = &run->facts;
    const struct record_plan record_plan = {
        .key = key,
        .builder = run->builder,
        .worker = facts->worker,
        .master = facts->host,
        .repository = facts->git.repository,
        .branch = facts->git.branch,
        .revision = facts->git.revision,
        .properties = facts->properties,
        .property_count = facts->property_count,
        .step_max = run->step_count,
        .log_max = (size_t)run->log_max,
        .is_terminal = terminal.is_there,
    };
    struct summary summary = {.arguments = run->arguments,
                              .recorder = &recorder,
                              .outcome = &outcome,
                              .entry = &entry,
                              .db = db,
                              .is_quiet = run->is_quiet};
    record_init(&record, &record_plan);
    spool_key_make(key, record.started_at);
    recorder_init(&recorder, &record, &entry);
    begin(&summary, &recorder, run->lock);
    const struct runner_plan plan = {.steps = run->steps,
                                     .step_count = run->step_count,
                                     .keeps_going = run->keeps_going,
                                     .timeout_s = run->timeout_s,
                                     .is_quiet = run->is_quiet,
                                     .redactor = &run->redactor,
                                     .db = db,
                                     .opening = recorder.opening,
                                     .terminal = &terminal};
    int error = runner_run(&plan, &recorder, &outcome);
    if (error) {
        message_print("nothing was run: %s", strerror(error));
        spool_remove(&entry);
        _exit(dbk_status_exit_code(DBK_INTERNAL));
    }
    summary_tell(&summary);
    if (outcome.signo)
        signals_die(outcome.signo);
    /* With a thread still at work, nothing may be taken down below its feet. */
    if (recorder.archive || (recorder.opening && !opening_is_over(recorder.opening, &backlog)))
        _exit(outcome.exit_code);
    record_fini(&record);
    return outcome.exit_code;
}

static int cmd_run(const struct arguments *arguments)
{
    struct run run = {.lock = -1};
    signals_init();
    fill_descriptors();
    int exit_code = run_init(&run, arguments);
    if (!exit_code) {
        char *db = memory_need(db_name_absolute(store_url(arguments)));
        if (arguments_has(arguments, "once") &&
            once_begin(run.builder, db, run.is_quiet, &run.lock)) {
            once_end(run.lock);
            exit_code = EXIT_ONCE;
        } else {
            exit_code = run_all(&run, db);
        }
        free(db);
    }
    run_fini(&run);
    return exit_code;
}

static const struct command_option options[] = {
    {"builder", 'b', OPTION_VALUE, "NAME", "what is built (else the directory's name)"},
    {"step", 's', OPTION_PAIR, "NAME ['COMMAND']", "a step, and the shell's command for it"},
    {"property", 'p', OPTION_LIST, "NAME=JSON", "a property of the build"},
    {"keep-going", 'k', OPTION_FLAG, NULL, "run the steps after one that failed, too"},
    {"log-max", 0, OPTION_VALUE, "SIZE", "keep so much of what each step prints (1M; 0: nothing)"},
    {"once", 0, OPTION_FLAG, NULL, "not while the builder's last run on this host still runs"},
    {"quiet", 'q', OPTION_FLAG, NULL, "print the commands' output only when the run fails"},
    {"redact", 0, OPTION_LIST, "NAME", "mask the value of the environment variable NAME"},
    {"timeout", 0, OPTION_VALUE, "TIME", "end the run after so long (seconds, or 5m, 2h, 1d)"},
    {"no-command", 0, OPTION_FLAG, NULL, "do not record the command line"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {
    "[--builder NAME] [--step NAME] [--] COMMAND...",
    "[--builder NAME] --step NAME 'COMMAND' [--step NAME 'COMMAND' ...]",
    NULL,
};

const struct subcommand subcommand_run = {
    .name = "run",
    .summary = "run commands, and record a build of them",
    .usage = usage,
    .about =
        "Runs the command as it stands, or each --step's through /bin/sh, and records while they "
        "run:\n"
        "the steps with their times and results, where and by whom, git's repository, branch and\n"
        "revision, and what each step printed. What they print passes through untouched.\n"
        "\n"
        "The exit status is that of the first command that failed: 128 and the number for one "
        "ended by\n"
        "a signal, 127 for one that is not there, 126 for one that cannot be executed. After a "
        "failure\n"
        "the remaining steps are skipped. If the run cannot be recorded, it runs all the same, "
        "and\n"
        "stderr says so; its record is kept, and the next run or `daybook push` delivers it. The\n"
        "database is created if it is missing.\n"
        "\n"
        "With --timeout, the commands and all that they started get SIGTERM when the time is over, "
        "SIGKILL\n"
        "five seconds later; the exit status is then 124. With --once it is 75 when nothing was "
        "run "
        "since\n"
        "the builder's last run by this user still runs.\n"
        "\n"
        "The commands see DAYBOOK_DB, DAYBOOK_BUILD and DAYBOOK_STEP: the database, and the ids of "
        "the\n"
        "running build and step. A database's password is masked as --redact does it.",
    .options = options,
    .common = COMMON_DB,
    .stops_at_operand = true,
    .operand_max = -1,
    .run = cmd_run,
};
