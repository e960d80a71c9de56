/* The calls for what builds hang on. */
#include "native.h"

typedef int find_fn(struct dbk_store *store, const char *name, bool is_added,
                    const struct dbk_call *call, dbk_id_fn *done, void *user);

static PyObject *find(PyObject *self, PyObject *args, find_fn *find_id)
{
    struct submission s;
    const char *name;
    int is_added;
    if (!PyArg_ParseTuple(args, HEAD "sp", HEAD_INTO(s), &name, &is_added) || !begin(&s, self))
        return NULL;
    return SUBMIT(s, find_id(s.store, name, is_added, &s.call, answer_number, s.pending));
}

#define FIND(record)                                                                               \
    static PyObject *find_##record##_id(PyObject *self, PyObject *args)                            \
    {                                                                                              \
        return find(self, args, dbk_find_##record##_id);                                           \
    }

FIND(builder)
FIND(worker)
FIND(master)

/* The getters of one and the lists differ in the records' types alone. */
#define GET(record)                                                                                \
    static PyObject *get_##record(PyObject *self, PyObject *args)                                  \
    {                                                                                              \
        struct submission s;                                                                       \
        int64_t id;                                                                                \
        if (!PyArg_ParseTuple(args, HEAD "O&:get_" #record, HEAD_INTO(s), take_id, &id) ||         \
            !begin(&s, self))                                                                      \
            return NULL;                                                                           \
        return SUBMIT(s, dbk_get_##record(s.store, id, &s.call, answer_##record, s.pending));      \
    }

#define LIST(record)                                                                               \
    static PyObject *get_##record##s(PyObject *self, PyObject *args)                               \
    {                                                                                              \
        struct submission s;                                                                       \
        struct dbk_spec *spec;                                                                     \
        PyObject *result = NULL;                                                                   \
        if (!PyArg_ParseTuple(args, HEAD "O&:get_" #record "s", HEAD_INTO(s), take_spec, &spec))   \
            return NULL;                                                                           \
        if (begin(&s, self))                                                                       \
            result = SUBMIT(s, dbk_get_##record##s(s.store, spec, &s.call, answer_##record##_list, \
                                                   s.pending));                                    \
        dbk_spec_free(spec);                                                                       \
        return result;                                                                             \
    }

GET(builder)
GET(worker)
GET(master)
GET(sourcestamp)
GET(buildset)
GET(buildrequest)
GET(change)
LIST(builder)
LIST(worker)
LIST(master)
LIST(buildset)
LIST(buildrequest)
LIST(change)

static PyObject *get_sourcestamps(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildsetid;
    struct dbk_spec *spec;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "O&O&:get_sourcestamps", HEAD_INTO(s), take_id, &buildsetid,
                          take_spec, &spec))
        return NULL;
    if (begin(&s, self))
        result = SUBMIT(s, dbk_get_sourcestamps(s.store, buildsetid, spec, &s.call,
                                                answer_sourcestamp_list, s.pending));
    dbk_spec_free(spec);
    return result;
}

static PyObject *find_sourcestamp_id(PyObject *self, PyObject *args)
{
    struct submission s;
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    int is_added;
    if (!PyArg_ParseTuple(args, HEAD "zzzzzO&p:find_sourcestamp_id", HEAD_INTO(s), &key.branch,
                          &key.revision, &key.repository, &key.codebase, &key.project, take_id,
                          &key.patchid, &is_added) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(
        s, dbk_find_sourcestamp_id(s.store, &key, is_added, &s.call, answer_number, s.pending));
}

static PyObject *add_buildset(PyObject *self, PyObject *args)
{
    struct submission s;
    struct dbk_new_buildset buildset = DBK_NEW_BUILDSET_INIT;
    struct id_list list;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "zzO&zO&O&:add_buildset", HEAD_INTO(s), &buildset.reason,
                          &buildset.external_idstring, take_id, &buildset.parent_buildid,
                          &buildset.parent_relationship, take_id, &buildset.rebuilt_buildid,
                          take_ids, &list))
        return NULL;
    buildset.sourcestampids = list.ids;
    buildset.sourcestamp_count = list.count;
    if (begin(&s, self))
        result = SUBMIT(s, dbk_add_buildset(s.store, &buildset, &s.call, answer_number, s.pending));
    PyMem_Free(list.ids);
    return result;
}

static PyObject *add_buildrequest(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildsetid, builderid, priority;
    int waited_for;
    if (!PyArg_ParseTuple(args, HEAD "O&O&O&p:add_buildrequest", HEAD_INTO(s), take_id, &buildsetid,
                          take_id, &builderid, take_id, &priority, &waited_for) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_add_buildrequest(s.store, buildsetid, builderid, priority, waited_for,
                                          &s.call, answer_number, s.pending));
}

static PyObject *add_change(PyObject *self, PyObject *args)
{
    struct submission s;
    struct dbk_new_change change = DBK_NEW_CHANGE_INIT;
    if (!PyArg_ParseTuple(args, HEAD "szzzzzzzzzO&O&O&:add_change", HEAD_INTO(s), &change.author,
                          &change.committer, &change.comments, &change.branch, &change.revision,
                          &change.revlink, &change.category, &change.repository, &change.codebase,
                          &change.project, take_id, &change.when_timestamp, take_id,
                          &change.sourcestampid, take_id, &change.parent_changeid) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_add_change(s.store, &change, &s.call, answer_number, s.pending));
}

#define METHOD(name)                                                                               \
    {                                                                                              \
#name, name, METH_VARARGS, NULL                                                            \
    }

PyMethodDef parent_methods[] = {
    METHOD(find_builder_id),     METHOD(find_worker_id),    METHOD(find_master_id),
    METHOD(find_sourcestamp_id), METHOD(get_builder),       METHOD(get_worker),
    METHOD(get_master),          METHOD(get_sourcestamp),   METHOD(get_buildset),
    METHOD(get_buildrequest),    METHOD(get_change),        METHOD(get_builders),
    METHOD(get_workers),         METHOD(get_masters),       METHOD(get_sourcestamps),
    METHOD(get_buildsets),       METHOD(get_buildrequests), METHOD(get_changes),
    METHOD(add_buildset),        METHOD(add_buildrequest),  METHOD(add_change),
    {NULL, NULL, 0, NULL},
};
