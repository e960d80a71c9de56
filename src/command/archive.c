/*
 * The store or the daemon: see archive.h. Each call is the one's or the other's of the same name.
 */
#include "archive.h"

#include "remote.h"

#include <stddef.h>

#define ASK(archive, call, ...)                                                                    \
    ((archive)->remote ? remote_##call((archive)->remote, __VA_ARGS__)                             \
                       : dbk_##call((archive)->store, __VA_ARGS__))

const struct dbk_info *archive_info(const struct archive *archive)
{
    return archive->remote ? remote_info(archive->remote) : dbk_get_info(archive->store);
}

int archive_fd(const struct archive *archive)
{
    return archive->remote ? remote_fd(archive->remote) : dbk_fd(archive->store);
}

int archive_dispatch(const struct archive *archive)
{
    return archive->remote ? remote_dispatch(archive->remote) : dbk_dispatch(archive->store);
}

int archive_wait(const struct archive *archive, int timeout_ms)
{
    return ASK(archive, wait, timeout_ms);
}

int archive_cancel(const struct archive *archive, struct dbk_op op)
{
    return ASK(archive, cancel, op);
}

int archive_close(const struct archive *archive, dbk_done_fn *done, void *user)
{
    return ASK(archive, close, done, user);
}

static void note_closed(void *user, const struct dbk_error *error)
{
    (void)error;
    *(bool *)user = true;
}

void archive_close_wait(struct archive *archive)
{
    bool is_closed = !archive->remote;
    if (archive->remote)
        remote_close(archive->remote, note_closed, &is_closed);
    while (!is_closed)
        remote_wait(archive->remote, -1);
    dbk_close_wait(archive->store);
    *archive = (struct archive){NULL, NULL};
}

/* ------------------------------------------------------------------------------------ reads ---- */

int archive_get_build(const struct archive *archive, int64_t buildid, const struct dbk_call *call,
                      dbk_build_fn *done, void *user)
{
    return ASK(archive, get_build, buildid, call, done, user);
}

int archive_get_build_by_number(const struct archive *archive, int64_t builderid, int64_t number,
                                const struct dbk_call *call, dbk_build_fn *done, void *user)
{
    return ASK(archive, get_build_by_number, builderid, number, call, done, user);
}

int archive_get_builds(const struct archive *archive, int64_t builderid, int64_t complete,
                       const struct selection *selection, const struct dbk_call *call,
                       dbk_builds_fn *done, void *user)
{
    return archive->remote ? remote_get_builds(archive->remote, builderid, complete, selection,
                                               call, done, user)
                           : dbk_get_builds(archive->store, builderid, DBK_NONE, DBK_NONE, complete,
                                            selection_spec(selection), call, done, user);
}

int archive_get_build_properties(const struct archive *archive, int64_t buildid,
                                 const struct selection *selection, const struct dbk_call *call,
                                 dbk_properties_fn *done, void *user)
{
    return archive->remote
               ? remote_get_build_properties(archive->remote, buildid, selection, call, done, user)
               : dbk_get_build_properties(archive->store, buildid, selection_spec(selection), call,
                                          done, user);
}

int archive_get_step(const struct archive *archive, int64_t stepid, int64_t buildid, int64_t number,
                     const char *name, const struct dbk_call *call, dbk_step_fn *done, void *user)
{
    return ASK(archive, get_step, stepid, buildid, number, name, call, done, user);
}

int archive_get_steps(const struct archive *archive, int64_t buildid,
                      const struct selection *selection, const struct dbk_call *call,
                      dbk_steps_fn *done, void *user)
{
    return archive->remote ? remote_get_steps(archive->remote, buildid, selection, call, done, user)
                           : dbk_get_steps(archive->store, buildid, selection_spec(selection), call,
                                           done, user);
}

int archive_get_all_build_data_no_values(const struct archive *archive, int64_t buildid,
                                         const struct selection *selection,
                                         const struct dbk_call *call, dbk_build_data_list_fn *done,
                                         void *user)
{
    return archive->remote
               ? remote_get_all_build_data_no_values(archive->remote, buildid, selection, call,
                                                     done, user)
               : dbk_get_all_build_data_no_values(archive->store, buildid, NULL,
                                                  selection_spec(selection), call, done, user);
}

int archive_read_build_data(const struct archive *archive, int64_t buildid, const char *name,
                            const struct dbk_call *call, dbk_piece_fn *piece,
                            dbk_build_data_fn *done, void *user)
{
    return archive->remote
               ? remote_read_build_data(archive->remote, buildid, name, call, piece, done, user)
               : dbk_read_build_data(archive->store, buildid, name, 0, INT64_MAX, call, piece, done,
                                     user);
}

int archive_find_builder_id(const struct archive *archive, const char *name,
                            const struct dbk_call *call, dbk_id_fn *done, void *user)
{
    return archive->remote ? remote_find_builder_id(archive->remote, name, call, done, user)
                           : dbk_find_builder_id(archive->store, name, false, call, done, user);
}

int archive_get_builder(const struct archive *archive, int64_t builderid,
                        const struct dbk_call *call, dbk_builder_fn *done, void *user)
{
    return ASK(archive, get_builder, builderid, call, done, user);
}

int archive_get_builders(const struct archive *archive, const struct selection *selection,
                         const struct dbk_call *call, dbk_builders_fn *done, void *user)
{
    return archive->remote
               ? remote_get_builders(archive->remote, selection, call, done, user)
               : dbk_get_builders(archive->store, selection_spec(selection), call, done, user);
}

int archive_get_worker(const struct archive *archive, int64_t workerid, const struct dbk_call *call,
                       dbk_worker_fn *done, void *user)
{
    return ASK(archive, get_worker, workerid, call, done, user);
}

int archive_get_buildrequest(const struct archive *archive, int64_t buildrequestid,
                             const struct dbk_call *call, dbk_buildrequest_fn *done, void *user)
{
    return ASK(archive, get_buildrequest, buildrequestid, call, done, user);
}

int archive_get_buildset(const struct archive *archive, int64_t buildsetid,
                         const struct dbk_call *call, dbk_buildset_fn *done, void *user)
{
    return ASK(archive, get_buildset, buildsetid, call, done, user);
}

int archive_get_sourcestamps(const struct archive *archive, int64_t buildsetid,
                             const struct dbk_call *call, dbk_sourcestamps_fn *done, void *user)
{
    return archive->remote
               ? remote_get_sourcestamps(archive->remote, buildsetid, call, done, user)
               : dbk_get_sourcestamps(archive->store, buildsetid, NULL, call, done, user);
}

/* ----------------------------------------------------------------------------------- writes ---- */

int archive_record_build(const struct archive *archive, const struct dbk_new_build *build,
                         const struct dbk_call *call, dbk_added_build_fn *done, void *user)
{
    return ASK(archive, record_build, build, call, done, user);
}

int archive_set_build_state_string(const struct archive *archive, int64_t buildid,
                                   const char *state_string, const struct dbk_call *call,
                                   dbk_done_fn *done, void *user)
{
    return ASK(archive, set_build_state_string, buildid, state_string, call, done, user);
}

int archive_finish_build(const struct archive *archive, int64_t buildid, int64_t results,
                         const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    return ASK(archive, finish_build, buildid, results, call, done, user);
}

int archive_set_build_property(const struct archive *archive, int64_t buildid, const char *name,
                               const char *value, const char *source, const struct dbk_call *call,
                               dbk_done_fn *done, void *user)
{
    return ASK(archive, set_build_property, buildid, name, value, source, call, done, user);
}

int archive_add_step(const struct archive *archive, int64_t buildid, const char *name,
                     const char *state_string, const struct dbk_call *call, dbk_added_step_fn *done,
                     void *user)
{
    return ASK(archive, add_step, buildid, name, state_string, call, done, user);
}

int archive_start_step(const struct archive *archive, int64_t stepid, int64_t started_at,
                       bool locks_acquired, const struct dbk_call *call, dbk_done_fn *done,
                       void *user)
{
    return ASK(archive, start_step, stepid, started_at, locks_acquired, call, done, user);
}

int archive_set_step_state_string(const struct archive *archive, int64_t stepid,
                                  const char *state_string, const struct dbk_call *call,
                                  dbk_done_fn *done, void *user)
{
    return ASK(archive, set_step_state_string, stepid, state_string, call, done, user);
}

int archive_finish_step(const struct archive *archive, int64_t stepid, int64_t results, bool hidden,
                        const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    return ASK(archive, finish_step, stepid, results, hidden, call, done, user);
}

int archive_add_url(const struct archive *archive, int64_t stepid, const char *name,
                    const char *url, const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    return ASK(archive, add_url, stepid, name, url, call, done, user);
}

int archive_set_build_data(const struct archive *archive, int64_t buildid, const char *name,
                           const void *value, size_t value_len, const char *source,
                           const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    return ASK(archive, set_build_data, buildid, name, value, value_len, source, call, done, user);
}

int archive_set_build_data_from_fd(const struct archive *archive, int64_t buildid, const char *name,
                                   int fd, int64_t offset, int64_t length, const char *source,
                                   const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    return ASK(archive, set_build_data_from_fd, buildid, name, fd, offset, length, source, call,
               done, user);
}

int archive_delete_build_data(const struct archive *archive, int64_t buildid, const char *name,
                              const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    return ASK(archive, delete_build_data, buildid, name, call, done, user);
}

int archive_erase(const struct archive *archive, int64_t buildid, enum dbk_erased what,
                  const char *name, bool is_rewritten, const struct dbk_call *call,
                  dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    return archive->remote
               ? remote_erase(archive->remote, buildid, what, name, call, report, done, user)
               : dbk_erase(archive->store, buildid, what, name, is_rewritten, call, report, done,
                           user);
}

/* ----------------------------------------------------------------------------------- events ---- */

int archive_get_events(const struct archive *archive, int64_t position,
                       const struct selection *selection, const struct dbk_call *call,
                       dbk_events_fn *done, void *user)
{
    return archive->remote
               ? remote_get_events(archive->remote, position, selection, call, done, user)
               : dbk_get_events(archive->store, position, selection_spec(selection), call, done,
                                user);
}

int archive_follow_events(const struct archive *archive, int64_t position,
                          const struct selection *filters, const struct dbk_call *call,
                          dbk_event_fn *event, dbk_done_fn *done, void *user)
{
    return archive->remote
               ? remote_follow_events(archive->remote, position, filters, call, event, done, user)
               : dbk_follow_events(archive->store, position, selection_spec(filters), call, event,
                                   done, user);
}
