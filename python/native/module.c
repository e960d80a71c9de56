/* The module daybook._native: its one type, Store, and the list of statuses. */
#include "native.h"

#include <string.h>

enum { FILES = 10 };

static PyMethodDef no_methods[] = {{NULL, NULL, 0, NULL}};

/* Puts the methods of all files into one list, which lives as long as the module. */
static PyMethodDef *all_methods(void)
{
    PyMethodDef *const files[FILES] = {
        store_methods,  build_methods, property_methods, step_methods,  data_methods,
        parent_methods, event_methods, watch_methods,    whole_methods, work_methods};
    size_t count = 0;
    for (int i = 0; i < FILES; i++)
        for (PyMethodDef *method = files[i]; method->ml_name; method++)
            count++;
    PyMethodDef *all = PyMem_Malloc((count + 1) * sizeof *all), *next = all;
    if (!all)
        return NULL;
    for (int i = 0; i < FILES; i++)
        for (PyMethodDef *method = files[i]; method->ml_name; method++)
            *next++ = *method;
    *next = no_methods[0];
    return all;
}

void store_dealloc(PyObject *self);
PyObject *store_open(PyObject *module, PyObject *args);
extern PyObject *store_type;

static PyObject *make_type(void)
{
    PyMethodDef *methods = all_methods();
    if (!methods)
        return PyErr_NoMemory();
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)(uintptr_t)store_dealloc}, {Py_tp_methods, methods}, {0, NULL}};
    PyType_Spec spec = {.name = "daybook._native.Store",
                        .basicsize = sizeof(struct store),
                        .flags = Py_TPFLAGS_DEFAULT,
                        .slots = slots};
    return PyType_FromSpec(&spec);
}

/* (name, value, name of the exception, words) of each status. */
static PyObject *make_statuses(void)
{
    PyObject *list = PyList_New(0);
#define ADD_STATUS(name, value, exit_code, http, exception, words)                                 \
    if (list) {                                                                                    \
        PyObject *item = Py_BuildValue("(siss)", #name, value, exception, words);                  \
        if (!item || PyList_Append(list, item))                                                    \
            Py_CLEAR(list);                                                                        \
        Py_XDECREF(item);                                                                          \
    }
    DBK_STATUSES(ADD_STATUS)
#undef ADD_STATUS
    return list;
}

static PyObject *version(PyObject *module, PyObject *args)
{
    (void)module;
    (void)args;
    return PyUnicode_FromString(dbk_version());
}

static PyObject *is_json(PyObject *module, PyObject *args)
{
    const char *text;
    (void)module;
    if (!PyArg_ParseTuple(args, "s:is_json", &text))
        return NULL;
    return PyBool_FromLong(dbk_is_json(text));
}

static PyMethodDef functions[] = {
    {"open", store_open, METH_VARARGS, NULL},         {"version", version, METH_NOARGS, NULL},
    {"is_json", is_json, METH_VARARGS, NULL},         {"watch_new", watch_new, METH_VARARGS, NULL},
    {"watch_position", watch_position, METH_O, NULL}, {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "daybook._native",
                                        .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *module = PyModule_Create(&definition), *statuses = make_statuses();
    store_type = make_type();
    if (!module || !statuses || !store_type || !init_answers() || !init_submit() ||
        PyModule_AddObject(module, "STATUSES", statuses)) {
        Py_XDECREF(module);
        return NULL;
    }
    Py_INCREF(store_type);
    if (PyModule_AddObject(module, "Store", store_type)) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
