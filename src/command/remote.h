/*
 * A daemon in the place of a store: the calls of archive.h, answered by `daybook serve` over HTTP. A thread asks,
 * one request after the other, in the order of their submission; callbacks run in remote_dispatch(), on the
 * caller's thread, as a store's do.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "archive.h"

/*
 * Begins, and asks the daemon whether it answers. Blocks. Args: options may be NULL; its clock says when what is
 * finished was finished.
 * Result: DBK_OK and *out_remote; else a status and *out_error.
 */
int remote_open(const char *url, const struct dbk_options *options, struct remote **out_remote,
                struct dbk_error *out_error);

const struct dbk_info *remote_info(const struct remote *remote);
int remote_fd(const struct remote *remote);
int remote_dispatch(struct remote *remote);
int remote_wait(struct remote *remote, int timeout_ms);
int remote_cancel(struct remote *remote, struct dbk_op op);

/* Ends what is under way, too: nobody who closes wants to wait for a daemon that is far. */
int remote_close(struct remote *remote, dbk_done_fn *done, void *user);

int remote_get_build(struct remote *remote, int64_t buildid, const struct dbk_call *call,
                     dbk_build_fn *done, void *user);
int remote_get_build_by_number(struct remote *remote, int64_t builderid, int64_t number,
                               const struct dbk_call *call, dbk_build_fn *done, void *user);
int remote_get_builds(struct remote *remote, int64_t builderid, int64_t complete,
                      const struct selection *selection, const struct dbk_call *call,
                      dbk_builds_fn *done, void *user);
int remote_get_build_properties(struct remote *remote, int64_t buildid,
                                const struct selection *selection, const struct dbk_call *call,
                                dbk_properties_fn *done, void *user);
int remote_get_step(struct remote *remote, int64_t stepid, int64_t buildid, int64_t number,
                    const char *name, const struct dbk_call *call, dbk_step_fn *done, void *user);
int remote_get_steps(struct remote *remote, int64_t buildid, const struct selection *selection,
                     const struct dbk_call *call, dbk_steps_fn *done, void *user);
int remote_get_all_build_data_no_values(struct remote *remote, int64_t buildid,
                                        const struct selection *selection,
                                        const struct dbk_call *call, dbk_build_data_list_fn *done,
                                        void *user);
int remote_read_build_data(struct remote *remote, int64_t buildid, const char *name,
                           const struct dbk_call *call, dbk_piece_fn *piece,
                           dbk_build_data_fn *done, void *user);
int remote_find_builder_id(struct remote *remote, const char *name, const struct dbk_call *call,
                           dbk_id_fn *done, void *user);
int remote_get_builder(struct remote *remote, int64_t builderid, const struct dbk_call *call,
                       dbk_builder_fn *done, void *user);
int remote_get_builders(struct remote *remote, const struct selection *selection,
                        const struct dbk_call *call, dbk_builders_fn *done, void *user);
int remote_get_worker(struct remote *remote, int64_t workerid, const struct dbk_call *call,
                      dbk_worker_fn *done, void *user);
int remote_get_buildrequest(struct remote *remote, int64_t buildrequestid,
                            const struct dbk_call *call, dbk_buildrequest_fn *done, void *user);
int remote_get_buildset(struct remote *remote, int64_t buildsetid, const struct dbk_call *call,
                        dbk_buildset_fn *done, void *user);
int remote_get_sourcestamps(struct remote *remote, int64_t buildsetid, const struct dbk_call *call,
                            dbk_sourcestamps_fn *done, void *user);

int remote_record_build(struct remote *remote, const struct dbk_new_build *build,
                        const struct dbk_call *call, dbk_added_build_fn *done, void *user);
int remote_set_build_state_string(struct remote *remote, int64_t buildid, const char *state_string,
                                  const struct dbk_call *call, dbk_done_fn *done, void *user);
int remote_finish_build(struct remote *remote, int64_t buildid, int64_t results,
                        const struct dbk_call *call, dbk_done_fn *done, void *user);
int remote_set_build_property(struct remote *remote, int64_t buildid, const char *name,
                              const char *value, const char *source, const struct dbk_call *call,
                              dbk_done_fn *done, void *user);
int remote_add_step(struct remote *remote, int64_t buildid, const char *name,
                    const char *state_string, const struct dbk_call *call, dbk_added_step_fn *done,
                    void *user);
int remote_start_step(struct remote *remote, int64_t stepid, int64_t started_at,
                      bool locks_acquired, const struct dbk_call *call, dbk_done_fn *done,
                      void *user);
int remote_set_step_state_string(struct remote *remote, int64_t stepid, const char *state_string,
                                 const struct dbk_call *call, dbk_done_fn *done, void *user);
int remote_finish_step(struct remote *remote, int64_t stepid, int64_t results, bool hidden,
                       const struct dbk_call *call, dbk_done_fn *done, void *user);
int remote_add_url(struct remote *remote, int64_t stepid, const char *name, const char *url,
                   const struct dbk_call *call, dbk_done_fn *done, void *user);
int remote_set_build_data(struct remote *remote, int64_t buildid, const char *name,
                          const void *value, size_t value_len, const char *source,
                          const struct dbk_call *call, dbk_done_fn *done, void *user);
int remote_set_build_data_from_fd(struct remote *remote, int64_t buildid, const char *name, int fd,
                                  int64_t offset, int64_t length, const char *source,
                                  const struct dbk_call *call, dbk_done_fn *done, void *user);
int remote_delete_build_data(struct remote *remote, int64_t buildid, const char *name,
                             const struct dbk_call *call, dbk_done_fn *done, void *user);

int remote_erase(struct remote *remote, int64_t buildid, enum dbk_erased what, const char *name,
                 const struct dbk_call *call, dbk_report_fn *report, dbk_done_fn *done, void *user);

int remote_get_events(struct remote *remote, int64_t position, const struct selection *selection,
                      const struct dbk_call *call, dbk_events_fn *done, void *user);
int remote_follow_events(struct remote *remote, int64_t position, const struct selection *filters,
                         const struct dbk_call *call, dbk_event_fn *event, dbk_done_fn *done,
                         void *user);

#endif
