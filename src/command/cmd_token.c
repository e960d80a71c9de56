/*
 * `daybook token add|list|revoke`: who may ask `daybook serve`. The file itself is tokens.h's.
 */
#include "../share/json_writer.h"
#include "../share/tokens.h"
#include "message.h"
#include "options.h"
#include "table.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int tell(int error, const char *message)
{
    static const struct {
        int error;
        enum dbk_status status;
    } statuses[] = {{ENOENT, DBK_NOT_FOUND}, {EEXIST, DBK_CONFLICT}, {EACCES, DBK_DENIED},
                    {EPERM, DBK_DENIED},     {EINVAL, DBK_INVALID},  {ENOSPC, DBK_FULL}};
    message_print("%s", message);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        if (statuses[i].error == error)
            return dbk_status_exit_code(statuses[i].status);
    return dbk_status_exit_code(DBK_INTERNAL);
}

/* The patterns of --builder, joined. Result: 0, *out is NULL without any; or an exit code after a message. */
static int read_builders(const struct arguments *arguments, char **out_builders)
{
    const struct given_option *given = NULL;
    *out_builders = NULL;
    while ((given = arguments_next(arguments, "builder", given))) {
        *out_builders = tokens_join(*out_builders, given->value);
        if (!*out_builders)
            return usage_error(arguments, "--builder is a pattern of 1 to %d bytes, up to %d times",
                               TOKENS_PATTERN_MAX, TOKENS_PATTERNS_MAX);
    }
    return 0;
}

static int add(const struct arguments *arguments, const char *path, const char *name)
{
    const char *word = arguments_value(arguments, "right");
    enum token_right right = tokens_right(word ? word : "read");
    char token[TOKENS_TEXT_SIZE], message[TOKENS_MESSAGE_SIZE];
    if (right == TOKEN_RIGHT_COUNT)
        return usage_error(arguments, "a right is read, write or admin");
    char *builders;
    int exit_code = read_builders(arguments, &builders);
    if (exit_code)
        return exit_code;
    int error = tokens_add(path, name, right, builders, time(NULL), token, message);
    free(builders);
    if (error)
        return tell(error, message);
    puts(token);
    message_print("this token is not shown again; a daemon that runs takes it after SIGHUP");
    return output_finish();
}

static int revoke(const struct arguments *arguments, const char *path, const char *name)
{
    char message[TOKENS_MESSAGE_SIZE];
    (void)arguments;
    int error = tokens_revoke(path, name, message);
    if (error)
        return tell(error, message);
    message_print("revoked; a daemon that runs lets it in until SIGHUP");
    return 0;
}

static void print_builders(struct json_writer *json, const char *builders)
{
    char pattern[TOKENS_PATTERN_MAX + 1];
    json_name(json, "builders");
    if (!builders) {
        json_none(json);
        return;
    }
    json_begin_array(json);
    while ((builders = tokens_pattern(builders, pattern)))
        json_text(json, pattern);
    json_end_array(json);
}

/* The patterns as people read them. */
static void show_builders(const char *builders, char *out, size_t size)
{
    char pattern[TOKENS_PATTERN_MAX + 1];
    size_t len = 0;
    *out = '\0';
    while ((builders = tokens_pattern(builders, pattern)) && len < size)
        len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "", pattern);
}

static void print_json(const struct tokens *tokens)
{
    struct json_writer json;
    json_init(&json, stdout);
    json_begin_lines(&json);
    for (size_t i = 0; i < tokens->count; i++) {
        json_begin_object(&json);
        json_member_text(&json, "name", tokens->list[i].name);
        json_member_text(&json, "right", tokens_right_word(tokens->list[i].right));
        json_member_number(&json, "created_at", tokens->list[i].created_at);
        print_builders(&json, tokens->list[i].builders);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_finish(&json);
}

static void print_table(const struct tokens *tokens, bool is_coloured)
{
    struct table *table = table_new(is_coloured);
    table_column(table, "NAME", TABLE_NAME);
    table_column(table, "RIGHT", TABLE_LEFT);
    table_column(table, "CREATED", TABLE_LEFT);
    table_column(table, "BUILDERS", TABLE_LEFT);
    for (size_t i = 0; i < tokens->count; i++) {
        char time[TEXT_SHORT_SIZE], builders[1024];
        show_builders(tokens->list[i].builders, builders, sizeof(builders));
        table_row(table);
        table_cell(table, tokens->list[i].name, NULL);
        table_cell(table, tokens_right_word(tokens->list[i].right), NULL);
        table_cell(table, text_time(tokens->list[i].created_at, time), NULL);
        table_cell(table, *builders ? builders : "all", NULL);
    }
    table_print(table);
    table_free(table);
}

static int list(const struct arguments *arguments, const char *path)
{
    struct tokens tokens;
    char message[TOKENS_MESSAGE_SIZE];
    int error = tokens_load(path, &tokens, message);
    if (!error && arguments->is_json)
        print_json(&tokens);
    else if (!error)
        print_table(&tokens, arguments->is_coloured);
    tokens_fini(&tokens);
    return error ? tell(error, message) : output_finish();
}

static int cmd_token(const struct arguments *arguments)
{
    const char *path = arguments_value(arguments, "tokens");
    const char *verb = arguments->operands[0];
    const char *name = arguments->operands[1];
    bool is_list = !strcmp(verb, "list");
    if (!is_list && strcmp(verb, "add") != 0 && strcmp(verb, "revoke") != 0)
        return usage_error(arguments, "there is no `token %s`, but add, list and revoke",
                           message_word(verb));
    if (!path || !*path)
        return usage_error(arguments, "--tokens FILE says which file");
    if (is_list ? name != NULL : !name)
        return usage_error(arguments, is_list ? "list takes no name" : "a name is missing");
    return is_list ? list(arguments, path) : (*verb == 'a' ? add : revoke)(arguments, path, name);
}

static const struct command_option options[] = {
    {"tokens", 't', OPTION_VALUE, "FILE", "the file that `daybook serve --tokens` is given"},
    {"right", 'r', OPTION_VALUE, "RIGHT", "of add: read (the default), write or admin"},
    {"builder", 'b', OPTION_LIST, "PATTERN",
     "of add: limit it to builders like \"nightly-*\" (several)"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"add NAME --tokens FILE [--right RIGHT] [--builder PATTERN]...",
                                    "list --tokens FILE [--json]", "revoke NAME --tokens FILE",
                                    NULL};

const struct subcommand subcommand_token = {
    .name = "token",
    .summary = "say who may ask `daybook serve`",
    .usage = usage,
    .about = "A token is printed once, when it is added; the file, which only its owner can read,\n"
             "holds hashes. Each right allows what the ones before it do.",
    .options = options,
    .common = COMMON_JSON | COMMON_COLOR,
    .operand_min = 1,
    .operand_max = 2,
    .run = cmd_token,
};
