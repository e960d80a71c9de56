/*
 * Which path means what. A pattern's parts in braces take what stands in the path:
 *     {builder} {worker} {master}   an id, or a name
 *     {build} {id}                  an id
 *     {number}                      a build's number within its builder; in reads also "last", "last-failed"
 *     {step}                        a step's number, or its name
 *     {name}                        a name of build data, of a property
 *     {new builder}                 an id, or a name that need not be there yet
 */
#ifndef DAEMON_ROUTES_H
#define DAEMON_ROUTES_H

#include "exchange.h"
#include "forms.h"
#include "resource.h"

/* What a request brings along. */
enum route_body {
    ROUTE_NOTHING,
    ROUTE_JSON,
    ROUTE_BYTES, /* application/octet-stream */
};

struct route {
    enum evhttp_cmd_type method; /* GET stands for HEAD too */
    const char *pattern;
    void (*run)(struct exchange *exchange); /* submits the operation that answers */
    const struct resource *resource;        /* of reads */
    bool is_list;
    enum route_body body;
    const struct form *form; /* of ROUTE_JSON */
};

/* Beside the methods of a path: there are others, and they are off in a daemon that takes no writes. */
#define ROUTE_METHODS_OFF (1U << 30)
/* The one that was asked for is among them. */
#define ROUTE_METHOD_OFF (1U << 29)

/*
 * Finds the route of the exchange's method and path, and fills what the path names. Result: NULL for none;
 * then *out_methods has the methods that the path takes, as bits of evhttp's.
 */
const struct route *route_find(struct exchange *exchange, unsigned *out_methods);

/* The same for a path outside the API's, as /healthz. */
const struct route *route_find_outside(struct exchange *exchange, const char *path,
                                       unsigned *out_methods);

/* All routes, in their order. */
size_t route_count(void);
const struct route *route_at(size_t index);
size_t route_index(const struct route *route);
const char *route_method(const struct route *route);

/* Whether the server has it: one that takes no writes has none of those. */
bool route_is_served(const struct route *route, const struct server *server);

/* The type of what it answers when all is well, without parameters. */
const char *route_content_type(const struct route *route);

/* Whether its answer ends when somebody ends it. */
bool route_is_stream(const struct route *route);

/* Whether the builder is added by its name, so that it need not be there. */
bool route_makes_builder(const struct route *route);

/* Whether an operation key may come with it. */
bool route_takes_key(const struct route *route);

/* Whether the build is named by its builder and number, and its id is needed. */
bool route_needs_build(const struct route *route);

/* Whether it gives nothing, rather than 404, of a build that is not there: so Buildbot does for some. */
bool route_is_empty_without_build(const struct route *route);

/* writes_builds.c and its siblings: one for each kind of write. */
void write_build(struct exchange *exchange);
void write_build_state(struct exchange *exchange);
void write_build_locks(struct exchange *exchange);
void write_build_finish(struct exchange *exchange);
void write_property(struct exchange *exchange);
void write_properties(struct exchange *exchange);
void write_step(struct exchange *exchange);
void write_step_state(struct exchange *exchange);
void write_step_start(struct exchange *exchange);
void write_step_locks(struct exchange *exchange);
void write_step_finish(struct exchange *exchange);
void write_step_url(struct exchange *exchange);
void write_data(struct exchange *exchange);
void delete_data(struct exchange *exchange);
void write_erasure(struct exchange *exchange);
void write_builder(struct exchange *exchange);
void write_worker(struct exchange *exchange);
void write_master(struct exchange *exchange);

/* reads_builds.c and its siblings: one for each kind of answer. */
void read_builds(struct exchange *exchange);
void read_builds_of_request(struct exchange *exchange);
void read_builds_of_change(struct exchange *exchange);
void read_builds_of_worker(struct exchange *exchange);
void read_builds_triggered(struct exchange *exchange);
void read_build(struct exchange *exchange);
void read_build_by_number(struct exchange *exchange);
void read_steps(struct exchange *exchange);
void read_step(struct exchange *exchange);
void read_properties(struct exchange *exchange);
void read_property_list(struct exchange *exchange);
void read_data_list(struct exchange *exchange);
void read_data(struct exchange *exchange);
void read_data_value(struct exchange *exchange);
void read_events(struct exchange *exchange);
void read_builders(struct exchange *exchange);
void read_builder(struct exchange *exchange);
void read_badge(struct exchange *exchange);
void read_cctray(struct exchange *exchange);
void read_workers(struct exchange *exchange);
void read_worker(struct exchange *exchange);
void read_masters(struct exchange *exchange);
void read_master(struct exchange *exchange);
void read_buildrequests(struct exchange *exchange);
void read_buildrequest(struct exchange *exchange);
void read_buildsets(struct exchange *exchange);
void read_buildset(struct exchange *exchange);
void read_changes(struct exchange *exchange);
void read_change(struct exchange *exchange);
void read_sourcestamps(struct exchange *exchange);
void read_sourcestamps_of_buildset(struct exchange *exchange);
void read_sourcestamp(struct exchange *exchange);

#endif
