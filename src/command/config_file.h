/*
 * A file of options: `NAME = VALUE` lines, where NAME is a long option without its dashes. Not for what values mean.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "command.h"

struct config_file {
    char *text;
    struct given_option *given; /* the file's options, and behind them those of the command line */
};

/*
 * Reads a file of options of the arguments' subcommand, and --db. What the command line gives comes behind what the file
 * gives, so that it counts where one value does. Result: 0 and *out_arguments, good until config_file_fini(); else an
 * exit code after a message that names the line. config_file_fini() in any case.
 */
int config_file_read(const char *path, const struct arguments *arguments,
                     struct config_file *out_file, struct arguments *out_arguments);
void config_file_fini(struct config_file *file);

#endif
