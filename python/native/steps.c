/* The calls for steps. */
#include "native.h"

static PyObject *get_step(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t stepid, buildid, number;
    const char *name;
    if (!PyArg_ParseTuple(args, HEAD "O&O&O&z:get_step", HEAD_INTO(s), take_id, &stepid, take_id,
                          &buildid, take_id, &number, &name) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(
        s, dbk_get_step(s.store, stepid, buildid, number, name, &s.call, answer_step, s.pending));
}

static PyObject *get_steps(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    struct dbk_spec *spec;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "O&O&:get_steps", HEAD_INTO(s), take_id, &buildid, take_spec,
                          &spec))
        return NULL;
    if (begin(&s, self))
        result =
            SUBMIT(s, dbk_get_steps(s.store, buildid, spec, &s.call, answer_step_list, s.pending));
    dbk_spec_free(spec);
    return result;
}

static PyObject *get_steps_of(PyObject *self, PyObject *args)
{
    struct submission s;
    struct id_list list;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "O&:get_steps_of", HEAD_INTO(s), take_ids, &list))
        return NULL;
    if (begin(&s, self))
        result = SUBMIT(s, dbk_get_steps_of(s.store, list.ids, list.count, &s.call,
                                            answer_step_list, s.pending));
    PyMem_Free(list.ids);
    return result;
}

static PyObject *add_step(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    const char *name, *state_string;
    if (!PyArg_ParseTuple(args, HEAD "O&ss:add_step", HEAD_INTO(s), take_id, &buildid, &name,
                          &state_string) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_add_step(s.store, buildid, name, state_string, &s.call, answer_added_step,
                                  s.pending));
}

static PyObject *start_step(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t stepid, started_at;
    int locks_acquired;
    if (!PyArg_ParseTuple(args, HEAD "O&O&p:start_step", HEAD_INTO(s), take_id, &stepid, take_id,
                          &started_at, &locks_acquired) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_start_step(s.store, stepid, started_at, locks_acquired, &s.call,
                                    answer_done, s.pending));
}

static PyObject *set_step_locks_acquired_at(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t stepid, locks_acquired_at;
    if (!PyArg_ParseTuple(args, HEAD "O&O&:set_step_locks_acquired_at", HEAD_INTO(s), take_id,
                          &stepid, take_id, &locks_acquired_at) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_set_step_locks_acquired_at(s.store, stepid, locks_acquired_at, &s.call,
                                                    answer_done, s.pending));
}

static PyObject *set_step_state_string(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t stepid;
    const char *state_string;
    if (!PyArg_ParseTuple(args, HEAD "O&s:set_step_state_string", HEAD_INTO(s), take_id, &stepid,
                          &state_string) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_set_step_state_string(s.store, stepid, state_string, &s.call, answer_done,
                                               s.pending));
}

static PyObject *finish_step(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t stepid, results;
    int hidden;
    if (!PyArg_ParseTuple(args, HEAD "O&O&p:finish_step", HEAD_INTO(s), take_id, &stepid, take_id,
                          &results, &hidden) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(
        s, dbk_finish_step(s.store, stepid, results, hidden, &s.call, answer_done, s.pending));
}

static PyObject *add_url(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t stepid;
    const char *name, *url;
    if (!PyArg_ParseTuple(args, HEAD "O&ss:add_url", HEAD_INTO(s), take_id, &stepid, &name, &url) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_add_url(s.store, stepid, name, url, &s.call, answer_done, s.pending));
}

PyMethodDef step_methods[] = {
    {"get_step", get_step, METH_VARARGS, NULL},
    {"get_steps", get_steps, METH_VARARGS, NULL},
    {"get_steps_of", get_steps_of, METH_VARARGS, NULL},
    {"add_step", add_step, METH_VARARGS, NULL},
    {"start_step", start_step, METH_VARARGS, NULL},
    {"set_step_locks_acquired_at", set_step_locks_acquired_at, METH_VARARGS, NULL},
    {"set_step_state_string", set_step_state_string, METH_VARARGS, NULL},
    {"finish_step", finish_step, METH_VARARGS, NULL},
    {"add_url", add_url, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
