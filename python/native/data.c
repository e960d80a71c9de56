/* The calls for build data. */
#include "native.h"

static PyObject *set_build_data(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    const char *name, *source, *value;
    Py_ssize_t value_len;
    if (!PyArg_ParseTuple(args, HEAD "O&sy#s:set_build_data", HEAD_INTO(s), take_id, &buildid,
                          &name, &value, &value_len, &source) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_set_build_data(s.store, buildid, name, value, (size_t)value_len, source,
                                        &s.call, answer_done, s.pending));
}

static PyObject *set_build_data_from_fd(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid, offset, length;
    int fd;
    const char *name, *source;
    if (!PyArg_ParseTuple(args, HEAD "O&siO&O&s:set_build_data_from_fd", HEAD_INTO(s), take_id,
                          &buildid, &name, &fd, take_id, &offset, take_id, &length, &source) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_set_build_data_from_fd(s.store, buildid, name, fd, offset, length, source,
                                                &s.call, answer_done, s.pending));
}

typedef int data_fn(struct dbk_store *store, int64_t buildid, const char *name,
                    const struct dbk_call *call, dbk_build_data_fn *done, void *user);

static PyObject *get_one(PyObject *self, PyObject *args, data_fn *get)
{
    struct submission s;
    int64_t buildid;
    const char *name;
    if (!PyArg_ParseTuple(args, HEAD "O&s", HEAD_INTO(s), take_id, &buildid, &name) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, get(s.store, buildid, name, &s.call, answer_build_data, s.pending));
}

static PyObject *get_build_data(PyObject *self, PyObject *args)
{
    return get_one(self, args, dbk_get_build_data);
}

static PyObject *get_build_data_no_value(PyObject *self, PyObject *args)
{
    return get_one(self, args, dbk_get_build_data_no_value);
}

static PyObject *get_build_data_range(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid, offset, length;
    const char *name;
    if (!PyArg_ParseTuple(args, HEAD "O&sO&O&:get_build_data_range", HEAD_INTO(s), take_id,
                          &buildid, &name, take_id, &offset, take_id, &length) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_get_build_data_range(s.store, buildid, name, offset, length, &s.call,
                                              answer_build_data, s.pending));
}

static PyObject *get_all_build_data_no_values(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    const char *name;
    struct dbk_spec *spec;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "O&zO&:get_all_build_data_no_values", HEAD_INTO(s), take_id,
                          &buildid, &name, take_spec, &spec))
        return NULL;
    if (begin(&s, self))
        result = SUBMIT(s, dbk_get_all_build_data_no_values(s.store, buildid, name, spec, &s.call,
                                                            answer_build_data_list, s.pending));
    dbk_spec_free(spec);
    return result;
}

static PyObject *delete_build_data(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t buildid;
    const char *name;
    if (!PyArg_ParseTuple(args, HEAD "O&s:delete_build_data", HEAD_INTO(s), take_id, &buildid,
                          &name) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s,
                  dbk_delete_build_data(s.store, buildid, name, &s.call, answer_done, s.pending));
}

static PyObject *delete_old_build_data(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t older_than;
    if (!PyArg_ParseTuple(args, HEAD "O&:delete_old_build_data", HEAD_INTO(s), take_id,
                          &older_than) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(
        s, dbk_delete_old_build_data(s.store, older_than, &s.call, answer_number, s.pending));
}

static PyObject *count_old_build_data(PyObject *self, PyObject *args)
{
    struct submission s;
    int64_t older_than;
    if (!PyArg_ParseTuple(args, HEAD "O&:count_old_build_data", HEAD_INTO(s), take_id,
                          &older_than) ||
        !begin(&s, self))
        return NULL;
    return SUBMIT(s,
                  dbk_count_old_build_data(s.store, older_than, &s.call, answer_size, s.pending));
}

static PyObject *give_space_back(PyObject *self, PyObject *args)
{
    struct submission s;
    if (!PyArg_ParseTuple(args, HEAD ":give_space_back", HEAD_INTO(s)) || !begin(&s, self))
        return NULL;
    return SUBMIT(s, dbk_give_space_back(s.store, &s.call, answer_number, s.pending));
}

PyMethodDef data_methods[] = {
    {"set_build_data", set_build_data, METH_VARARGS, NULL},
    {"set_build_data_from_fd", set_build_data_from_fd, METH_VARARGS, NULL},
    {"get_build_data", get_build_data, METH_VARARGS, NULL},
    {"get_build_data_range", get_build_data_range, METH_VARARGS, NULL},
    {"get_build_data_no_value", get_build_data_no_value, METH_VARARGS, NULL},
    {"get_all_build_data_no_values", get_all_build_data_no_values, METH_VARARGS, NULL},
    {"delete_build_data", delete_build_data, METH_VARARGS, NULL},
    {"delete_old_build_data", delete_old_build_data, METH_VARARGS, NULL},
    {"count_old_build_data", count_old_build_data, METH_VARARGS, NULL},
    {"give_space_back", give_space_back, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
