/*
 * `daybook data`: the values that a build's steps keep, as bytes.
 */
#include "build_table.h"
#include "data_read.h"
#include "listing.h"
#include "message.h"
#include "nearest.h"
#include "options.h"
#include "record_json.h"
#include "text.h"
#include "verbs.h"
#include "waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is read from a file or stdin is no longer than a value may be on any database. */
#define PUT_SIZE_MAX INT64_C(999000000)

struct data_listing {
    struct waiting waiting;
    const struct arguments *arguments;
};

static void print_list(void *user, const struct dbk_error *error,
                       const struct dbk_build_data *const *data, const struct dbk_page *page)
{
    struct data_listing *listing = user;
    const struct arguments *arguments = listing->arguments;
    if (!error && arguments->is_json) {
        struct json_writer json;
        listing_json_begin(arguments, "data", &json);
        for (size_t i = 0; i < page->count; i++)
            record_json_build_data(&json, data[i]);
        listing_json_end(arguments, page, &json);
    } else if (!error) {
        struct table *table = data_table_new(arguments->is_coloured);
        for (size_t i = 0; i < page->count; i++)
            data_table_add(table, data[i]);
        table_print(table);
        table_free(table);
        listing_footer(arguments, page, "data");
    }
    waiting_note(&listing->waiting, error);
}

static int list_data(const struct arguments *arguments, struct archive *archive,
                     const struct named_build *build, char **operands)
{
    struct data_listing listing = {.arguments = arguments};
    struct selection *selection;
    (void)operands;
    int exit_code = listing_spec(arguments, "name", -1, &selection);
    if (exit_code)
        return exit_code;
    waiting_init(&listing.waiting, archive);
    waiting_add(&listing.waiting,
                archive_get_all_build_data_no_values(archive, build->build->id, selection,
                                                     &listing.waiting.call, print_list, &listing));
    selection_free(selection);
    return waiting_finish(&listing.waiting);
}

struct near_data {
    struct waiting waiting;
    struct nearest nearest;
};

static void take_near(void *user, const struct dbk_error *error,
                      const struct dbk_build_data *const *data, const struct dbk_page *page)
{
    struct near_data *near = user;
    for (size_t i = 0; !error && i < page->count; i++)
        nearest_add(&near->nearest, data[i]->name);
    waiting_note(&near->waiting, error);
}

/* Says that a build has no value of that name. Result: DBK_NOT_FOUND's exit code. */
static int tell_no_data(struct archive *archive, const struct named_build *build, const char *name)
{
    struct near_data near;
    nearest_init(&near.nearest, name, strlen(name));
    waiting_init(&near.waiting, archive);
    waiting_add(&near.waiting,
                archive_get_all_build_data_no_values(archive, build->build->id, NULL,
                                                     &near.waiting.call, take_near, &near));
    waiting_wait(&near.waiting);
    const char *a = nearest_get(&near.nearest, 0), *b = nearest_get(&near.nearest, 1);
    message_print("%s has no data \"%s\"%s%s%s%s", named_build_text(build), message_word(name),
                  a ? "; near are: " : "", message_word(a), b ? ", " : "", message_word(b));
    nearest_fini(&near.nearest);
    return dbk_status_exit_code(DBK_NOT_FOUND);
}

/* Where a value goes. */
struct data_target {
    const char *path; /* NULL: stdout */
    FILE *file;
};

static int file_failed(const char *what, const char *path)
{
    int reason = errno;
    message_print("%s cannot be %s: %s", path ? message_word(path) : "the output", what,
                  strerror(reason));
    if (reason == ENOENT)
        return dbk_status_exit_code(DBK_NOT_FOUND);
    if (reason == EISDIR || reason == ENOTDIR || reason == ENAMETOOLONG || reason == ELOOP)
        return EXIT_USAGE;
    if (reason == ENOSPC || reason == EDQUOT)
        return dbk_status_exit_code(DBK_FULL);
    return dbk_status_exit_code(reason == EACCES || reason == EPERM ? DBK_DENIED : DBK_INTERNAL);
}

/* Writes a piece. The file is opened only when there is something to write into it. */
static int write_piece(void *user, const char *bytes, size_t len, int64_t length)
{
    struct data_target *target = user;
    if (!target->file && target->path) {
        target->file = fopen(target->path, "wbe");
        if (!target->file)
            return file_failed("written", target->path);
    } else if (!target->file) {
        target->file = stdout;
        if (isatty(STDOUT_FILENO) && memchr(bytes, '\0', len)) {
            char size[TEXT_SHORT_SIZE];
            message_print("these %s are not text and would upset the terminal; use -o FILE, or a "
                          "pipe",
                          text_size(length, size));
            return EXIT_NO;
        }
    }
    if (fwrite(bytes, 1, len, target->file) != len)
        return target->path ? file_failed("written", target->path) : output_failed(errno);
    return 0;
}

static int get_data(const struct arguments *arguments, struct archive *archive,
                    const struct named_build *build, char **operands)
{
    const char *path = arguments_value(arguments, "output");
    if (operands[1] && path)
        return usage_error(arguments, "the file is named twice");
    if (operands[1])
        path = operands[1];
    struct data_target target = {path && strcmp(path, "-") != 0 ? path : NULL, NULL};
    bool is_found = false;
    int exit_code =
        data_read(archive, build->build->id, operands[0], write_piece, &target, &is_found);
    if (target.file && target.path && fclose(target.file) && !exit_code)
        exit_code = file_failed("written", target.path);
    if (!exit_code && !is_found)
        exit_code = tell_no_data(archive, build, operands[0]);
    return exit_code;
}

/* What is put: a part of a file that can be read at any place. */
struct data_input {
    const char *path;
    int fd;
    int64_t offset;
    int64_t length;
};

/* Copies what cannot be read twice (a pipe, a terminal) into a file without a name. */
static int spool_input(struct data_input *input)
{
    FILE *spool = tmpfile();
    char piece[64 * 1024];
    ssize_t got = 0;
    int exit_code = 0;
    if (!spool)
        return file_failed("kept", input->path);
    for (input->length = 0; input->length <= PUT_SIZE_MAX; input->length += got) {
        got = read(input->fd, piece, sizeof(piece));
        if (got <= 0 || fwrite(piece, 1, (size_t)got, spool) != (size_t)got)
            break;
    }
    if (got < 0)
        exit_code = file_failed("read", input->path);
    else if (input->length > PUT_SIZE_MAX) {
        message_print("%s is longer than a value may be (%" PRId64 " bytes)",
                      message_word(input->path), PUT_SIZE_MAX);
        exit_code = dbk_status_exit_code(DBK_TOO_LARGE);
    } else if (got > 0 || fflush(spool)) {
        exit_code = file_failed("kept", input->path);
    }
    if (!exit_code)
        exit_code = dup2(fileno(spool), input->fd) < 0 ? file_failed("kept", input->path) : 0;
    fclose(spool);
    input->offset = 0;
    return exit_code;
}

/* Opens what is to be put: a file, or stdin from where it stands. */
static int open_input(const char *path, struct data_input *out_input)
{
    bool is_stdin = !path || !strcmp(path, "-");
    struct data_input input = {is_stdin ? "the input" : path, -1, 0, 0};
    input.fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (input.fd < 0 || fstat(input.fd, &about)) {
        int exit_code = file_failed("read", input.path);
        if (input.fd >= 0)
            close(input.fd);
        return exit_code;
    }
    input.offset = S_ISREG(about.st_mode) ? lseek(input.fd, 0, SEEK_CUR) : -1;
    input.length = about.st_size - input.offset;
    /* Files of the kernel's have no size, but contents. */
    int exit_code = 0;
    if (input.offset < 0 || input.length <= 0)
        exit_code = spool_input(&input);
    if (exit_code)
        close(input.fd);
    else
        *out_input = input;
    return exit_code;
}

static int put_data(const struct arguments *arguments, struct archive *archive,
                    const struct named_build *build, char **operands)
{
    const char *source = arguments_value(arguments, "source");
    struct data_input input = {.fd = -1};
    int exit_code = open_input(operands[1], &input);
    if (exit_code)
        return exit_code;
    struct waiting waiting;
    waiting_init(&waiting, archive);
    waiting_add(&waiting, archive_set_build_data_from_fd(archive, build->build->id, operands[0],
                                                         input.fd, input.offset, input.length,
                                                         source ? source : "daybook", &waiting.call,
                                                         waiting_done, &waiting));
    exit_code = waiting_finish(&waiting);
    close(input.fd);
    return exit_code;
}

static int remove_data(const struct arguments *arguments, struct archive *archive,
                       const struct named_build *build, char **operands)
{
    struct waiting waiting;
    (void)arguments;
    waiting_init(&waiting, archive);
    waiting_add(&waiting, archive_delete_build_data(archive, build->build->id, operands[0],
                                                    &waiting.call, waiting_done, &waiting));
    if (waiting_wait(&waiting) == DBK_NOT_FOUND)
        return tell_no_data(archive, build, operands[0]);
    return waiting_finish(&waiting);
}

static const struct verb verbs[] = {
    {"list", "", 0, 0, true, NULL, list_data, 0},
    {"get", "NAME [FILE]", 1, 2, false, "output", get_data, 1},
    {"put", "NAME [FILE]", 1, 2, false, "source", put_data, 1},
    {"rm", "NAME", 1, 1, false, NULL, remove_data, 0},
    {NULL, NULL, 0, 0, false, NULL, NULL, 0},
};

static int cmd_data(const struct arguments *arguments)
{
    return verbs_run(arguments, verbs);
}

static const struct command_option options[] = {
    {"output", 'o', OPTION_VALUE, "FILE", "get: write there, not to the standard output"},
    {"source", 0, OPTION_VALUE, "TEXT", "put: where the value comes from (daybook)"},
    LISTING_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[list] BUILD [OPTION...]", "get BUILD NAME [FILE]",
                                    "put BUILD NAME [FILE]", "rm BUILD NAME", NULL};

const struct subcommand subcommand_data = {
    .name = "data",
    .summary = "list, get, put or remove the data of a build",
    .usage = usage,
    .about =
        "get writes the bytes as they are to FILE or the standard output; put takes them from "
        "FILE\n"
        "or the standard input and replaces a value of that name. - as FILE is the standard one.\n"
        "What a step printed is the data log/STEP (see `daybook log`). For a command of\n"
        "`daybook run`, . is the build that it is of; `get NAME` and `put NAME` mean that one, "
        "too.\n\n" LISTING_ABOUT,
    .options = options,
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .operand_min = 1,
    .operand_max = 4,
    .run = cmd_data,
};
