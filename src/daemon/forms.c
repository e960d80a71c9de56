/*
 * The bodies' members: see forms.h.
 */
#include "forms.h"

#define NEEDED(kind, type, member)                                                                 \
    {                                                                                              \
#member, kind, true, offsetof(type, member), NULL                                          \
    }
#define MAY(kind, type, member)                                                                    \
    {                                                                                              \
#member, kind, false, offsetof(type, member), NULL                                         \
    }
/* A member of a struct within it. */
#define WITHIN(kind, type, inner, member)                                                          \
    {                                                                                              \
#member, kind, false, offsetof(type, inner.member), NULL                                   \
    }
#define PARTS(type, member, form)                                                                  \
    {                                                                                              \
#member, BODY_PART, false, offsetof(type, member), form                                    \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, BODY_TEXT, false, 0, NULL                                                            \
    }
#define FORM(name, ...)                                                                            \
    const struct form form_##name = {#name, (const struct body_field[]){__VA_ARGS__, END}}

FORM(name, {"name", BODY_TEXT, true, 0, NULL});
FORM(state, {"state_string", BODY_TEXT, true, 0, NULL});
FORM(token, {"token", BODY_TEXT, true, 0, NULL});
FORM(locks_duration, {"duration_s", BODY_NUMBER, true, 0, NULL});
FORM(locks_acquired, {"locks_acquired_at", BODY_TIME, false, 0, NULL});

FORM(build_finish, NEEDED(BODY_RESULTS, struct finish_form, results),
     MAY(BODY_TIME, struct finish_form, complete_at));
FORM(step_finish, NEEDED(BODY_RESULTS, struct finish_form, results),
     MAY(BODY_BOOL, struct finish_form, hidden), MAY(BODY_TIME, struct finish_form, complete_at));

FORM(step, NEEDED(BODY_TEXT, struct step_form, name),
     MAY(BODY_TEXT, struct step_form, state_string));
FORM(step_start, MAY(BODY_TIME, struct start_form, started_at),
     MAY(BODY_BOOL, struct start_form, locks_acquired));
FORM(url, NEEDED(BODY_TEXT, struct dbk_url, name), NEEDED(BODY_TEXT, struct dbk_url, url));

FORM(property, NEEDED(BODY_VALUE, struct property_form, value),
     MAY(BODY_TEXT, struct property_form, source));
const struct form form_properties = {"properties_by_name", NULL};

#define IN_STAMP(member) MAY(BODY_TEXT, struct dbk_sourcestamp_key, member)
FORM(sourcestamp, IN_STAMP(branch), IN_STAMP(revision), IN_STAMP(repository), IN_STAMP(codebase),
     IN_STAMP(project));

FORM(data, NEEDED(BODY_TEXT, struct data_form, name), MAY(BODY_TEXT, struct data_form, source),
     MAY(BODY_TEXT, struct data_form, value), MAY(BODY_TEXT, struct data_form, base64));

FORM(erase, MAY(BODY_TEXT, struct erase_form, property), MAY(BODY_TEXT, struct erase_form, data),
     MAY(BODY_BOOL, struct erase_form, contents));

#define IN_STEP(kind, member) WITHIN(kind, struct whole_step_form, step, member)
FORM(whole_step, {"name", BODY_TEXT, true, offsetof(struct whole_step_form, step.name), NULL},
     IN_STEP(BODY_TEXT, state_string), IN_STEP(BODY_TIME, started_at),
     IN_STEP(BODY_TIME, locks_acquired_at), IN_STEP(BODY_TIME, complete_at),
     IN_STEP(BODY_RESULTS, results), IN_STEP(BODY_BOOL, hidden),
     PARTS(struct whole_step_form, urls, &form_url));

#define IN_BUILD(kind, member) WITHIN(kind, struct build_form, build, member)
FORM(build, IN_BUILD(BODY_TEXT, worker), IN_BUILD(BODY_TEXT, master), IN_BUILD(BODY_TEXT, reason),
     IN_BUILD(BODY_TEXT, state_string), IN_BUILD(BODY_TIME, started_at),
     IN_BUILD(BODY_TIME, complete_at), IN_BUILD(BODY_RESULTS, results),
     IN_BUILD(BODY_NUMBER, locks_duration_s),
     PARTS(struct build_form, sourcestamps, &form_sourcestamp),
     PARTS(struct build_form, properties, &form_properties),
     PARTS(struct build_form, steps, &form_whole_step), PARTS(struct build_form, data, &form_data));
