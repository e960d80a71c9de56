/*
 * The callbacks: each makes Python's objects of what the library lends, and fires the Deferred. A record is
 * made from a table of its members, in the order of the dataclass in daybook/records.py.
 */
#include "native.h"

#include <stddef.h>
#include <string.h>

enum kind { INT, TEXT, FLAG, URLS, PROPERTIES, VALUE, REPORT_KIND };

struct member {
    size_t offset;
    enum kind kind;
};

struct record {
    const struct member *members;
    int count;
};

#define RECORD(name, ...)                                                                          \
    static const struct member name##_members[] = {__VA_ARGS__};                                   \
    static const struct record name##_record = {name##_members,                                    \
                                                sizeof name##_members / sizeof name##_members[0]}

#define OF(member) offsetof(struct dbk_build, member)
RECORD(build, {OF(id), INT}, {OF(number), INT}, {OF(builderid), INT}, {OF(buildrequestid), INT},
       {OF(workerid), INT}, {OF(masterid), INT}, {OF(started_at), INT}, {OF(complete_at), INT},
       {OF(locks_duration_s), INT}, {OF(state_string), TEXT}, {OF(results), INT},
       {OF(properties), PROPERTIES});
#undef OF
#define OF(member) offsetof(struct dbk_property, member)
RECORD(property, {OF(buildid), INT}, {OF(name), TEXT}, {OF(value), TEXT}, {OF(source), TEXT},
       {OF(is_json), FLAG});
#undef OF
#define OF(member) offsetof(struct dbk_step, member)
RECORD(step, {OF(id), INT}, {OF(number), INT}, {OF(name), TEXT}, {OF(buildid), INT},
       {OF(started_at), INT}, {OF(locks_acquired_at), INT}, {OF(complete_at), INT},
       {OF(state_string), TEXT}, {OF(results), INT}, {OF(hidden), INT}, {OF(urls), URLS},
       {OF(urls_text), TEXT});
#undef OF
#define OF(member) offsetof(struct dbk_build_data, member)
RECORD(build_data, {OF(id), INT}, {OF(buildid), INT}, {OF(name), TEXT}, {OF(length), INT},
       {OF(source), TEXT}, {OF(value), VALUE});
#undef OF
#define OF(member) offsetof(struct dbk_builder, member)
RECORD(builder, {OF(id), INT}, {OF(name), TEXT}, {OF(description), TEXT},
       {OF(description_format), TEXT}, {OF(description_html), TEXT}, {OF(projectid), INT});
#undef OF
#define OF(member) offsetof(struct dbk_worker, member)
RECORD(worker, {OF(id), INT}, {OF(name), TEXT}, {OF(info), TEXT}, {OF(paused), INT},
       {OF(pause_reason), TEXT}, {OF(graceful), INT});
#undef OF
#define OF(member) offsetof(struct dbk_master, member)
RECORD(master, {OF(id), INT}, {OF(name), TEXT}, {OF(active), INT}, {OF(last_active), INT});
#undef OF
#define OF(member) offsetof(struct dbk_sourcestamp, member)
RECORD(sourcestamp, {OF(id), INT}, {OF(branch), TEXT}, {OF(revision), TEXT}, {OF(patchid), INT},
       {OF(repository), TEXT}, {OF(codebase), TEXT}, {OF(project), TEXT}, {OF(created_at), INT});
#undef OF
#define OF(member) offsetof(struct dbk_buildset, member)
RECORD(buildset, {OF(id), INT}, {OF(external_idstring), TEXT}, {OF(reason), TEXT},
       {OF(submitted_at), INT}, {OF(complete), INT}, {OF(complete_at), INT}, {OF(results), INT},
       {OF(parent_buildid), INT}, {OF(parent_relationship), TEXT}, {OF(rebuilt_buildid), INT});
#undef OF
#define OF(member) offsetof(struct dbk_buildrequest, member)
RECORD(buildrequest, {OF(id), INT}, {OF(buildsetid), INT}, {OF(builderid), INT},
       {OF(priority), INT}, {OF(complete), INT}, {OF(results), INT}, {OF(submitted_at), INT},
       {OF(complete_at), INT}, {OF(waited_for), INT}, {OF(claimed_at), INT},
       {OF(claimed_by_masterid), INT});
#undef OF
#define OF(member) offsetof(struct dbk_change, member)
RECORD(change, {OF(id), INT}, {OF(author), TEXT}, {OF(committer), TEXT}, {OF(comments), TEXT},
       {OF(branch), TEXT}, {OF(revision), TEXT}, {OF(revlink), TEXT}, {OF(when_timestamp), INT},
       {OF(category), TEXT}, {OF(repository), TEXT}, {OF(codebase), TEXT}, {OF(project), TEXT},
       {OF(sourcestampid), INT}, {OF(parent_changeid), INT});
#undef OF
#define OF(member) offsetof(struct dbk_event, member)
RECORD(event, {OF(id), INT}, {OF(at), INT}, {OF(kind), TEXT}, {OF(verb), TEXT},
       {OF(builderid), INT}, {OF(buildid), INT}, {OF(stepid), INT}, {OF(name), TEXT});
#undef OF
#define OF(member) offsetof(struct dbk_report, member)
RECORD(report, {OF(kind), REPORT_KIND}, {OF(subject), TEXT}, {OF(problem), TEXT}, {OF(text), TEXT},
       {OF(id), INT}, {OF(done), INT}, {OF(total), INT}, {OF(rows), INT}, {OF(bytes), INT});
#undef OF

/* ---------------------------------------------------------------------------------- members ---- */

static PyObject *empty;

bool init_answers(void)
{
    empty = PyTuple_New(0);
    return empty != NULL;
}

static PyObject *none(void)
{
    Py_INCREF(Py_None);
    return Py_None;
}

static PyObject *number_of(int64_t number)
{
    return number == DBK_NONE ? none() : PyLong_FromLongLong(number);
}

/* An old database may hold text that is not UTF-8: its bytes are kept as Python keeps those of file names. */
static PyObject *text_of(const char *text)
{
    if (!text)
        return none();
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
}

static PyObject *urls_of(const struct dbk_step *step)
{
    PyObject *urls = PyTuple_New((Py_ssize_t)step->url_count);
    for (size_t i = 0; urls && i < step->url_count; i++) {
        PyObject *name = text_of(step->urls[i]->name), *url = text_of(step->urls[i]->url);
        PyObject *pair = name && url ? PyTuple_Pack(2, name, url) : NULL;
        Py_XDECREF(name);
        Py_XDECREF(url);
        if (pair)
            PyTuple_SetItem(urls, (Py_ssize_t)i, pair);
        else
            Py_CLEAR(urls);
    }
    return urls;
}

static PyObject *tuple_of(const struct record *record, const void *found);

static PyObject *properties_of(const struct dbk_build *build)
{
    if (!build->property_count) {
        Py_INCREF(empty);
        return empty;
    }
    PyObject *list = PyTuple_New((Py_ssize_t)build->property_count);
    for (size_t i = 0; list && i < build->property_count; i++) {
        PyObject *property = tuple_of(&property_record, build->properties[i]);
        if (property)
            PyTuple_SetItem(list, (Py_ssize_t)i, property);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *value_of(const struct dbk_build_data *data)
{
    return data->value ? PyBytes_FromStringAndSize(data->value, (Py_ssize_t)data->value_len)
                       : none();
}

static PyObject *kind_of(const struct dbk_report *report)
{
    static const char *const names[] = {[DBK_REPORT_PROGRESS] = "progress",
                                        [DBK_REPORT_STATEMENT] = "statement",
                                        [DBK_REPORT_FINDING] = "finding",
                                        [DBK_REPORT_SWITCH] = "switch",
                                        [DBK_REPORT_SUM] = "sum"};
    return PyUnicode_FromString(names[report->kind]);
}

static PyObject *member_of(const struct member *member, const void *found)
{
    const char *place = (const char *)found + member->offset;
    int64_t number;
    const char *text;
    bool flag;
    switch (member->kind) {
    case INT:
        memcpy(&number, place, sizeof number);
        return number_of(number);
    case TEXT:
        memcpy(&text, place, sizeof text);
        return text_of(text);
    case FLAG:
        memcpy(&flag, place, sizeof flag);
        return PyBool_FromLong(flag);
    case URLS:
        return urls_of(found);
    case PROPERTIES:
        return properties_of(found);
    case VALUE:
        return value_of(found);
    case REPORT_KIND:
        return kind_of(found);
    }
    return none();
}

static PyObject *tuple_of(const struct record *record, const void *found)
{
    PyObject *members = PyTuple_New(record->count);
    for (int i = 0; members && i < record->count; i++) {
        PyObject *member = member_of(&record->members[i], found);
        if (member)
            PyTuple_SetItem(members, i, member);
        else
            Py_CLEAR(members);
    }
    return members;
}

static PyObject *made(PyObject *make, const struct record *record, const void *found)
{
    PyObject *members = tuple_of(record, found);
    if (!members || make == Py_None)
        return members;
    PyObject *result = PyObject_CallObject(make, members);
    Py_DECREF(members);
    return result;
}

/* ---------------------------------------------------------------------------------- answers ---- */

static void answer_one(struct pending *pending, const struct dbk_error *error,
                       const struct record *record, const void *found)
{
    if (error) {
        fail(pending, error);
        return;
    }
    hold_lock(pending->store);
    complete(pending, found ? made(pending->make, record, found) : none());
}

static PyObject *page_of(struct pending *pending, PyObject *list, const struct dbk_page *page)
{
    PyObject *total = number_of(page->total), *cursor = text_of(page->next_cursor);
    PyObject *result =
        total && cursor
            ? PyObject_CallFunctionObjArgs(pending->store->make_page, list, total,
                                           page->is_total_exact ? Py_True : Py_False, cursor, NULL)
            : NULL;
    Py_XDECREF(total);
    Py_XDECREF(cursor);
    return result;
}

/* `found` points at an array of pointers to records. */
static PyObject *list_of(struct pending *pending, const struct record *record, const void *found,
                         size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        const void *each;
        memcpy(&each, (const char *)found + i * sizeof each, sizeof each);
        PyObject *item = made(pending->make, record, each);
        if (item)
            PyList_SetItem(list, (Py_ssize_t)i, item);
        else
            Py_CLEAR(list);
    }
    return list;
}

static void answer_many(struct pending *pending, const struct dbk_error *error,
                        const struct record *record, const void *found, const struct dbk_page *page)
{
    if (error) {
        fail(pending, error);
        return;
    }
    hold_lock(pending->store);
    PyObject *list = list_of(pending, record, found, page->count);
    PyObject *result = list ? page_of(pending, list, page) : NULL;
    Py_XDECREF(list);
    complete(pending, result);
}

#define ANSWERS(name)                                                                              \
    void answer_##name(void *user, const struct dbk_error *error, const struct dbk_##name *found)  \
    {                                                                                              \
        answer_one(user, error, &name##_record, found);                                            \
    }                                                                                              \
    void answer_##name##_list(void *user, const struct dbk_error *error,                           \
                              const struct dbk_##name *const *found, const struct dbk_page *page)  \
    {                                                                                              \
        answer_many(user, error, &name##_record, found, page);                                     \
    }

ANSWERS(build)
ANSWERS(step)
ANSWERS(build_data)
ANSWERS(property)
ANSWERS(builder)
ANSWERS(worker)
ANSWERS(master)
ANSWERS(sourcestamp)
ANSWERS(buildset)
ANSWERS(buildrequest)
ANSWERS(change)
ANSWERS(event)

/* Calls what was given for the records that come before the end. What that raises is not the call's. */
static void report_one(struct pending *pending, const struct record *record, const void *found)
{
    hold_lock(pending->store);
    if (pending->store->is_abandoned)
        return;
    PyObject *item = made(pending->make, record, found);
    PyObject *result = item ? PyObject_CallFunctionObjArgs(pending->report, item, NULL) : NULL;
    if (!result)
        PyErr_WriteUnraisable(pending->report);
    Py_XDECREF(item);
    Py_XDECREF(result);
}

void answer_each_event(void *user, const struct dbk_event *event)
{
    report_one(user, &event_record, event);
}

void answer_report(void *user, const struct dbk_report *report)
{
    report_one(user, &report_record, report);
}

/* (list, is_lost, has_more) */
void answer_look(void *user, const struct dbk_error *error, const struct dbk_event *const *events,
                 const struct dbk_look *look)
{
    struct pending *pending = user;
    if (error) {
        fail(pending, error);
        return;
    }
    hold_lock(pending->store);
    PyObject *list = list_of(pending, &event_record, events, look->count);
    PyObject *result = list ? Py_BuildValue("(OOO)", list, look->is_lost ? Py_True : Py_False,
                                            look->has_more ? Py_True : Py_False)
                            : NULL;
    Py_XDECREF(list);
    complete(pending, result);
}

void answer_done(void *user, const struct dbk_error *error)
{
    struct pending *pending = user;
    if (error) {
        fail(pending, error);
        return;
    }
    hold_lock(pending->store);
    complete(pending, none());
}

void answer_number(void *user, const struct dbk_error *error, int64_t number)
{
    struct pending *pending = user;
    if (error) {
        fail(pending, error);
        return;
    }
    hold_lock(pending->store);
    complete(pending, number_of(number));
}

static void answer_pair(struct pending *pending, const struct dbk_error *error, int64_t first,
                        int64_t second)
{
    if (error) {
        fail(pending, error);
        return;
    }
    hold_lock(pending->store);
    complete(pending, Py_BuildValue("(LL)", (long long)first, (long long)second));
}

void answer_size(void *user, const struct dbk_error *error, int64_t count, int64_t size)
{
    answer_pair(user, error, count, size);
}

void answer_added_build(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    answer_pair(user, error, buildid, number);
}

void answer_added_step(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                       const char *name)
{
    struct pending *pending = user;
    if (error) {
        fail(pending, error);
        return;
    }
    hold_lock(pending->store);
    complete(pending, Py_BuildValue("(LLs)", (long long)stepid, (long long)number, name));
}
