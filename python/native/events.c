/* The calls for the event log. */
#include "native.h"

static PyObject *get_events(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t position;
    struct dbk_spec *spec;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "O&O&:get_events", HEAD_INTO(s), take_id, &position, take_spec,
                          &spec))
        return NULL;
    if (begin(&s, self))
        result = SUBMIT(
            s, dbk_get_events(s.store, position, spec, &s.call, answer_event_list, s.pending));
    dbk_spec_free(spec);
    return result;
}

static PyObject *get_newest_event(PyObject *self, PyObject *args)
{
    struct submission s;
    if (!PyArg_ParseTuple(args, HEAD ":get_newest_event", HEAD_INTO(s)) || !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_get_newest_event(s.store, &s.call, answer_number, s.pending));
}

static PyObject *follow_events(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t position;
    PyObject *event, *result = NULL;
    struct dbk_spec *filters;
    if (!PyArg_ParseTuple(args, HEAD "O&OO&:follow_events", HEAD_INTO(s), take_id, &position,
                          &event, take_spec, &filters))
        return NULL;
    if (begin_reporting(&s, self, event))
        result = SUBMIT(s, dbk_follow_events(s.store, position, filters, &s.call, answer_each_event,
                                             answer_done, s.pending));
    dbk_spec_free(filters);
    return result;
}

PyMethodDef event_methods[] = {
    {"get_events", get_events, METH_VARARGS, NULL},
    {"get_newest_event", get_newest_event, METH_VARARGS, NULL},
    {"follow_events", follow_events, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
