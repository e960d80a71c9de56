/* The call that records a whole build. Its texts live in the arguments, as long as the call into the library. */
#include "native.h"

/* What dbk_new_build points at. */
struct whole {
    struct dbk_new_build build;
    struct dbk_sourcestamp_key *sourcestamps;
    const struct dbk_sourcestamp_key **sourcestamp_list;
    struct dbk_new_property *properties;
    struct dbk_new_step *steps;
    const struct dbk_new_step **step_list;
    struct dbk_url **urls; /* of each step */
    struct dbk_new_data *data;
};

/* For the items of a tuple, and one more, so that none is not NULL. NULL with an exception. */
static void *make_array(PyObject *tuple, size_t size)
{
    void *array = PyMem_Calloc((size_t)PyTuple_Size(tuple) + 1, size);
    if (!array)
        PyErr_NoMemory();
    return array;
}

static bool take_sourcestamps(struct whole *whole, PyObject *tuple)
{
    whole->sourcestamps = make_array(tuple, sizeof *whole->sourcestamps);
    whole->sourcestamp_list = make_array(tuple, sizeof(void *));
    if (!whole->sourcestamps || !whole->sourcestamp_list)
        return false;
    for (Py_ssize_t i = 0; i < PyTuple_Size(tuple); i++) {
        struct dbk_sourcestamp_key *key = &whole->sourcestamps[i];
        *key = (struct dbk_sourcestamp_key)DBK_SOURCESTAMP_KEY_INIT;
        if (!PyArg_ParseTuple(PyTuple_GetItem(tuple, i), "zzzzzO&", &key->branch, &key->revision,
                              &key->repository, &key->codebase, &key->project, take_id,
                              &key->patchid))
            return false;
        whole->sourcestamp_list[i] = key;
    }
    whole->build.sourcestamps = whole->sourcestamp_list;
    whole->build.sourcestamp_count = (size_t)PyTuple_Size(tuple);
    return true;
}

/* Result: to be freed; NULL with an exception. */
static struct dbk_url *take_urls(PyObject *tuple)
{
    struct dbk_url *urls = make_array(tuple, sizeof *urls);
    for (Py_ssize_t i = 0; urls && i < PyTuple_Size(tuple); i++)
        if (!PyArg_ParseTuple(PyTuple_GetItem(tuple, i), "ss", &urls[i].name, &urls[i].url)) {
            PyMem_Free(urls);
            return NULL;
        }
    return urls;
}

static bool take_step(struct whole *whole, Py_ssize_t i, PyObject *tuple)
{
    struct dbk_new_step *step = &whole->steps[i];
    int hidden;
    PyObject *urls;
    *step = (struct dbk_new_step)DBK_NEW_STEP_INIT;
    if (!PyArg_ParseTuple(tuple, "szO&O&O&O&pO!", &step->name, &step->state_string, take_id,
                          &step->started_at, take_id, &step->locks_acquired_at, take_id,
                          &step->complete_at, take_id, &step->results, &hidden, &PyTuple_Type,
                          &urls))
        return false;
    step->hidden = hidden;
    step->url_count = (size_t)PyTuple_Size(urls);
    step->urls = whole->urls[i] = take_urls(urls);
    whole->step_list[i] = step;
    return step->urls != NULL;
}

static bool take_steps(struct whole *whole, PyObject *tuple)
{
    whole->steps = make_array(tuple, sizeof *whole->steps);
    whole->step_list = make_array(tuple, sizeof(void *));
    whole->urls = make_array(tuple, sizeof *whole->urls);
    if (!whole->steps || !whole->step_list || !whole->urls)
        return false;
    whole->build.steps = whole->step_list;
    whole->build.step_count = (size_t)PyTuple_Size(tuple);
    for (Py_ssize_t i = 0; i < PyTuple_Size(tuple); i++)
        if (!take_step(whole, i, PyTuple_GetItem(tuple, i)))
            return false;
    return true;
}

static bool take_data(struct whole *whole, PyObject *tuple)
{
    whole->data = make_array(tuple, sizeof *whole->data);
    for (Py_ssize_t i = 0; whole->data && i < PyTuple_Size(tuple); i++) {
        struct dbk_new_data *each = &whole->data[i];
        const char *value;
        Py_ssize_t value_len;
        if (!PyArg_ParseTuple(PyTuple_GetItem(tuple, i), "sy#s", &each->name, &value, &value_len,
                              &each->source))
            return false;
        each->value = value;
        each->value_len = (size_t)value_len;
    }
    whole->build.data = whole->data;
    whole->build.data_count = (size_t)PyTuple_Size(tuple);
    return whole->data != NULL;
}

static bool take_parts(struct whole *whole, PyObject *sourcestamps, PyObject *properties,
                       PyObject *steps, PyObject *data)
{
    whole->properties = take_properties(properties);
    whole->build.properties = whole->properties;
    whole->build.property_count = (size_t)PyTuple_Size(properties);
    return whole->properties && take_sourcestamps(whole, sourcestamps) &&
           take_steps(whole, steps) && take_data(whole, data);
}

static void free_parts(struct whole *whole)
{
    for (size_t i = 0; whole->urls && i < whole->build.step_count; i++)
        PyMem_Free(whole->urls[i]);
    PyMem_Free(whole->urls);
    PyMem_Free(whole->sourcestamps);
    PyMem_Free(whole->sourcestamp_list);
    PyMem_Free(whole->properties);
    PyMem_Free(whole->steps);
    PyMem_Free(whole->step_list);
    PyMem_Free(whole->data);
}

static PyObject *record_build(PyObject *self, PyObject *args)
{
    struct submission s;
    struct whole whole = {.build = DBK_NEW_BUILD_INIT};
    struct dbk_new_build *build = &whole.build;
    PyObject *sourcestamps, *properties, *steps, *data, *result = NULL;
    if (!PyArg_ParseTuple(args, HEAD "szzzO!zO&O&O&O&O!O!O!:record_build", HEAD_INTO(s),
                          &build->builder, &build->worker, &build->master, &build->reason,
                          &PyTuple_Type, &sourcestamps, &build->state_string, take_id,
                          &build->started_at, take_id, &build->complete_at, take_id,
                          &build->results, take_id, &build->locks_duration_s, &PyTuple_Type,
                          &properties, &PyTuple_Type, &steps, &PyTuple_Type, &data))
        return NULL;
    if (take_parts(&whole, sourcestamps, properties, steps, data) && begin(&s, self))
        result =
            SUBMIT(s, dbk_record_build(s.store, build, &s.call, answer_added_build, s.pending));
    free_parts(&whole);
    return result;
}

PyMethodDef whole_methods[] = {
    {"record_build", record_build, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
