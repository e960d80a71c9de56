/* The calls for properties. */
#include "native.h"

static PyObject *get_build_properties(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    struct dbk_spec *spec;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "O&O&:get_build_properties", HEAD_INTO(s), take_id, &buildid,
                          take_spec, &spec))
        return NULL;
    if (begin(&s, self))
        result = SUBMIT(s, dbk_get_build_properties(s.store, buildid, spec, &s.call,
                                                    answer_property_list, s.pending));
    dbk_spec_free(spec);
    return result;
}

static PyObject *get_properties_of(PyObject *self, PyObject *args)
{
    struct submission s;
    struct id_list list;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "O&:get_properties_of", HEAD_INTO(s), take_ids, &list))
        return NULL;
    if (begin(&s, self))
        result = SUBMIT(s, dbk_get_properties_of(s.store, list.ids, list.count, &s.call,
                                                 answer_property_list, s.pending));
    PyMem_Free(list.ids);
    return result;
}

static PyObject *set_build_property(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    const char *name, *value, *source;
    if (!PyArg_ParseTuple(args, HEAD "O&sss:set_build_property", HEAD_INTO(s), take_id, &buildid,
                          &name, &value, &source) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_set_build_property(s.store, buildid, name, value, source, &s.call,
                                            answer_done, s.pending));
}

struct dbk_new_property *take_properties(PyObject *tuple)
{
    Py_ssize_t count = PyTuple_Size(tuple);
    struct dbk_new_property *properties = PyMem_Malloc((size_t)(count + 1) * sizeof *properties);
    if (!properties) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        struct dbk_new_property *each = &properties[i];
        if (!PyArg_ParseTuple(PyTuple_GetItem(tuple, i), "sss", &each->name, &each->value,
                              &each->source)) {
            PyMem_Free(properties);
            return NULL;
        }
    }
    return properties;
}

static PyObject *set_build_properties(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    PyObject *tuple;
    if (!PyArg_ParseTuple(args, HEAD "O&O!:set_build_properties", HEAD_INTO(s), take_id, &buildid,
                          &PyTuple_Type, &tuple))
        return NULL;
    struct dbk_new_property *properties = take_properties(tuple);
    PyObject *result = NULL;
    if (properties && begin(&s, self))
        result = SUBMIT(s, dbk_set_build_properties(s.store, buildid, properties,
                                                    (size_t)PyTuple_Size(tuple), &s.call,
                                                    answer_done, s.pending));
    PyMem_Free(properties);
    return result;
}

PyMethodDef property_methods[] = {
    {"get_build_properties", get_build_properties, METH_VARARGS, NULL},
    {"get_properties_of", get_properties_of, METH_VARARGS, NULL},
    {"set_build_property", set_build_property, METH_VARARGS, NULL},
    {"set_build_properties", set_build_properties, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
