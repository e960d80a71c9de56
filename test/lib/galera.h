/*
 * A Galera cluster of the test's own: nodes on the loopback, each with a folder in a new folder, run by an unprivileged
 * user, and gone with the test program, however that ends.
 */
#ifndef GALERA_H
#define GALERA_H

#include "test.h"

enum { GALERA_NODES_MAX = 3 };

/* Starts so many nodes. Result: their folder; NULL, when MariaDB or Galera is not on this machine; then whoever needs it
 * skips (in CI the test program ends with a failure instead). */
const char *galera_start(int count);

/* The URL of a new, empty database; it names all nodes, the first one first. */
const char *galera_place(void);
/* The same place at one node alone. */
const char *galera_at(const char *url, int node);
/* The path of a node's socket. */
const char *galera_socket(int node);

/* Runs SQL at a node, past the library, statement by statement; the first column of the first row. NULL is DBK_NONE,
 * and NULL. The node has what was committed at others before. */
const char *galera_text(int node, const char *url, const char *sql);
int64_t galera_int(int node, const char *url, const char *sql);

/* Ends a node as a power cut does, and starts one that was ended so: it comes back into the cluster. */
void galera_kill(int node);
void galera_start_again(int node);
/* Tells a node's provider something: "gmcast.isolate=1" cuts it off from the others. */
void galera_set_option(int node, const char *option);
/* Waits until the node is one of so many that are in the cluster and keep up. */
void galera_wait(int node, int members);
/* Waits until it has noticed that most of the others are gone. */
void galera_wait_alone(int node);

#endif
