/*
 * The bytes of build data: whole or a range, with a tag that says whether they are still the same.
 */
#ifndef DAEMON_VALUES_H
#define DAEMON_VALUES_H

struct value;

/* Args: value may be NULL. */
void value_free(struct value *value);

#endif
