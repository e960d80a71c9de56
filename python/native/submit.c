/* The way of every call into the library, and of its answer back to whoever waits. */
#include "native.h"

#include <string.h>

/* The store's clock runs on the submitting thread, without the lock; the time was asked for before. */
static _Thread_local int64_t now_of_call;

int64_t clock_of_call(void *user)
{
    (void)user;
    return now_of_call;
}

bool ask_clock(struct store *store)
{
    if (!store->clock)
        return true;
    PyObject *time = PyObject_CallObject(store->clock, NULL);
    PyObject *whole = time ? PyNumber_Long(time) : NULL;
    if (whole)
        now_of_call = PyLong_AsLongLong(whole);
    Py_XDECREF(time);
    Py_XDECREF(whole);
    return whole && !PyErr_Occurred();
}

PyObject *exception_of(struct store *store, const struct dbk_error *error)
{
    return PyObject_CallFunction(store->make_error, "iiOisss", (int)error->status,
                                 (int)error->outcome, error->is_retryable ? Py_True : Py_False,
                                 (int)error->engine_code, error->sqlstate, error->action,
                                 error->message);
}

PyObject *raise_error(struct store *store, const struct dbk_error *error)
{
    PyObject *exception = exception_of(store, error);
    if (exception) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
    return NULL;
}

struct dbk_store *opened(struct store *self)
{
    if (!self->store) {
        struct dbk_error error = {.status = DBK_CLOSED};
        strcpy(error.message, "the store is closed");
        raise_error(self, &error);
    }
    return self->store;
}

static bool read_options(struct submission *s)
{
    long long timeout_ms = 0;
    s->call = (struct dbk_call)DBK_CALL_INIT;
    s->call.out_op = &s->op;
    s->call.out_refusal = &s->refusal;
    if (s->options == Py_None)
        return true;
    if (!PyArg_ParseTuple(s->options, "Lzz", &timeout_ms, &s->call.scope, &s->call.key))
        return false;
    s->call.timeout_ms = timeout_ms;
    return true;
}

bool begin(struct submission *s, PyObject *self)
{
    s->self = (struct store *)self;
    s->store = opened(s->self);
    s->refusal.status = DBK_OK;
    s->op.id = 0;
    if (!s->store || !read_options(s) || !ask_clock(s->self))
        return false;
    s->pending = PyMem_Malloc(sizeof *s->pending);
    if (!s->pending) {
        PyErr_NoMemory();
        return false;
    }
    *s->pending = (struct pending){s->self, s->operation, s->make, NULL, NULL};
    Py_INCREF(self);
    Py_INCREF(s->operation);
    Py_INCREF(s->make);
    return true;
}

bool begin_reporting(struct submission *s, PyObject *self, PyObject *report)
{
    if (!begin(s, self))
        return false;
    s->pending->report = report;
    Py_INCREF(report);
    return true;
}

static void free_pending(struct pending *pending)
{
    Py_DECREF(pending->operation);
    Py_DECREF(pending->make);
    Py_XDECREF(pending->report);
    Py_XDECREF(pending->held);
    Py_DECREF((PyObject *)pending->store);
    PyMem_Free(pending);
}

PyObject *give_up(struct submission *s)
{
    free_pending(s->pending);
    return NULL;
}

void leave(struct submission *s)
{
    s->outside = PyEval_SaveThread();
}

PyObject *enter(struct submission *s)
{
    PyEval_RestoreThread(s->outside);
    if (s->status == DBK_OK)
        return PyLong_FromUnsignedLongLong(s->op.id);
    if (s->refusal.status == DBK_OK) {
        s->refusal = (struct dbk_error){.status = (enum dbk_status)s->status};
        strncpy(s->refusal.message, dbk_status_text(s->refusal.status),
                sizeof s->refusal.message - 1);
    }
    raise_error(s->self, &s->refusal);
    return give_up(s);
}

void hold_lock(struct store *store)
{
    if (store->outside) {
        PyEval_RestoreThread(store->outside);
        store->outside = NULL;
    }
}

static PyObject *current_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

/* The names of a Deferred's methods, made once: of a C string every call would make a new one. */
static PyObject *callback_name, *errback_name;

bool init_submit(void)
{
    callback_name = PyUnicode_InternFromString("callback");
    errback_name = PyUnicode_InternFromString("errback");
    return callback_name && errback_name;
}

/* Fires the Deferred, and frees what waited. Takes over `value`; NULL when even that could not be made. */
static void fire(struct pending *pending, PyObject *method, PyObject *value)
{
    PyObject *fired =
        value ? PyObject_CallMethodObjArgs(pending->operation, method, value, NULL) : NULL;
    if (!fired)
        PyErr_WriteUnraisable(pending->operation);
    Py_XDECREF(fired);
    Py_XDECREF(value);
    free_pending(pending);
}

void complete(struct pending *pending, PyObject *result)
{
    if (pending->store->is_abandoned) {
        Py_XDECREF(result);
        PyErr_Clear();
        free_pending(pending);
    } else if (result) {
        fire(pending, callback_name, result);
    } else {
        fire(pending, errback_name, current_exception());
    }
}

void fail(struct pending *pending, const struct dbk_error *error)
{
    hold_lock(pending->store);
    PyObject *exception = pending->store->is_abandoned ? NULL : exception_of(pending->store, error);
    if (exception) {
        fire(pending, errback_name, exception);
    } else {
        complete(pending, NULL);
    }
}
