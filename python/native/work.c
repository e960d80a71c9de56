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

static PyObject *copy(PyObject *self, PyObject *args)
{
    struct submission s;
    struct dbk_copy_options options = DBK_COPY_OPTIONS_INIT;
    const char *from_url;
    PyObject *report;
    int is_records_only, skips_dirty;
    if (!PyArg_ParseTuple(args, HEAD "sOpp:copy", HEAD_INTO(s), &from_url, &report,
                          &is_records_only, &skips_dirty) ||
        !begin_reporting(&s, self, report))
        return NULL;
    options.is_records_only = is_records_only;
    options.skips_dirty = skips_dirty;
    return SUBMIT(
        s, dbk_copy(s.store, from_url, &options, &s.call, answer_report, answer_done, s.pending));
}

static PyObject *verify(PyObject *self, PyObject *args)
{
    struct submission s;
    const char *from_url;
    PyObject *report;
    if (!PyArg_ParseTuple(args, HEAD "sO:verify", HEAD_INTO(s), &from_url, &report) ||
        !begin_reporting(&s, self, report))
        return NULL;
    return SUBMIT(s, dbk_verify(s.store, from_url, &s.call, answer_report, answer_done, s.pending));
}

static PyObject *prune(PyObject *self, PyObject *args)
{
    struct submission s;
    PyObject *report, *result = NULL;
    const char *rules;
    int is_dry_run;
    struct dbk_prune_options options = DBK_PRUNE_OPTIONS_INIT;
    struct dbk_retention *retention;
    struct dbk_error error;
    if (!PyArg_ParseTuple(args, HEAD "Osp:prune", HEAD_INTO(s), &report, &rules, &is_dry_run))
        return NULL;
    if (dbk_retention_parse(rules, &retention, &error)) {
        PyErr_SetString(PyExc_ValueError, error.message);
        return NULL;
    }
    options.is_dry_run = is_dry_run;
    if (begin_reporting(&s, self, report))
        result = SUBMIT(s, dbk_prune(s.store, retention, &options, &s.call, answer_report,
                                     answer_done, s.pending));
    dbk_retention_free(retention);
    return result;
}

PyMethodDef work_methods[] = {
    {"adopt", adopt, METH_VARARGS, NULL},     {"release", release, METH_VARARGS, NULL},
    {"upgrade", upgrade, METH_VARARGS, NULL}, {"check", check, METH_VARARGS, NULL},
    {"copy", copy, METH_VARARGS, NULL},       {"verify", verify, METH_VARARGS, NULL},
    {"prune", prune, METH_VARARGS, NULL},     {NULL, NULL, 0, NULL},
};
