/* Takes arguments of Python's for the library's: ids, lists of them, specs. */
#include "native.h"

int take_id(PyObject *object, void *out_id)
{
    int64_t *id = out_id;
    if (object == Py_None) {
        *id = DBK_NONE;
        return 1;
    }
    *id = PyLong_AsLongLong(object);
    return !PyErr_Occurred();
}

int take_ids(PyObject *object, void *out_list)
{
    struct id_list *list = out_list;
    if (!object) { /* another argument was refused */
        PyMem_Free(list->ids);
        return 1;
    }
    PyObject *items = PySequence_Tuple(object);
    if (!items)
        return 0;
    list->count = (size_t)PyTuple_Size(items);
    list->ids = PyMem_Malloc(list->count ? list->count * sizeof *list->ids : 1);
    bool is_taken = list->ids != NULL;
    if (!is_taken)
        PyErr_NoMemory();
    for (size_t i = 0; i < list->count && is_taken; i++)
        is_taken = take_id(PyTuple_GetItem(items, (Py_ssize_t)i), &list->ids[i]);
    Py_DECREF(items);
    if (is_taken)
        return Py_CLEANUP_SUPPORTED;
    PyMem_Free(list->ids);
    return 0;
}

/* ------------------------------------------------------------------------------------ specs ---- */

/*
 * A spec comes as (filters, order, limit, offset, cursor, fields, total, up_to), as daybook.Spec gives it; a
 * filter is (field, comparison, values). What a spec refuses it remembers, and so the call refuses it.
 */

static const char *text_of(PyObject *object)
{
    const char *text = NULL;
    PyObject *one = PyTuple_Pack(1, object);
    if (one && PyArg_ParseTuple(one, "z", &text)) { /* lives in the str itself */
        Py_DECREF(one);
        return text;
    }
    Py_XDECREF(one);
    return NULL;
}

static bool has_text(PyObject *values)
{
    for (Py_ssize_t i = 0; i < PyTuple_Size(values); i++)
        if (PyUnicode_Check(PyTuple_GetItem(values, i)))
            return true;
    return false;
}

static bool add_filter(struct dbk_spec *spec, PyObject *filter)
{
    const char *field;
    int compare;
    PyObject *values;
    if (!PyArg_ParseTuple(filter, "siO!", &field, &compare, &PyTuple_Type, &values))
        return false;
    size_t count = (size_t)PyTuple_Size(values);
    bool is_text = has_text(values);
    int64_t *ids = PyMem_Malloc((count + 1) * sizeof *ids);
    const char **texts = PyMem_Malloc((count + 1) * sizeof *texts);
    for (size_t i = 0; i < count && ids && texts && !PyErr_Occurred(); i++) {
        PyObject *value = PyTuple_GetItem(values, (Py_ssize_t)i);
        if (is_text)
            texts[i] = text_of(value);
        else
            take_id(value, &ids[i]);
    }
    if (!ids || !texts)
        PyErr_NoMemory();
    if (!PyErr_Occurred() && is_text)
        dbk_spec_filter_text(spec, field, (enum dbk_compare)compare, texts, count);
    else if (!PyErr_Occurred())
        dbk_spec_filter_int(spec, field, (enum dbk_compare)compare, ids, count);
    PyMem_Free(ids);
    PyMem_Free(texts);
    return !PyErr_Occurred();
}

static bool add_property(struct dbk_spec *spec, PyObject *property)
{
    const char *name;
    PyObject *values;
    if (!PyArg_ParseTuple(property, "sO!", &name, &PyTuple_Type, &values))
        return false;
    size_t count = (size_t)PyTuple_Size(values);
    const char **texts = PyMem_Malloc((count + 1) * sizeof *texts);
    if (!texts)
        PyErr_NoMemory();
    for (size_t i = 0; i < count && !PyErr_Occurred(); i++)
        texts[i] = text_of(PyTuple_GetItem(values, (Py_ssize_t)i));
    if (!PyErr_Occurred())
        dbk_spec_property(spec, name, texts, count);
    PyMem_Free(texts);
    return !PyErr_Occurred();
}

static bool add_texts(struct dbk_spec *spec, PyObject *texts,
                      int (*add)(struct dbk_spec *spec, const char *text))
{
    for (Py_ssize_t i = 0; i < PyTuple_Size(texts) && !PyErr_Occurred(); i++)
        add(spec, text_of(PyTuple_GetItem(texts, i)));
    return !PyErr_Occurred();
}

static bool fill_spec(struct dbk_spec *spec, PyObject *object)
{
    PyObject *filters, *order, *fields, *properties;
    int64_t limit, offset, up_to;
    const char *cursor;
    int total;
    if (!PyArg_ParseTuple(object, "O!O!O&O&zO!iO&O!", &PyTuple_Type, &filters, &PyTuple_Type,
                          &order, take_id, &limit, take_id, &offset, &cursor, &PyTuple_Type,
                          &fields, &total, take_id, &up_to, &PyTuple_Type, &properties))
        return false;
    for (Py_ssize_t i = 0; i < PyTuple_Size(filters); i++)
        if (!add_filter(spec, PyTuple_GetItem(filters, i)))
            return false;
    for (Py_ssize_t i = 0; i < PyTuple_Size(properties); i++)
        if (!add_property(spec, PyTuple_GetItem(properties, i)))
            return false;
    if (limit != DBK_NONE)
        dbk_spec_limit(spec, limit);
    if (offset != DBK_NONE)
        dbk_spec_offset(spec, offset);
    if (cursor)
        dbk_spec_cursor(spec, cursor);
    if (total)
        dbk_spec_total(spec, (enum dbk_total)total, up_to);
    return add_texts(spec, order, dbk_spec_order) && add_texts(spec, fields, dbk_spec_field);
}

int take_spec(PyObject *object, void *out_spec)
{
    struct dbk_spec **spec = out_spec;
    if (!object) { /* another argument was refused */
        dbk_spec_free(*spec);
        return 1;
    }
    *spec = NULL;
    if (object == Py_None)
        return 1;
    *spec = dbk_spec_new();
    if (!*spec)
        PyErr_NoMemory();
    else if (fill_spec(*spec, object))
        return Py_CLEANUP_SUPPORTED;
    dbk_spec_free(*spec);
    *spec = NULL;
    return 0;
}
