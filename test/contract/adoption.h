/* Long work on a copy of a master's database: started, waited for, and what it reported as text. */
#ifndef ADOPTION_H
#define ADOPTION_H

#include "buildbot.h"

/* What long work said. */
struct reports {
    struct answer answer; /* first: what wait.h fills */
    char *statements;     /* a line each */
    char *findings;       /* "problem subject id\n" each */
    char *texts;          /* the findings' sentences, a line each */
    int count;            /* reports of all kinds */
    int turns;            /* reports of progress */
    int64_t rows;         /* that the statements read, summed up */
    int cancel_after;     /* so many reports; 0: never */
    int cancelled;        /* what dbk_cancel() gave then: DBK_NOT_FOUND in the last turn */
    struct dbk_store *store;
};

typedef int long_fn(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                    dbk_report_fn *report, dbk_done_fn *done, void *user);

dbk_report_fn on_report;

/* Runs it to its end. Result: the status with which it was refused or ended. */
int long_run(struct reports *reports, struct dbk_store *store, long_fn *function, bool is_dry_run);

/* Opens the copy for adopting and releasing, does that, and closes it. */
int long_run_alone(struct buildbot *b, struct reports *reports, long_fn *function);

/* Opens the copy so; other options than that are the URL's. */
void buildbot_open_exclusive(struct buildbot *b, const char *url_options, bool is_forced);

/* A column that a newer Buildbot might have added: every insert has to fill it. */
#define NEEDED_COLUMN(b)                                                                           \
    ((b)->engine->is_file                                                                          \
         ? "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql,"              \
           " 'hidden SMALLINT', 'mood TEXT NOT NULL, hidden SMALLINT')"                            \
           " WHERE name = 'steps'; PRAGMA writable_schema = RESET"                                 \
         : "ALTER TABLE steps ADD COLUMN mood TEXT NOT NULL DEFAULT ''; ALTER TABLE steps"         \
           " ALTER COLUMN mood DROP DEFAULT")

#endif
