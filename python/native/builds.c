/* The calls for builds. */
#include "native.h"

typedef int two_ids_fn(struct dbk_store *store, int64_t first, int64_t second,
                       const struct dbk_call *call, dbk_build_fn *done, void *user);

static PyObject *get_build(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    if (!PyArg_ParseTuple(args, HEAD "O&:get_build", HEAD_INTO(s), take_id, &buildid) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_get_build(s.store, buildid, &s.call, answer_build, s.pending));
}

static PyObject *get_neighbour(PyObject *self, PyObject *args, two_ids_fn *get)
{
    struct submission s;
    int64_t builderid, number;
    if (!PyArg_ParseTuple(args, HEAD "O&O&", HEAD_INTO(s), take_id, &builderid, take_id, &number) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, get(s.store, builderid, number, &s.call, answer_build, s.pending));
}

static PyObject *get_build_by_number(PyObject *self, PyObject *args)
{
    return get_neighbour(self, args, dbk_get_build_by_number);
}

static PyObject *get_prev_build(PyObject *self, PyObject *args)
{
    return get_neighbour(self, args, dbk_get_prev_build);
}

static PyObject *get_next_build(PyObject *self, PyObject *args)
{
    return get_neighbour(self, args, dbk_get_next_build);
}

/* Takes a tuple of (repository, branch, codebase). The texts live as long as it. */
static struct dbk_codebase *take_codebases(PyObject *tuple)
{
    Py_ssize_t count = PyTuple_Size(tuple);
    struct dbk_codebase *codebases = PyMem_Malloc((size_t)(count + 1) * sizeof *codebases);
    if (!codebases) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        struct dbk_codebase *each = &codebases[i];
        if (!PyArg_ParseTuple(PyTuple_GetItem(tuple, i), "szs", &each->repository, &each->branch,
                              &each->codebase)) {
            PyMem_Free(codebases);
            return NULL;
        }
    }
    return codebases;
}

static PyObject *get_prev_successful_build(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t builderid, number;
    PyObject *tuple;
    if (!PyArg_ParseTuple(args, HEAD "O&O&O!:get_prev_successful_build", HEAD_INTO(s), take_id,
                          &builderid, take_id, &number, &PyTuple_Type, &tuple))
        return NULL;
    struct dbk_codebase *codebases = take_codebases(tuple);
    PyObject *result = NULL;
    if (codebases && begin(&s, self))
        result = SUBMIT(s, dbk_get_prev_successful_build(s.store, builderid, number, codebases,
                                                         (size_t)PyTuple_Size(tuple), &s.call,
                                                         answer_build, s.pending));
    PyMem_Free(codebases);
    return result;
}

static PyObject *get_builds(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t builderid, buildrequestid, workerid, complete;
    struct dbk_spec *spec;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "O&O&O&O&O&:get_builds", HEAD_INTO(s), take_id, &builderid,
                          take_id, &buildrequestid, take_id, &workerid, take_id, &complete,
                          take_spec, &spec))
        return NULL;
    if (begin(&s, self))
        result = SUBMIT(s, dbk_get_builds(s.store, builderid, buildrequestid, workerid, complete,
                                          spec, &s.call, answer_build_list, s.pending));
    dbk_spec_free(spec);
    return result;
}

typedef int builds_of_fn(struct dbk_store *store, int64_t id, const struct dbk_spec *spec,
                         const struct dbk_call *call, dbk_builds_fn *done, void *user);

static PyObject *get_builds_of(PyObject *self, PyObject *args, builds_of_fn *get)
{
    struct submission s;
    int64_t id;
    struct dbk_spec *spec;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "O&O&", HEAD_INTO(s), take_id, &id, take_spec, &spec))
        return NULL;
    if (begin(&s, self))
        result = SUBMIT(s, get(s.store, id, spec, &s.call, answer_build_list, s.pending));
    dbk_spec_free(spec);
    return result;
}

static PyObject *get_builds_for_change(PyObject *self, PyObject *args)
{
    return get_builds_of(self, args, dbk_get_builds_for_change);
}

static PyObject *get_triggered_builds(PyObject *self, PyObject *args)
{
    return get_builds_of(self, args, dbk_get_triggered_builds);
}

static PyObject *add_build(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t builderid, buildrequestid, workerid, masterid;
    const char *state_string;
    if (!PyArg_ParseTuple(args, HEAD "O&O&O&O&s:add_build", HEAD_INTO(s), take_id, &builderid,
                          take_id, &buildrequestid, take_id, &workerid, take_id, &masterid,
                          &state_string) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_add_build(s.store, builderid, buildrequestid, workerid, masterid,
                                   state_string, &s.call, answer_added_build, s.pending));
}

static PyObject *set_build_state_string(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    const char *state_string;
    if (!PyArg_ParseTuple(args, HEAD "O&s:set_build_state_string", HEAD_INTO(s), take_id, &buildid,
                          &state_string) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_set_build_state_string(s.store, buildid, state_string, &s.call,
                                                answer_done, s.pending));
}

static PyObject *add_build_locks_duration(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid, duration_s;
    if (!PyArg_ParseTuple(args, HEAD "O&O&:add_build_locks_duration", HEAD_INTO(s), take_id,
                          &buildid, take_id, &duration_s) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_add_build_locks_duration(s.store, buildid, duration_s, &s.call,
                                                  answer_done, s.pending));
}

static PyObject *finish_build(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid, results;
    if (!PyArg_ParseTuple(args, HEAD "O&O&:finish_build", HEAD_INTO(s), take_id, &buildid, take_id,
                          &results) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_finish_build(s.store, buildid, results, &s.call, answer_done, s.pending));
}

PyMethodDef build_methods[] = {
    {"get_build", get_build, METH_VARARGS, NULL},
    {"get_build_by_number", get_build_by_number, METH_VARARGS, NULL},
    {"get_prev_build", get_prev_build, METH_VARARGS, NULL},
    {"get_next_build", get_next_build, METH_VARARGS, NULL},
    {"get_prev_successful_build", get_prev_successful_build, METH_VARARGS, NULL},
    {"get_builds", get_builds, METH_VARARGS, NULL},
    {"get_builds_for_change", get_builds_for_change, METH_VARARGS, NULL},
    {"get_triggered_builds", get_triggered_builds, METH_VARARGS, NULL},
    {"add_build", add_build, METH_VARARGS, NULL},
    {"set_build_state_string", set_build_state_string, METH_VARARGS, NULL},
    {"add_build_locks_duration", add_build_locks_duration, METH_VARARGS, NULL},
    {"finish_build", finish_build, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
