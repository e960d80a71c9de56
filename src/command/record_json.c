/*
 * Records as JSON: see record_json.h.
 */
#include "record_json.h"

void record_json_build_members(struct json_writer *json, const struct dbk_build *build,
                               const char *builder)
{
    json_member_number(json, "id", build->id);
    json_member_number(json, "number", build->number);
    json_member_number(json, "builderid", build->builderid);
    if (builder)
        json_member_text(json, "builder", builder);
    json_member_number(json, "buildrequestid", build->buildrequestid);
    json_member_number(json, "workerid", build->workerid);
    json_member_number(json, "masterid", build->masterid);
    json_member_number(json, "started_at", build->started_at);
    json_member_number(json, "complete_at", build->complete_at);
    json_member_number(json, "locks_duration_s", build->locks_duration_s);
    json_member_text(json, "state_string", build->state_string);
    json_member_number(json, "results", build->results);
}

void record_json_build(struct json_writer *json, const struct dbk_build *build, const char *builder)
{
    json_begin_object(json);
    record_json_build_members(json, build, builder);
    json_end_object(json);
}

void record_json_step(struct json_writer *json, const struct dbk_step *step)
{
    json_begin_object(json);
    json_member_number(json, "id", step->id);
    json_member_number(json, "number", step->number);
    json_member_text(json, "name", step->name);
    json_member_number(json, "buildid", step->buildid);
    json_member_number(json, "started_at", step->started_at);
    json_member_number(json, "locks_acquired_at", step->locks_acquired_at);
    json_member_number(json, "complete_at", step->complete_at);
    json_member_text(json, "state_string", step->state_string);
    json_member_number(json, "results", step->results);
    json_member_bool(json, "hidden", step->hidden != 0 && step->hidden != DBK_NONE);
    json_name(json, "urls");
    json_begin_array(json);
    for (size_t i = 0; i < step->url_count; i++) {
        json_begin_object(json);
        json_member_text(json, "name", step->urls[i]->name);
        json_member_text(json, "url", step->urls[i]->url);
        json_end_object(json);
    }
    json_end_array(json);
    if (step->urls_text)
        json_member_text(json, "urls_text", step->urls_text);
    json_end_object(json);
}

void record_json_property(struct json_writer *json, const struct dbk_property *property)
{
    json_begin_object(json);
    json_member_number(json, "buildid", property->buildid);
    json_member_text(json, "name", property->name);
    json_name(json, "value");
    if (property->value && property->is_json)
        json_value(json, property->value);
    else
        json_none(json);
    if (property->value && !property->is_json)
        json_member_text(json, "raw", property->value);
    json_member_text(json, "source", property->source);
    json_end_object(json);
}

void record_json_build_data(struct json_writer *json, const struct dbk_build_data *data)
{
    json_begin_object(json);
    json_member_number(json, "id", data->id);
    json_member_number(json, "buildid", data->buildid);
    json_member_text(json, "name", data->name);
    json_member_number(json, "length", data->length);
    json_member_text(json, "source", data->source);
    json_end_object(json);
}

void record_json_sourcestamp(struct json_writer *json, const struct dbk_sourcestamp *sourcestamp)
{
    json_begin_object(json);
    json_member_number(json, "id", sourcestamp->id);
    json_member_text(json, "branch", sourcestamp->branch);
    json_member_text(json, "revision", sourcestamp->revision);
    json_member_number(json, "patchid", sourcestamp->patchid);
    json_member_text(json, "repository", sourcestamp->repository);
    json_member_text(json, "codebase", sourcestamp->codebase);
    json_member_text(json, "project", sourcestamp->project);
    json_member_number(json, "created_at", sourcestamp->created_at);
    json_end_object(json);
}

void record_json_event(struct json_writer *json, const struct dbk_event *event)
{
    json_begin_object(json);
    json_member_number(json, "id", event->id);
    json_member_number(json, "at", event->at);
    json_member_text(json, "kind", event->kind);
    json_member_text(json, "verb", event->verb);
    json_member_number(json, "builderid", event->builderid);
    json_member_number(json, "buildid", event->buildid);
    json_member_number(json, "stepid", event->stepid);
    json_member_text(json, "name", event->name);
    json_end_object(json);
}

void record_json_builder_members(struct json_writer *json, const struct dbk_builder *builder)
{
    json_member_number(json, "id", builder->id);
    json_member_text(json, "name", builder->name);
    json_member_text(json, "description", builder->description);
    json_member_text(json, "description_format", builder->description_format);
    json_member_text(json, "description_html", builder->description_html);
    json_member_number(json, "projectid", builder->projectid);
}
