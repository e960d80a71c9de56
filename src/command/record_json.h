/*
 * Records as JSON objects, their members named as in daybook.h. Times are seconds since 1970,
 * results are numbers; what there is not is null.
 */
#ifndef RECORD_JSON_H
#define RECORD_JSON_H

#include "../share/json_writer.h"

#include <daybook.h>

/* The members of a build; the object is opened and closed by the caller, who may add others.
 * Args: builder is its builder's name, or NULL. */
void record_json_build_members(struct json_writer *json, const struct dbk_build *build,
                               const char *builder);

/* Whole objects. */
void record_json_build(struct json_writer *json, const struct dbk_build *build,
                       const char *builder);
void record_json_step(struct json_writer *json, const struct dbk_step *step);
void record_json_property(struct json_writer *json, const struct dbk_property *property);
void record_json_build_data(struct json_writer *json, const struct dbk_build_data *data);
void record_json_sourcestamp(struct json_writer *json, const struct dbk_sourcestamp *sourcestamp);
void record_json_event(struct json_writer *json, const struct dbk_event *event);

/* The members of a builder. */
void record_json_builder_members(struct json_writer *json, const struct dbk_builder *builder);

#endif
