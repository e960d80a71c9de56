/* Which statements the two sides run: the same ones, or the comparison is worth nothing. */
#ifndef STATEMENTS_H
#define STATEMENTS_H

enum { STATEMENTS_MAX = 32 };

/* The texts of the statements that ran, each once. Not those of
 * transactions, settings and housekeeping. */
struct statements {
    char *texts[STATEMENTS_MAX];
    int count;
};

/* Connections that are opened between these two can be watched. */
void statements_watch(void);
void statements_unwatch(void);

/* From now on what they run is added there; NULL: nowhere. */
void statements_record(struct statements *statements);

/* Fails when one of the two ran a statement that the other did not. */
void statements_compare(const struct statements *bare, const struct statements *ours);
void statements_fini(struct statements *statements);

#endif
