/*
 * The parts of the CPython extension daybook._native. It is written against daybook.h and Python's limited API
 * alone, so that one file serves Python 3.9 and later.
 *
 * No thread of the library ever runs Python: callbacks run where dbk_dispatch() was called, on the thread of
 * Twisted's reactor. The global lock is given up around every call of the library. The first callback of a
 * turn takes it again and keeps it to the turn's end: taking it anew for each of them would let another
 * thread have it for Python's switch interval, 5 ms, each time.
 */
#ifndef DAYBOOK_NATIVE_H
#define DAYBOOK_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <daybook.h>

/* The object _native.Store. */
struct store {
    PyObject_HEAD struct dbk_store *store; /* NULL: closed and freed */
    PyObject *clock;      /* gives the time, called with the lock held; NULL: the library's clock */
    PyObject *make_error; /* an exception from an error's members */
    PyObject *make_page;  /* a page from its list, total, is_total_exact and next_cursor */
    PyThreadState *outside; /* within a turn: the thread's state as long as the lock is given up */
    bool is_dispatching;
    bool is_closing;
    bool is_abandoned; /* the interpreter ends: answers are thrown away */
};

/* An operation that was submitted: who waits for it. */
struct pending {
    struct store *store;
    PyObject *operation; /* a Deferred */
    PyObject *make;      /* makes a record from its members; None: their tuple is the record */
    PyObject *report;    /* is called with each record that comes before the end; or NULL */
    PyObject *held;      /* what the library uses until then; or NULL */
};

/* A call on its way into the library. */
struct submission {
    struct store *self;
    struct dbk_store *store;
    PyObject *operation, *make, *options;
    struct pending *pending;
    struct dbk_call call;
    struct dbk_op op;
    struct dbk_error refusal;
    PyThreadState *outside;
    int status;
};

/* What every method takes first: the Deferred to fire, what makes a record, and None or (timeout_ms, scope, key). */
#define HEAD "OOO"
#define HEAD_INTO(s) &(s).operation, &(s).make, &(s).options

/* submit.c: the way in. */
bool begin(struct submission *s, PyObject *self);
bool begin_reporting(struct submission *s, PyObject *self, PyObject *report);
void leave(struct submission *s);
PyObject *enter(struct submission *s);
/* Runs a call of the library without the lock. Gives the operation's id, or NULL with an exception. */
#define SUBMIT(s, expression) (leave(&(s)), (s).status = (expression), enter(&(s)))
/* Gives back what begin() took, after an argument was refused. Result: NULL. */
PyObject *give_up(struct submission *s);

/* submit.c: the way back. */
void hold_lock(struct store *store);
void complete(struct pending *pending, PyObject *result);
void fail(struct pending *pending, const struct dbk_error *error);
PyObject *exception_of(struct store *store, const struct dbk_error *error);
PyObject *raise_error(struct store *store, const struct dbk_error *error); /* NULL */
struct dbk_store *opened(struct store *self); /* or NULL with an exception */

/* submit.c: the store's clock: asked with the lock, and read by the library without it. */
bool ask_clock(struct store *store);
int64_t clock_of_call(void *user);

/* arguments.c: converters for PyArg_ParseTuple's O&. */
int take_id(PyObject *object, void *out_id); /* int64_t; None is DBK_NONE */
struct id_list {
    int64_t *ids;
    size_t count;
};
int take_ids(PyObject *object, void *out_list);  /* struct id_list; PyMem_Free() its ids */
int take_spec(PyObject *object, void *out_spec); /* struct dbk_spec *; dbk_spec_free() it */
/* properties.c: takes a tuple of (name, value, source), in whose texts the result's are; PyMem_Free() it. */
struct dbk_new_property *take_properties(PyObject *tuple);

/* answers.c: the callbacks. */
#define DECLARE_ANSWERS(record)                                                                    \
    void answer_##record(void *user, const struct dbk_error *error,                                \
                         const struct dbk_##record *found);                                        \
    void answer_##record##_list(void *user, const struct dbk_error *error,                         \
                                const struct dbk_##record *const *found,                           \
                                const struct dbk_page *page)
DECLARE_ANSWERS(build);
DECLARE_ANSWERS(step);
DECLARE_ANSWERS(build_data);
DECLARE_ANSWERS(property);
DECLARE_ANSWERS(builder);
DECLARE_ANSWERS(worker);
DECLARE_ANSWERS(master);
DECLARE_ANSWERS(sourcestamp);
DECLARE_ANSWERS(buildset);
DECLARE_ANSWERS(buildrequest);
DECLARE_ANSWERS(change);
DECLARE_ANSWERS(event);
void answer_each_event(void *user, const struct dbk_event *event);
void answer_report(void *user, const struct dbk_report *report);
void answer_look(void *user, const struct dbk_error *error, const struct dbk_event *const *events,
                 const struct dbk_look *look);
void answer_done(void *user, const struct dbk_error *error);
void answer_number(void *user, const struct dbk_error *error, int64_t number);
void answer_size(void *user, const struct dbk_error *error, int64_t count, int64_t size);
void answer_added_build(void *user, const struct dbk_error *error, int64_t buildid, int64_t number);
void answer_added_step(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                       const char *name);
bool init_answers(void);
bool init_submit(void);

/* watch.c: the module's functions. */
PyObject *watch_new(PyObject *module, PyObject *args);
PyObject *watch_position(PyObject *module, PyObject *capsule);

/* The methods of each file, ended by an empty one. */
extern PyMethodDef store_methods[], build_methods[], property_methods[], step_methods[],
    data_methods[], parent_methods[], event_methods[], watch_methods[], whole_methods[],
    work_methods[];

#endif
