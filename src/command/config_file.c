/*
 * Files of options: see config_file.h.
 */
#include "config_file.h"

#include "message.h"
#include "nearest.h"
#include "options.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r"

struct reading {
    const char *path;
    int line;
    const struct arguments *arguments;
    struct config_file *file;
    struct arguments *out;
};

static int refuse(const struct reading *reading, const char *what, const char *word)
{
    message_print("%s, line %d: %s%s%s", reading->path, reading->line, what, *word ? ": " : "",
                  message_word(word));
    return EXIT_USAGE;
}

/* Takes the blanks off both ends. */
static char *trim(char *text)
{
    text += strspn(text, BLANKS);
    size_t len = strlen(text);
    while (len && strchr(BLANKS, text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

static const struct command_option *find(const struct reading *reading, const char *name)
{
    for (const struct command_option *o = reading->arguments->command->options; o->name; o++)
        if (!strcmp(o->name, name) && strcmp(name, "config") != 0)
            return o;
    return NULL;
}

static int refuse_name(const struct reading *reading, const char *name)
{
    struct nearest nearest;
    nearest_init(&nearest, name, strlen(name));
    for (const struct command_option *o = reading->arguments->command->options; o->name; o++)
        nearest_add(&nearest, o->name);
    const char *near = nearest_get(&nearest, 0);
    int exit_code =
        refuse(reading, near ? "there is no such setting, perhaps" : "there is no such setting",
               near ? near : name);
    nearest_fini(&nearest);
    return exit_code;
}

static void add(struct reading *reading, const struct command_option *option, const char *value)
{
    struct arguments *out = reading->out;
    struct given_option *given =
        memory_need(realloc(reading->file->given, (out->given_count + 1) * sizeof(*given)));
    reading->file->given = out->given = given;
    given[out->given_count++] = (struct given_option){option, value, NULL};
}

static int take(struct reading *reading, char *line)
{
    line = trim(line);
    if (!*line || *line == '#')
        return 0;
    char *mark = strchr(line, '=');
    if (!mark)
        return refuse(reading, "neither NAME = VALUE nor a # and a comment", "");
    *mark = '\0';
    const char *name = trim(line), *value = trim(mark + 1);
    if (!strcmp(name, "db")) {
        if (!reading->arguments->db)
            reading->out->db = value;
        return 0;
    }
    const struct command_option *option = find(reading, name);
    if (!option)
        return refuse_name(reading, name);
    if (option->kind != OPTION_FLAG)
        add(reading, option, value);
    else if (!strcmp(value, "yes"))
        add(reading, option, NULL);
    else if (strcmp(value, "no") != 0)
        return refuse(reading, "this is yes or no", name);
    return 0;
}

/* The whole file as one text. Result: NULL after a message. */
static char *read_text(const char *path)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = fopen(path, "re");
    /* A zero byte would end it too early; then it is no text. */
    bool is_read = file && (getdelim(&text, &len, '\0', file) >= 0 || !ferror(file));
    bool is_text = is_read && (fgetc(file) == EOF) && !ferror(file);
    if (!is_text)
        message_print("%s: %s", message_word(path), is_read ? "this is no text" : strerror(errno));
    if (file)
        fclose(file);
    if (is_text)
        return text ? text : memory_need(strdup(""));
    free(text);
    return NULL;
}

/* What the command line says counts more: of several that is the first one, where only one is meant the last. */
static void add_command_line(struct reading *reading, bool is_list)
{
    const struct arguments *arguments = reading->arguments;
    for (size_t i = 0; i < arguments->given_count; i++)
        if ((arguments->given[i].option->kind == OPTION_LIST) == is_list)
            add(reading, arguments->given[i].option, arguments->given[i].value);
}

int config_file_read(const char *path, const struct arguments *arguments,
                     struct config_file *out_file, struct arguments *out_arguments)
{
    struct reading reading = {path, 0, arguments, out_file, out_arguments};
    int exit_code = 0;
    *out_file = (struct config_file){read_text(path), NULL};
    *out_arguments = *arguments;
    out_arguments->given = NULL;
    out_arguments->given_count = 0;
    if (!out_file->text)
        return EXIT_USAGE;
    add_command_line(&reading, true);
    for (char *line = out_file->text, *next; line && !exit_code; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        reading.line++;
        exit_code = take(&reading, line);
    }
    add_command_line(&reading, false);
    return exit_code;
}

void config_file_fini(struct config_file *file)
{
    free(file->text);
    free(file->given);
}
