/* daybook's half of the measurements on servers, and their report: what the bare programs are held against. */
#pragma once

#include "daybook.h"

enum { OUTSTANDING = 64, CONNECTIONS = 2, BATCH = OUTSTANDING / CONNECTIONS };
/* BUILDS: those that are changed and read, of many more. */
enum { BUILDERS = 16, BUILDS = 2000, PAGE = 50 };
enum what { ADD_BUILD, SET_STATE, STEPS, GET_BUILD, GET_PAGE, WHAT_COUNT };

/* The statements of the bare programs, which have the same words but for the engine's. */
enum statement {
    ADD,
    LOCK_BUILDER,
    EVENT,
    NAME,
    STATE,
    EVENT_OF_BUILD,
    GET,
    ADD_STEP_ROW,
    LOCK_BUILD,
    EVENT_OF_STEP,
    START,
    FINISH,
    GET_PAGE_ROWS,
    GIVE_LOCK,
    GIVE,
    GIVE_MOVE,
    STATEMENT_COUNT
};

/* Those of a build that is read. */
#define COLUMNS                                                                                    \
    "t.id, t.number, t.builderid, t.buildrequestid, t.workerid, t.masterid, t.started_at, "        \
    "t.complete_at, t.locks_duration_s, t.state_string, t.results"

/* Which run it is: names of steps do not come twice. */
extern int run_number;

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes --json off, where it is the last word: the report is then a line of JSON for each case, and nothing else. */
void server_take_json(int *argc, char **argv);

double now_s(void);

/* Runs each case by the bare program and by daybook, in turns, and prints the rates and the ratio.
 * bare: runs a case so many times over, with CONNECTIONS connections; scale: 1, or more where a server is quicker. */
void server_measure(struct dbk_store *store, void (*bare)(void *user, enum what what, int count),
                    void *user, int scale, int rounds);
