/*
 * Pruning: what goes by the rules of a retention, in short turns between which other writers have theirs.
 *
 * A turn is a row of passes, each of them some statements and what is made of their answers:
 *
 *     builder -> limits -> page -> builds --+--> facts -> sizes -> leaves -> branches -> roots -> sets
 *        ^                  ^               |
 *        +------------------+---------------+   nothing of these builds goes
 *
 * Children go before what they hang on, and what is too large for one turn goes on in the next. All of it is
 * found by keys: builds by builder and number, all else by the build. Nothing is written down of how far it has
 * come: what is gone is gone, and whoever is cut off begins again with what is left. Runs on the worker.
 */
#ifndef DBKI_PRUNE_H
#define DBKI_PRUNE_H

#include "connector/long_work.h"
#include "connector/retention.h"
#include "connector/turns.h"

/* Which values of a build. */
enum dbki_values { DBKI_VALUES_NONE, DBKI_VALUES_OUTPUTS, DBKI_VALUES_OTHERS, DBKI_VALUES_ALL };

/* What happens to a build: some of its values go, all that is in it, or it goes itself. */
enum dbki_fate { DBKI_FATE_VALUES, DBKI_FATE_EMPTIED, DBKI_FATE_DELETED };

/* What hangs on a build in two steps, in Buildbot's databases alone. */
enum dbki_folder { DBKI_FOLDER_LOGS, DBKI_FOLDER_TESTS, DBKI_FOLDER_KINDS };
enum { DBKI_FOLDERS_MAX = 32 }; /* that are looked at in a turn, of each kind */

/* A build of which something goes. */
struct dbki_doomed {
    int64_t id, number, results, requestid, setid;
    enum dbki_fate fate;
    enum dbki_values values;
    enum dbki_values values_alone; /* that go if it stays */
    bool is_kept;                  /* after all */
    bool is_postponed;             /* it will go, but not yet */
    bool is_unfinished;            /* more of it than a turn takes */
    bool is_touched;               /* something of it went in this turn */
    bool is_request_gone;
    bool is_in_lineage; /* the newest of its lineage was found: it, or another one */
    int64_t last_valueid, value_count;
    int64_t folders[DBKI_FOLDER_KINDS][DBKI_FOLDERS_MAX];
    int folder_counts[DBKI_FOLDER_KINDS];
};

/* What was counted, by table. */
enum dbki_sum {
    DBKI_SUM_BUILDS,
    DBKI_SUM_PROPERTIES,
    DBKI_SUM_STEPS,
    DBKI_SUM_VALUES,
    DBKI_SUM_LOGS,
    DBKI_SUM_CHUNKS,
    DBKI_SUM_TEST_SETS,
    DBKI_SUM_TESTS,
    DBKI_SUM_REQUESTS,
    DBKI_SUM_SETS,
    DBKI_SUM_EVENTS,
    DBKI_SUM_KEYS,
    DBKI_SUMS,
    DBKI_SUM_NOTHING = DBKI_SUMS,
};
struct dbki_amount {
    int64_t count, size;
};

/* The builder whose builds are being looked at. */
struct dbki_pruned_builder {
    int64_t id;
    int64_t newest;  /* the number of its newest build when it was begun */
    int64_t horizon; /* no rule takes what was complete after that */
    int64_t first_kept[DBKI_KEPT_KINDS];
    char name[100]; /* for people: it may be cut */
    const struct dbki_rule *rules[DBKI_KEPT_KINDS];
};

/* How far it has come: what a turn begins with, and leaves to the next if it was committed. */
struct dbki_prune_place {
    int64_t turn;
    int stage;
    bool has_builder;
    struct dbki_pruned_builder builder;
    int64_t number; /* the builder's builds were looked at up to that one */
    struct dbki_amount sums[DBKI_SUMS];
};

/* What a statement of a pass was asked for. */
struct dbki_asked {
    struct dbki_doomed *doomed;
    int what; /* of the pass */
    int64_t limit;
};

struct dbki_prune {
    struct dbki_long_op work; /* first */
    struct dbk_retention *retention;
    int64_t now;     /* by which ages are told, of a dry run too */
    bool is_checked; /* that the database has what is needed */
    int64_t
        single; /* the build of which something is erased (erase.c); DBK_NONE: it goes by the rules */
    enum dbk_erased erased;
    struct dbki_value
        single_name; /* of the property or the value; unless it is all that is in the build */
    struct dbki_turns turns;
    struct dbki_prune_place base, next;
    int page_builds; /* how many builds are looked at together; 0: none were */

    /* Of the turn. */
    int pass;
    struct dbki_asked *asked;
    int asked_count, asked_max;
    struct dbki_doomed *doomed;
    int doomed_count, doomed_max;
    int64_t page_end;  /* the last number of the page; DBK_NONE: the builder has no more builds */
    int64_t looked_at; /* the last build of the page that was looked at */
    int64_t answer;    /* to a question for one number */
    int64_t unused[2];
};

/* A pass: binds its statements, if any; takes their rows; and then says which pass is next. */
struct dbki_prune_pass {
    void (*bind)(struct dbki_prune *prune, struct dbki_binder *binder);
    int (*row)(struct dbki_prune *prune, const struct dbki_asked *asked,
               const struct dbki_value *cells);
    int (*read)(struct dbki_prune *prune, const struct dbki_bound *bound);
};

enum dbki_prune_passes {
    DBKI_PASS_CHECK,
    DBKI_PASS_BUILDER,
    DBKI_PASS_LIMITS,
    DBKI_PASS_PAGE,
    DBKI_PASS_BUILDS,
    DBKI_PASS_FACTS,
    DBKI_PASS_COUNTS, /* of a dry run, in place of all that follow */
    DBKI_PASS_SIZES,
    DBKI_PASS_LEAVES,
    DBKI_PASS_BRANCHES,
    DBKI_PASS_ROOTS,
    DBKI_PASS_SETS,
    DBKI_PASS_EVENTS,
    DBKI_PASS_OLD_EVENTS,
    DBKI_PASS_KEYS,
    DBKI_PASS_SPACE,
    DBKI_PASS_SINGLE, /* of an erasure, in place of all before `sizes` */
    DBKI_PASS_PENDING,
    DBKI_PASS_PROPERTY,
    DBKI_PASS_SCRUBBED,
    DBKI_PASSES,
    DBKI_PASS_END = DBKI_PASSES, /* of the turn */
};

/* The stages that turns are of. */
enum {
    DBKI_STAGE_BUILDS,
    DBKI_STAGE_EVENTS,
    DBKI_STAGE_KEYS,
    DBKI_STAGE_SPACE,
    DBKI_STAGE_SCRUB, /* after the turn that it is of (erase.c) */
    DBKI_STAGE_SCRUBBED,
    DBKI_STAGE_END
};

/* prune_walk.c, prune_count.c, prune_builds.c, prune_rest.c, erase.c */
extern const struct dbki_prune_pass dbki_prune_check, dbki_prune_builder, dbki_prune_limits,
    dbki_prune_page, dbki_prune_find_builds, dbki_prune_facts, dbki_prune_counts, dbki_prune_sizes,
    dbki_prune_leaves, dbki_prune_branches, dbki_prune_roots, dbki_prune_sets, dbki_prune_events,
    dbki_prune_old_events, dbki_prune_keys, dbki_prune_space, dbki_prune_single, dbki_prune_pending,
    dbki_prune_property, dbki_prune_scrubbed;

/* Binds a statement, and remembers what for. */
void dbki_prune_ask(struct dbki_prune *prune, struct dbki_binder *binder, struct dbki_asked asked,
                    const struct dbki_statement *statement, const struct dbki_value *params,
                    int param_count);
/* Remembers it alone, of a statement that another function binds. */
void dbki_prune_note(struct dbki_prune *prune, struct dbki_binder *binder, struct dbki_asked asked);
#define DBKI_PRUNE_ASK(prune, binder, asked, statement, ...)                                       \
    dbki_prune_ask(                                                                                \
        prune, binder, asked, statement, (const struct dbki_value[]){__VA_ARGS__},                 \
        (int)(sizeof((const struct dbki_value[]){__VA_ARGS__}) / sizeof(struct dbki_value)))

/* Adds to a sum. */
void dbki_prune_add(struct dbki_prune *prune, int sum, int64_t count, int64_t size);
/* Rows of one build, and builds, that a turn takes. */
int64_t dbki_prune_rows_of_one(const struct dbki_prune *prune);
int dbki_prune_builds_max(const struct dbki_prune *prune);
/* Whether there is time for more in this turn. */
bool dbki_prune_has_time(const struct dbki_prune *prune);

bool dbki_prune_is_own(const struct dbki_prune *prune);

/* The operation's bind, row, read and fini. */
void dbki_prune_op_bind(struct dbki_op *op, struct dbki_binder *binder);
int dbki_prune_op_row(struct dbki_op *op, int index, const struct dbki_value *cells,
                      int cell_count);
void dbki_prune_op_read(struct dbki_op *op, const struct dbki_bound *bound,
                        struct dbki_binder *more);
void dbki_prune_op_fini(struct dbki_op *op);
/* How it begins: so many rows in the first turn, of which each takes about batch_ms (0: 5). */
void dbki_prune_init(struct dbki_prune *prune, int64_t batch_ms);

/* erase.c: whether what is deleted is to be overwritten in the database's files, too. */
bool dbki_prune_scrubs(const struct dbki_prune *prune);
/* erase.c: reports what may still hold what was erased. */
int dbki_prune_report_remains(struct dbki_prune *prune);

/* The condition on the name of a value, for statements of which there is one for each of enum dbki_values. */
#define DBKI_OUTPUTS_ONLY(alias) " AND substr(" alias "name, 1, 4) = 'log/'"
#define DBKI_OTHERS_ONLY(alias) " AND substr(" alias "name, 1, 4) <> 'log/'"
#define DBKI_BY_VALUES(before, alias, after)                                                       \
    {                                                                                              \
        {.sql = NULL}, {.sql = before DBKI_OUTPUTS_ONLY(alias) after},                             \
            {.sql = before DBKI_OTHERS_ONLY(alias) after},                                         \
        {                                                                                          \
            .sql = before after                                                                    \
        }                                                                                          \
    }

#endif
