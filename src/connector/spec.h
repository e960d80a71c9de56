/* What a spec holds. Fields are checked when it meets a kind of record (list.h). */
#ifndef DBKI_SPEC_H
#define DBKI_SPEC_H

#include "engine/value.h"

enum {
    DBKI_FILTERS_MAX = 64,
    DBKI_ORDER_MAX = 8,
    DBKI_CHOSEN_MAX = 64,
    DBKI_VALUES_MAX = 1000,
    DBKI_PROPERTIES_MAX = 8,
    DBKI_WINDOW_MAX = 10000, /* builds whose properties one page looks at */
};

struct dbki_filter {
    char *field;
    enum dbk_compare compare;
    struct dbki_value *values; /* texts are the spec's own */
    size_t count;
};

struct dbk_spec {
    struct dbki_filter filters[DBKI_FILTERS_MAX];
    int filter_count;
    struct dbki_filter properties[DBKI_PROPERTIES_MAX]; /* the field is the property's name */
    int property_count;
    char *order[DBKI_ORDER_MAX]; /* with its "-" */
    int order_count;
    char *chosen[DBKI_CHOSEN_MAX];
    int chosen_count;
    char *cursor;    /* NULL: none */
    int64_t limit;   /* DBK_NONE: none */
    int64_t offset;  /* 0: none */
    bool is_refused; /* something that it was given */
    enum dbk_total total;
    int64_t total_up_to;
};

#endif
