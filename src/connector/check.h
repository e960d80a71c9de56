/* What other long work takes of a check. */
#ifndef DBKI_CHECK_H
#define DBKI_CHECK_H

#include "schema/schema.h"
#include "store/op.h"

/* Reports what of daybook's should be there and is not. In a Buildbot database without any of it, nothing should be. */
int dbki_check_missing(struct dbki_op *op, struct dbki_conn *conn,
                       const struct dbki_schema *schema);

#endif
