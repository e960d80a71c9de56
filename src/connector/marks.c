/* Marks; see marks.h. */
#include "connector/marks.h"

static const struct dbki_statement SET = {
    .sql = "INSERT INTO daybook_marks (name, value) VALUES (?, ?)"
           " ON CONFLICT (name) DO UPDATE SET value = excluded.value"};
static const struct dbki_statement GET = {.sql = "SELECT value FROM daybook_marks WHERE name = ?",
                                          .is_one_row = true};
static const struct dbki_statement CLEAR = {.sql = "DELETE FROM daybook_marks WHERE name = ?"};

void dbki_mark_bind(struct dbki_binder *binder, const char *name, int64_t value)
{
    DBKI_BIND(binder, &SET, dbki_text(name), dbki_int(value));
}

void dbki_mark_bind_get(struct dbki_binder *binder, const char *name)
{
    DBKI_BIND(binder, &GET, dbki_text(name));
}

void dbki_mark_bind_clear(struct dbki_binder *binder, const char *name)
{
    DBKI_BIND(binder, &CLEAR, dbki_text(name));
}
