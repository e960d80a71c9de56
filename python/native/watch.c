/* Looking for the builds that a Buildbot master writes. A watch is a capsule, which each look of it holds. */
#include "native.h"

static const char NAME[] = "daybook.watch";

static void free_watch(PyObject *capsule)
{
    dbk_watch_free(PyCapsule_GetPointer(capsule, NAME));
}

PyObject *watch_new(PyObject *module, PyObject *args)
{
    const char *position;
    struct dbk_watch *watch;
    (void)module;
    if (!PyArg_ParseTuple(args, "s:watch_new", &position))
        return NULL;
    int status = dbk_watch_new(position, &watch);
    if (status == DBK_NO_MEMORY)
        return PyErr_NoMemory();
    if (status) {
        PyErr_SetString(PyExc_ValueError, "that is no position of a watch");
        return NULL;
    }
    PyObject *capsule = PyCapsule_New(watch, NAME, free_watch);
    if (!capsule)
        dbk_watch_free(watch);
    return capsule;
}

PyObject *watch_position(PyObject *module, PyObject *capsule)
{
    (void)module;
    struct dbk_watch *watch = PyCapsule_GetPointer(capsule, NAME);
    if (!watch)
        return NULL;
    const char *position = dbk_watch_position(watch);
    return position ? PyUnicode_FromString(position) : PyErr_NoMemory();
}

static PyObject *watch_look(PyObject *self, PyObject *args)
{
    struct submission s;
    PyObject *capsule;
    if (!PyArg_ParseTuple(args, HEAD "O:watch_look", HEAD_INTO(s), &capsule))
        return NULL;
    struct dbk_watch *watch = PyCapsule_GetPointer(capsule, NAME);
    if (!watch || !begin(&s, self))
        return NULL;
    Py_INCREF(capsule);
    s.pending->held = capsule;
    return SUBMIT(s, dbk_watch_look(s.store, watch, &s.call, answer_look, s.pending));
}

PyMethodDef watch_methods[] = {
    {"watch_look", watch_look, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
