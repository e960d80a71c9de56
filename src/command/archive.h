/*
 * Where the records are that a subcommand reads and writes: a store that this process opened, or a daemon
 * that is asked over HTTP (remote.h). Both take the same calls, which are those of daybook.h under its rules:
 * submitting says whether there will be an answer, and the answer comes through one callback, in
 * archive_dispatch(). So no subcommand asks which of the two it has.
 *
 * Here stands what the subcommands need and no more. What works on the database itself (adopt, check,
 * prune, ...) has the store in hand.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "selection.h"

#include <daybook.h>

struct remote;

/* One of the two is there. Copies stand for the same archive. */
struct archive {
    struct dbk_store *store;
    struct remote *remote;
};

/* What is known of it. A daemon is taken for a store of daybook's own: what its database does not allow, it
 * refuses. Its path is none. */
const struct dbk_info *archive_info(const struct archive *archive);

/* As dbk_fd(), dbk_dispatch(), dbk_wait(), dbk_cancel(), dbk_close() and dbk_close_wait(). */
int archive_fd(const struct archive *archive);
int archive_dispatch(const struct archive *archive);
int archive_wait(const struct archive *archive, int timeout_ms);
int archive_cancel(const struct archive *archive, struct dbk_op op);
int archive_close(const struct archive *archive, dbk_done_fn *done, void *user);
void archive_close_wait(struct archive *archive);

/* ------------------------------------------------------------------------------------ reads ---- */

int archive_get_build(const struct archive *archive, int64_t buildid, const struct dbk_call *call,
                      dbk_build_fn *done, void *user);
int archive_get_build_by_number(const struct archive *archive, int64_t builderid, int64_t number,
                                const struct dbk_call *call, dbk_build_fn *done, void *user);
int archive_get_builds(const struct archive *archive, int64_t builderid, int64_t complete,
                       const struct selection *selection, const struct dbk_call *call,
                       dbk_builds_fn *done, void *user);
int archive_get_build_properties(const struct archive *archive, int64_t buildid,
                                 const struct selection *selection, const struct dbk_call *call,
                                 dbk_properties_fn *done, void *user);
int archive_get_step(const struct archive *archive, int64_t stepid, int64_t buildid, int64_t number,
                     const char *name, const struct dbk_call *call, dbk_step_fn *done, void *user);
int archive_get_steps(const struct archive *archive, int64_t buildid,
                      const struct selection *selection, const struct dbk_call *call,
                      dbk_steps_fn *done, void *user);
int archive_get_all_build_data_no_values(const struct archive *archive, int64_t buildid,
                                         const struct selection *selection,
                                         const struct dbk_call *call, dbk_build_data_list_fn *done,
                                         void *user);
int archive_read_build_data(const struct archive *archive, int64_t buildid, const char *name,
                            const struct dbk_call *call, dbk_piece_fn *piece,
                            dbk_build_data_fn *done, void *user);
int archive_find_builder_id(const struct archive *archive, const char *name,
                            const struct dbk_call *call, dbk_id_fn *done, void *user);
int archive_get_builder(const struct archive *archive, int64_t builderid,
                        const struct dbk_call *call, dbk_builder_fn *done, void *user);
int archive_get_builders(const struct archive *archive, const struct selection *selection,
                         const struct dbk_call *call, dbk_builders_fn *done, void *user);
int archive_get_worker(const struct archive *archive, int64_t workerid, const struct dbk_call *call,
                       dbk_worker_fn *done, void *user);
int archive_get_buildrequest(const struct archive *archive, int64_t buildrequestid,
                             const struct dbk_call *call, dbk_buildrequest_fn *done, void *user);
int archive_get_buildset(const struct archive *archive, int64_t buildsetid,
                         const struct dbk_call *call, dbk_buildset_fn *done, void *user);
int archive_get_sourcestamps(const struct archive *archive, int64_t buildsetid,
                             const struct dbk_call *call, dbk_sourcestamps_fn *done, void *user);

/* ----------------------------------------------------------------------------------- writes ---- */

int archive_record_build(const struct archive *archive, const struct dbk_new_build *build,
                         const struct dbk_call *call, dbk_added_build_fn *done, void *user);
int archive_set_build_state_string(const struct archive *archive, int64_t buildid,
                                   const char *state_string, const struct dbk_call *call,
                                   dbk_done_fn *done, void *user);
int archive_finish_build(const struct archive *archive, int64_t buildid, int64_t results,
                         const struct dbk_call *call, dbk_done_fn *done, void *user);
int archive_set_build_property(const struct archive *archive, int64_t buildid, const char *name,
                               const char *value, const char *source, const struct dbk_call *call,
                               dbk_done_fn *done, void *user);
int archive_add_step(const struct archive *archive, int64_t buildid, const char *name,
                     const char *state_string, const struct dbk_call *call, dbk_added_step_fn *done,
                     void *user);
int archive_start_step(const struct archive *archive, int64_t stepid, int64_t started_at,
                       bool locks_acquired, const struct dbk_call *call, dbk_done_fn *done,
                       void *user);
int archive_set_step_state_string(const struct archive *archive, int64_t stepid,
                                  const char *state_string, const struct dbk_call *call,
                                  dbk_done_fn *done, void *user);
int archive_finish_step(const struct archive *archive, int64_t stepid, int64_t results, bool hidden,
                        const struct dbk_call *call, dbk_done_fn *done, void *user);
int archive_add_url(const struct archive *archive, int64_t stepid, const char *name,
                    const char *url, const struct dbk_call *call, dbk_done_fn *done, void *user);
int archive_set_build_data(const struct archive *archive, int64_t buildid, const char *name,
                           const void *value, size_t value_len, const char *source,
                           const struct dbk_call *call, dbk_done_fn *done, void *user);
int archive_set_build_data_from_fd(const struct archive *archive, int64_t buildid, const char *name,
                                   int fd, int64_t offset, int64_t length, const char *source,
                                   const struct dbk_call *call, dbk_done_fn *done, void *user);
int archive_delete_build_data(const struct archive *archive, int64_t buildid, const char *name,
                              const struct dbk_call *call, dbk_done_fn *done, void *user);
/* Args: is_rewritten: of a store alone. */
int archive_erase(const struct archive *archive, int64_t buildid, enum dbk_erased what,
                  const char *name, bool is_rewritten, const struct dbk_call *call,
                  dbk_report_fn *report, dbk_done_fn *done, void *user);

/* ----------------------------------------------------------------------------------- events ---- */

int archive_get_events(const struct archive *archive, int64_t position,
                       const struct selection *selection, const struct dbk_call *call,
                       dbk_events_fn *done, void *user);
int archive_follow_events(const struct archive *archive, int64_t position,
                          const struct selection *filters, const struct dbk_call *call,
                          dbk_event_fn *event, dbk_done_fn *done, void *user);

#endif
