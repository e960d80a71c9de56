/*
 * The JSON bodies of the writes: the structs that they are read into, and for each a table of its members. The API's
 * description is made from the same tables (openapi.h).
 */
#ifndef DAEMON_FORMS_H
#define DAEMON_FORMS_H

#include "body.h"

#include <daybook.h>

/* A body, or an object in one. */
struct form {
    const char *name;                /* in the description */
    const struct body_field *fields; /* NULL: an object of properties, NAME: [VALUE, SOURCE] */
};

/* Into a const char *. */
extern const struct form form_name, form_state, form_token;
/* Into an int64_t. */
extern const struct form form_locks_duration, form_locks_acquired;

struct finish_form {
    int64_t results, complete_at;
    bool hidden; /* of a step */
};
extern const struct form form_build_finish, form_step_finish;

struct step_form {
    const char *name, *state_string;
};
extern const struct form form_step;

struct start_form {
    int64_t started_at;
    bool locks_acquired;
};
extern const struct form form_step_start;

extern const struct form form_url; /* into a struct dbk_url */

struct property_form {
    const json_t *value;
    const char *source;
};
extern const struct form form_property;
extern const struct form form_properties;

/* A whole build. */
struct build_form {
    struct dbk_new_build build;
    const json_t *sourcestamps, *properties, *steps, *data;
};
extern const struct form form_build;
extern const struct form form_sourcestamp; /* into a struct dbk_sourcestamp_key */

struct whole_step_form {
    struct dbk_new_step step;
    const json_t *urls;
};
extern const struct form form_whole_step;

/* A value is given as text, or as base64. */
struct data_form {
    const char *name, *source, *value, *base64;
};
extern const struct form form_data;

/* One of the three. */
struct erase_form {
    const char *property, *data;
    bool contents;
};
extern const struct form form_erase;

#endif
