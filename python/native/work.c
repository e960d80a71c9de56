/* The calls for long work on the database, which report while they run. */
#include "native.h"

typedef int change_fn(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                      dbk_report_fn *report, dbk_done_fn *done, void *user);

static PyObject *change(PyObject *self, PyObject *args, change_fn *run)
{
    struct submission s;
    PyObject *report;
    int is_dry_run;
    if (!PyArg_ParseTuple(args, HEAD "Op", HEAD_INTO(s), &report, &is_dry_run) ||
        !begin_reporting(&s, self, report))
        return NULL;
    return SUBMIT(s, run(s.store, is_dry_run, &s.call, answer_report, answer_done, s.pending));
}

static PyObject *adopt(PyObject *self, PyObject *args)
{
    return change(self, args, dbk_adopt);
}

static PyObject *release(PyObject *self, PyObject *args)
{
    return change(self, args, dbk_release);
}

static PyObject *upgrade(PyObject *self, PyObject *args)
{
    return change(self, args, dbk_upgrade);
}

static PyObject *check(PyObject *self, PyObject *args)
{
    struct submission s;
    PyObject *report;
    if (!PyArg_ParseTuple(args, HEAD "O:check", HEAD_INTO(s), &report) ||
        !begin_reporting(&s, self, report))
        return NULL;
    return SUBMIT(s, dbk_check(s.store, &s.call, answer_report, answer_done, s.pending));
}

PyMethodDef work_methods[] = {
    {"adopt", adopt, METH_VARARGS, NULL},
    {"release", release, METH_VARARGS, NULL},
    {"upgrade", upgrade, METH_VARARGS, NULL},
    {"check", check, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
