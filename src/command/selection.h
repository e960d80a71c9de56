/*
 * What a list is asked for: filters, order, page. It is the library's spec, and beside it the same in words,
 * for a daemon. Ends the program when out of memory.
 */
#ifndef SELECTION_H
#define SELECTION_H

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A word of it, as dbk_spec_add() takes them. */
struct selection_item {
    char *name;  /* "FIELD__OP", or "order" */
    char *value; /* NULL: none */
    int group;   /* those of one filter share it; two filters must both hold */
};

struct selection {
    struct dbk_spec *spec;
    struct selection_item *items;
    size_t count;
    int group_count;
    int64_t limit; /* DBK_NONE: none */
    int64_t offset;
    char *cursor; /* NULL: from the beginning */
    bool has_total;
};

struct selection *selection_new(void);
void selection_free(struct selection *selection);

/* Adds a filter or an order in text form. Result: DBK_OK, else *out_error. */
int selection_add(struct selection *selection, const char *name, const char *value,
                  struct dbk_error *out_error);

/* Adds a filter: the field is any of the values. */
void selection_any(struct selection *selection, const char *field, const int64_t *values,
                   size_t count);

void selection_order(struct selection *selection, const char *field);
void selection_limit(struct selection *selection, int64_t limit);
void selection_offset(struct selection *selection, int64_t offset);
void selection_total(struct selection *selection);

/* The spec; NULL for NULL. */
const struct dbk_spec *selection_spec(const struct selection *selection);

#endif
