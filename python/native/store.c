/* Opening, dispatching and closing stores. */
#include "native.h"

#include <string.h>

PyObject *store_type;
PyObject *store_open(PyObject *module, PyObject *args);
void store_dealloc(PyObject *self);

/* open(url, is_created, reader_count, queue_max, is_exclusive, is_forced, clock, make_error, make_page) */
PyObject *store_open(PyObject *module, PyObject *args)
{
    const char *url;
    int is_created, reader_count, queue_max, is_exclusive, is_forced;
    PyObject *clock, *make_error, *make_page;
    (void)module;
    if (!PyArg_ParseTuple(args, "spiippOOO:open", &url, &is_created, &reader_count, &queue_max,
                          &is_exclusive, &is_forced, &clock, &make_error, &make_page))
        return NULL;
    struct store *self = PyObject_New(struct store, (PyTypeObject *)store_type);
    if (!self)
        return NULL;
    memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
    Py_INCREF(make_error);
    Py_INCREF(make_page);
    self->make_error = make_error;
    self->make_page = make_page;
    struct dbk_options options = DBK_OPTIONS_INIT;
    options.is_created = is_created;
    options.reader_count = reader_count;
    options.queue_max = queue_max;
    options.is_exclusive = is_exclusive;
    options.is_forced = is_forced;
    if (clock != Py_None) {
        Py_INCREF(clock);
        self->clock = clock;
        options.clock = clock_of_call;
    }
    struct dbk_error error;
    int status;
    /* Opening asks the time, too. */
    if (!ask_clock(self)) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = dbk_open(url, &options, &self->store, &error);
    Py_END_ALLOW_THREADS if (status == DBK_OK) return (PyObject *)self;
    raise_error(self, &error);
    Py_DECREF((PyObject *)self);
    return NULL;
}

/* Closes at once and throws the answers away: the interpreter ends, or nobody holds the store any more. */
static void abandon(struct store *self)
{
    if (!self->store || self->is_dispatching)
        return;
    self->is_abandoned = true;
    self->outside = PyEval_SaveThread();
    if (!self->is_closing) {
        dbk_close_wait(self->store); /* in a child that was forked it touches nothing */
    } else {
        while (self->store && dbk_wait(self->store, 1000))
            ;
    }
    hold_lock(self);
    self->store = NULL;
}

void store_dealloc(PyObject *self_object)
{
    struct store *self = (struct store *)self_object;
    PyTypeObject *type = Py_TYPE(self_object);
    freefunc release = (freefunc)(uintptr_t)PyType_GetSlot(type, Py_tp_free);
    abandon(self);
    Py_XDECREF(self->clock);
    Py_XDECREF(self->make_error);
    Py_XDECREF(self->make_page);
    release(self_object);
    Py_DECREF((PyObject *)type);
}

static PyObject *method_abandon(PyObject *self, PyObject *args)
{
    (void)args;
    abandon((struct store *)self);
    Py_RETURN_NONE;
}

static PyObject *fileno_of(PyObject *self, PyObject *args)
{
    struct dbk_store *store = opened((struct store *)self);
    (void)args;
    if (!store)
        return NULL;
    int fd;
    Py_BEGIN_ALLOW_THREADS fd = dbk_fd(store);
    Py_END_ALLOW_THREADS return PyLong_FromLong(fd);
}

static PyObject *dispatch(PyObject *self_object, PyObject *args)
{
    struct store *self = (struct store *)self_object;
    struct dbk_store *store = opened(self);
    (void)args;
    if (!store)
        return NULL;
    if (self->is_dispatching) {
        PyErr_SetString(PyExc_RuntimeError, "dispatch() runs already");
        return NULL;
    }
    self->is_dispatching = true;
    self->outside = PyEval_SaveThread();
    int count = dbk_dispatch(store);
    hold_lock(self);
    self->is_dispatching = false;
    return PyLong_FromLong(count);
}

/* The last callback: the library frees the store when it returns. */
static void answer_closed(void *user, const struct dbk_error *error)
{
    struct pending *pending = user;
    hold_lock(pending->store);
    pending->store->store = NULL;
    answer_done(user, error);
}

static PyObject *close_store(PyObject *self, PyObject *args)
{
    struct submission s;
    if (!PyArg_ParseTuple(args, HEAD ":close", HEAD_INTO(s)) || !begin(&s, self))
        return NULL;
    s.self->is_closing = true;
    return SUBMIT(s, dbk_close(s.store, answer_closed, s.pending));
}

static PyObject *cancel(PyObject *self, PyObject *args)
{
    struct dbk_op op;
    unsigned long long id;
    struct dbk_store *store = opened((struct store *)self);
    if (!store || !PyArg_ParseTuple(args, "K:cancel", &id))
        return NULL;
    op.id = id;
    int status;
    Py_BEGIN_ALLOW_THREADS status = dbk_cancel(store, op);
    Py_END_ALLOW_THREADS return PyBool_FromLong(status == DBK_OK);
}

static PyObject *info(PyObject *self, PyObject *args)
{
    struct dbk_store *store = opened((struct store *)self);
    (void)args;
    if (!store)
        return NULL;
    const struct dbk_info *info = dbk_get_info(store);
    return Py_BuildValue("(sssOOOOzzz)", info->engine, info->url, info->engine_version,
                         info->is_own ? Py_True : Py_False, info->is_adopted ? Py_True : Py_False,
                         info->is_read_only ? Py_True : Py_False,
                         info->has_events ? Py_True : Py_False, info->buildbot_version,
                         info->warning, info->path);
}

static PyObject *stats(PyObject *self, PyObject *args)
{
    struct dbk_store *store = opened((struct store *)self);
    struct dbk_stats stats;
    (void)args;
    if (!store)
        return NULL;
    Py_BEGIN_ALLOW_THREADS dbk_get_stats(store, &stats, sizeof stats);
    Py_END_ALLOW_THREADS return Py_BuildValue(
        "(LLLLLLLLLL)", (long long)stats.waiting_count, (long long)stats.running_count,
        (long long)stats.ready_count, (long long)stats.read_count, (long long)stats.write_count,
        (long long)stats.failed_count, (long long)stats.commit_count, (long long)stats.retry_count,
        (long long)stats.checkpoint_count, (long long)stats.lock_wait_ms);
}

PyMethodDef store_methods[] = {
    {"fileno", fileno_of, METH_NOARGS, NULL},   {"dispatch", dispatch, METH_NOARGS, NULL},
    {"close", close_store, METH_VARARGS, NULL}, {"abandon", method_abandon, METH_NOARGS, NULL},
    {"cancel", cancel, METH_VARARGS, NULL},     {"info", info, METH_NOARGS, NULL},
    {"stats", stats, METH_NOARGS, NULL},        {NULL, NULL, 0, NULL},
};
