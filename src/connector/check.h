/*
 * What is looked for in a database, and what mends it: check.c has the rules and looks, repair.c mends.
 */
#ifndef DBKI_CHECK_H
#define DBKI_CHECK_H

#include "schema/schema.h"
#include "store/op.h"

enum { DBKI_CHECK_RULES_MAX = 5 };

/* Gives each row's id and a sentence, of rows that are dirty; with is_right, of all. */
struct dbki_check_rule {
    const char *problem;
    struct dbki_statement
        statement; /* takes the ids between which to look: above the first, to the second */
    /* Whether a row is as it should be, where SQL cannot say: the third column is the value in question. */
    bool (*is_right)(struct dbki_op *op, const struct dbki_value *value);
    const char
        *mend; /* mends all such rows of the table, and goes on with AND; NULL: nothing does */
    const char *mend_key; /* the id in it */
    /* What mends the table where its rows have no ids to be told apart by, for whoever looks after the database. */
    const char *mend_numbered;
};

struct dbki_check_table {
    const char *name;
    struct dbki_statement next; /* the last id of the next rows behind one */
    struct dbki_statement last; /* the table's last id */
    struct dbki_check_rule rules[DBKI_CHECK_RULES_MAX];
};

extern const struct dbki_check_table dbki_check_tables[];
extern const int dbki_check_table_count;

/* The last id of the next rows behind one (DBK_NONE: there are none), and the table's. */
int dbki_check_next(struct dbki_op *op, struct dbki_conn *conn,
                    const struct dbki_check_table *table, int64_t after, int64_t *out_to,
                    int64_t *out_last);
/* Reports what a rule finds in a range of ids, above the first, to the second. done: a report's, of each. */
int dbki_check_rule_run(struct dbki_op *op, struct dbki_conn *conn,
                        const struct dbki_check_table *table, const struct dbki_check_rule *rule,
                        const struct dbki_value range[2], int64_t done, int64_t *out_count);

/* Reports what of daybook's should be there and is not. In a Buildbot database without any of it, nothing should be. */
int dbki_check_missing(struct dbki_op *op, struct dbki_conn *conn,
                       const struct dbki_schema *schema);

#endif
