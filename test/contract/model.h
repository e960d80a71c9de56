/*
 * A second opinion on lists: the same records, filtered and ordered in plain C, for each kind of record
 * that has a spec. Each kind also brings records with ties, none, and texts that tell apart bytes,
 * characters and patterns.
 */
#ifndef MODEL_H
#define MODEL_H

#include "fixture.h"

/* A field's value: none, a number or a text. */
struct model_value {
    bool is_none;
    int64_t number;
    const char *text; /* NULL for numbers */
};

struct model_field {
    const char *name;
    bool is_text, is_nullable;
    size_t offset;    /* of the member in the record */
    bool is_complete; /* of `complete`, which tells whether the member complete_at is not none */
};

struct model_kind {
    const char *noun;
    const struct model_field *fields; /* that can be filtered and ordered by */
    size_t field_count;
    size_t unique; /* the index of the one that ends every order */
    size_t order;  /* of the one that lists are ordered by */
    bool keeps_none;
    const char *chosen_only; /* a field that can be chosen but not filtered or ordered by */
    const char
        *virtual_only; /* a field that can be filtered and ordered by but not chosen; or NULL */
    /* Makes the records. Result: the build that they are of, or DBK_NONE. */
    int64_t (*fill)(struct fixture *f);
    /* Lists them. Result: the status; the records go to *out_records. */
    int (*list)(struct fixture *f, int64_t buildid, const struct dbk_spec *spec, struct answer *a,
                void ***out_records);
};

extern const struct model_kind MODEL_KINDS[];
extern const size_t MODEL_KIND_COUNT;

struct model_value model_get(const struct model_field *field, const void *record);

/* Negative, 0 or positive; none comes first. */
int model_compare(const struct model_value *a, const struct model_value *b);

bool model_matches(const struct model_kind *kind, const struct model_field *field,
                   const void *record, enum dbk_compare compare, const struct model_value *values,
                   size_t count);

struct model_key {
    const struct model_field *field;
    bool is_reversed;
};
/* Sorts records by keys, and then by the unique field in the direction of the last key. */
void model_sort(const struct model_kind *kind, void **records, size_t count,
                const struct model_key *keys, size_t key_count);

/* Adds a filter to a spec, by the field's type. Result: its status. */
int model_add_filter(struct dbk_spec *spec, const struct model_field *field,
                     enum dbk_compare compare, const struct model_value *values, size_t count);

/* The same records in the same order, by their unique field. */
void assert_same_records(const struct model_kind *kind, void *const *actual, size_t actual_count,
                         void *const *expected, size_t expected_count, const char *what);

#endif
