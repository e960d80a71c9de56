/*
 * Which path means what. A pattern's parts in braces take what stands in the path:
 *     {builder} {worker} {master}   an id, or a name
 *     {build} {id}                  an id
 *     {number}                      a build's number within its builder
 *     {step}                        a step's number, or its name
 *     {data}                        a name of build data
 */
#ifndef DAEMON_ROUTES_H
#define DAEMON_ROUTES_H

#include "exchange.h"
#include "resource.h"

struct route {
    const char *pattern;
    const struct resource *resource;
    bool is_list;
    void (*read)(struct exchange *exchange); /* submits the operation that answers */
};

/* Finds the route of the exchange's path and fills what the path names. Result: NULL for none. */
const struct route *route_find(struct exchange *exchange);

/* Whether the build is named by its builder and number, and its id is needed. */
bool route_needs_build(const struct route *route);

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
void read_builders(struct exchange *exchange);
void read_builder(struct exchange *exchange);
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
