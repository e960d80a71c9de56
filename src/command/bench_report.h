/*
 * Times every read, and every request of the web page, in stores of several sizes, side by side.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "command.h"

/* `daybook bench report URL URL...`. Result: the exit code; EXIT_NO when a row grew more than it may. */
int bench_report(const struct arguments *arguments);

#endif
