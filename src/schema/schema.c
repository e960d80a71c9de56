/* Looks at a database's tables, and makes those of a new store; see schema.h. */
#include "schema/schema.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/ask.h"

#include <stdio.h>

enum {
    CREATE_WAIT_NS = 10 * 1000 * 1000
}; /* between two looks at a lock that somebody else holds */
enum { CREATE_TRIES = 1000 };
enum { MASTER_ALIVE_S = 600 }; /* a master says every minute that it runs */
/* Until somebody else has made all tables: seconds on a server, more in a cluster. */
static const int64_t TABLES_WAIT_NS = 30LL * 1000 * 1000 * 1000;

/* Of Buildbot 4.0 to 4.3. */
static const char *const REVISIONS[] = {"066", "067"};

static int take_answer(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_answer *answer = owner;
    (void)index;
    answer->has_row = cell_count > 0;
    answer->number = dbki_value_int(&cells[0]);
    if (cells[0].type == DBKI_TEXT)
        snprintf(answer->text, sizeof answer->text, "%s", cells[0].text);
    return DBK_OK;
}

int dbki_schema_ask(struct dbki_conn *conn, const char *sql, const struct dbki_value *param,
                    struct dbki_answer *answer, struct dbk_error *error)
{
    const struct dbki_statement statement = {.sql = sql, .is_made = true, .is_one_row = true};
    struct dbki_bound bound = {
        .statement = &statement, .params = param, .param_count = param ? 1 : 0};
    struct dbki_group group = {
        .bound = &bound, .bound_count = 1, .owner = answer, .row = take_answer, .error = error};
    struct dbki_group *groups[] = {&group};
    *answer = (struct dbki_answer){.number = DBK_NONE};
    int status, failed;
    for (int tries = 0;; tries++) {
        status = conn->engine->run(conn, groups, 1, &failed);
        if (!status && tries)
            dbki_error_clear(error);
        if (status != DBK_BUSY || tries == CREATE_TRIES)
            return status;
        dbki_clock_sleep_ns(CREATE_WAIT_NS); /* a commit, or the recovery of a killed one's log */
    }
}

/* Looks for one column among a table's. */
struct search {
    const char *wanted;
    bool is_found;
    int count;
};

static int see_column(void *user, const char *name, bool is_needed)
{
    struct search *search = user;
    (void)is_needed;
    search->count++;
    if (!strcmp(name, search->wanted))
        search->is_found = true;
    return DBK_OK;
}

static int look_for(struct dbki_conn *conn, const char *table, const char *column,
                    struct search *out_search, struct dbk_error *error)
{
    *out_search = (struct search){.wanted = column};
    return conn->engine->columns(conn, table, see_column, out_search, error);
}

static int check_column(struct dbki_conn *conn, const struct dbki_schema *schema, const char *table,
                        const char *name, struct dbk_error *error)
{
    struct search search;
    int status = look_for(conn, table, name, &search, error);
    if (status || search.is_found)
        return status;
    return dbki_error_set(error, DBK_SCHEMA,
                          schema->is_own
                              ? "the store has no column %s.%s: it was changed by hand or is "
                                "damaged; go back to a backup"
                              : "the database has no column %s.%s: it is not Buildbot's, or of a "
                                "Buildbot before 4.0 (`buildbot upgrade-master` brings it up)",
                          table, name);
}

static int check_columns(struct dbki_conn *conn, const struct dbki_schema *schema,
                         struct dbk_error *error)
{
    int status = DBK_OK;
    for (const char *const *used = dbki_columns_used; *used && !status; used++) {
        char table[64];
        const char *dot = strchr(*used, '.');
        snprintf(table, sizeof table, "%.*s", (int)(dot - *used), *used);
        status = check_column(conn, schema, table, dot + 1, error);
    }
    if (!schema->is_own || schema->is_older)
        return status;
    for (const struct dbki_new_column *added = dbki_new_columns; added->table && !status; added++)
        status = check_column(conn, schema, added->table, added->name, error);
    return status;
}

static int inspect_own(struct dbki_conn *conn, struct dbki_schema *schema, struct dbk_error *error)
{
    struct dbki_answer version;
    int status = dbki_schema_ask(conn, "SELECT version FROM daybook_schema", NULL, &version, error);
    if (status)
        return status;
    if (version.number == DBK_NONE)
        return dbki_error_set(error, DBK_SCHEMA,
                              "daybook_schema holds no version: the store is damaged");
    if (version.number > DBKI_SCHEMA_VERSION)
        return dbki_error_set(
            error, DBK_SCHEMA,
            "the store's tables are of version %lld, made by a newer daybook; this "
            "one (%s) knows versions up to %d: use the newer one",
            (long long)version.number, DBK_VERSION, DBKI_SCHEMA_VERSION);
    schema->is_spoilt = version.number == DBKI_SCHEMA_SPOILT;
    schema->is_copying = version.number == DBKI_SCHEMA_COPYING || schema->is_spoilt;
    schema->is_older =
        version.number < (schema->is_own ? DBKI_SCHEMA_VERSION : DBKI_ADOPTED_VERSION) &&
        !schema->is_copying;
    return DBK_OK;
}

static int has_table(struct dbki_conn *conn, const char *table, const char *column, bool *out_has,
                     struct dbk_error *error)
{
    struct search search;
    int status = look_for(conn, table, column, &search, error);
    *out_has = search.is_found;
    return status;
}

static int take_url(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_schema *schema = owner;
    (void)index;
    (void)cell_count;
    if (cells[0].type == DBKI_TEXT)
        snprintf(schema->moved_to, sizeof schema->moved_to, "%s", cells[0].text);
    return DBK_OK;
}

/* A store that was followed to its new place says where that is. */
static int find_new_place(struct dbki_conn *conn, struct dbki_schema *schema,
                          struct dbk_error *error)
{
    static const struct dbki_statement get = {
        .sql = "SELECT target FROM daybook_move WHERE is_closed = 1", .is_one_row = true};
    bool is_there;
    int status = has_table(conn, "daybook_move", "target", &is_there, error);
    return status || !is_there ? status : dbki_ask(conn, &get, NULL, schema, take_url, error);
}

/* Whether the tables are daybook's, as a whole: the one that is made last is there. Where it is committed before the
 * row in it is, one without a row does not count. */
static int has_version(struct dbki_conn *conn, bool *out_has, struct dbk_error *error)
{
    struct dbki_answer rows;
    int status = has_table(conn, "daybook_schema", "version", out_has, error);
    if (status || !*out_has || !conn->engine->commits_tables)
        return status;
    status = dbki_schema_ask(conn, "SELECT count(*) FROM daybook_schema", NULL, &rows, error);
    *out_has = !status && rows.number != 0;
    return status;
}

/* The tables that calls need are looked for one by one: a migration may have dropped some. */
static int inspect_objects(struct dbki_conn *conn, struct dbki_schema *schema,
                           struct dbk_error *error)
{
    bool has_marks = false, has_events = false, has_keys = false, has_lineage = false,
         is_unfilled = false;
    int status = has_table(conn, "daybook_marks", "value", &has_marks, error);
    if (!status)
        status = has_table(conn, "daybook_events", "position", &has_events, error);
    if (!status)
        status = has_table(conn, "daybook_operations", "week", &has_keys, error);
    if (!status)
        status = has_table(conn, "daybook_lineage", "buildid", &has_lineage, error);
    if (!status && has_marks)
        status = dbki_schema_find_unfilled(conn, &is_unfilled, error);
    if (!status && schema->is_server)
        status = has_table(conn, "daybook_commits", "name", &schema->has_batches, error);
    schema->has_events = has_events && has_marks;
    schema->has_keys = has_keys;
    schema->has_lineage = has_lineage && has_marks && !is_unfilled;
    return status;
}

/* Looks for columns that an insert of ours would have to fill. */
struct needed {
    struct dbki_schema *schema;
    const char *table;
};

static int see_needed(void *user, const char *name, bool is_needed)
{
    struct needed *needed = user;
    char full[sizeof needed->schema->needed_column];
    if (!is_needed || needed->schema->needed_column[0])
        return DBK_OK;
    snprintf(full, sizeof full, "%s.%s", needed->table, name);
    for (const char *const *used = dbki_columns_used; *used; used++)
        if (!strcmp(*used, full))
            return DBK_OK;
    memcpy(needed->schema->needed_column, full, sizeof full);
    return DBK_OK;
}

static int find_needed_column(struct dbki_conn *conn, struct dbki_schema *schema,
                              struct dbk_error *error)
{
    static const char *const written[] = {"builds", "steps", "build_properties", "build_data"};
    int status = DBK_OK;
    for (size_t i = 0; i < sizeof written / sizeof written[0] && !status; i++) {
        struct needed needed = {schema, written[i]};
        status = conn->engine->columns(conn, written[i], see_needed, &needed, error);
    }
    return status;
}

static int find_untransacted(struct dbki_conn *conn, struct dbki_schema *schema,
                             struct dbk_error *error)
{
    struct dbki_answer table;
    if (!conn->engine->untransacted)
        return DBK_OK;
    int status = dbki_schema_ask(conn, conn->engine->untransacted, NULL, &table, error);
    memcpy(schema->untransacted, table.text, sizeof schema->untransacted);
    return status;
}

int dbki_schema_find_master(struct dbki_conn *conn, int64_t now, struct dbki_master *out_master,
                            struct dbk_error *error)
{
    struct dbki_value since = dbki_int(now - MASTER_ALIVE_S);
    struct dbki_answer master;
    int status = dbki_schema_ask(
        conn, "SELECT name FROM masters WHERE active = 1 AND last_active >= ? ORDER BY id", &since,
        &master, error);
    *out_master = (struct dbki_master){.is_found = !status && master.has_row};
    memcpy(out_master->name, master.text, sizeof out_master->name);
    return status;
}

bool dbki_schema_is_unsafe(struct dbki_conn *conn)
{
    return conn->has_checkpoint_fault && conn->engine->has_log && conn->engine->has_log(conn);
}

static int inspect(struct dbki_conn *conn, struct dbki_schema *out_schema, struct dbk_error *error)
{
    struct dbki_schema schema = {0};
    bool has_ours, has_alembic, has_builds;
    int status;
    /* The first statement of all: it is also what finds out that the file is no database. */
    if ((status = has_version(conn, &has_ours, error)) ||
        (status = has_table(conn, "alembic_version", "version_num", &has_alembic, error)) ||
        (status = has_table(conn, "builds", "id", &has_builds, error)))
        return status;
    schema.is_server = conn->engine->is_server;
    schema.has_partial_indexes = !conn->engine->lacks_partial_indexes;
    schema.has_key_indexes = conn->engine->indexes_foreign_keys;
    schema.is_own = has_ours && !has_alembic;
    schema.is_adopted = has_ours && has_alembic;
    if (has_ours && (status = inspect_objects(conn, &schema, error)))
        return status;
    if (!has_ours && !has_alembic) {
        struct dbki_answer tables;
        status = dbki_schema_ask(conn, conn->engine->count_tables, NULL, &tables, error);
        if (status)
            return status;
        schema.is_empty = tables.number == 0;
    }
    if (!has_ours && !has_alembic && (schema.is_empty || !has_builds)) {
        *out_schema = schema;
        return schema.is_empty
                   ? DBK_OK
                   : dbki_error_set(error, DBK_SCHEMA,
                                    "the database holds the tables of another program, and none of "
                                    "daybook's or Buildbot's");
    }
    if (has_ours && (status = inspect_own(conn, &schema, error)))
        return status;
    if (schema.is_own && (status = find_new_place(conn, &schema, error)))
        return status;
    if (has_alembic) {
        struct dbki_answer revision;
        status = dbki_schema_ask(conn, "SELECT version_num FROM alembic_version", NULL, &revision,
                                 error);
        if (status)
            return status;
        snprintf(schema.revision, sizeof schema.revision, "%.32s",
                 revision.text[0] ? revision.text : "?");
        for (size_t i = 0; i < sizeof REVISIONS / sizeof REVISIONS[0]; i++)
            schema.is_revision_known |= !strcmp(schema.revision, REVISIONS[i]);
        status = find_needed_column(conn, &schema, error);
        if (!status)
            status = find_untransacted(conn, &schema, error);
        if (status)
            return status;
    }
    status = check_columns(conn, &schema, error);
    if (!status)
        *out_schema = schema;
    return status;
}

int dbki_schema_inspect(struct dbki_conn *conn, struct dbki_schema *out_schema,
                        struct dbk_error *error)
{
    /* In one snapshot: of a store that is just being made, everything is there or nothing. */
    int status = conn->engine->begin(conn, DBKI_READ, NULL, error);
    if (status)
        return status;
    status = inspect(conn, out_schema, error);
    conn->engine->rollback(conn);
    return status;
}

static bool gives_up_later(struct dbki_wait *wait)
{
    return wait->waited_ns > (int64_t)CREATE_WAIT_NS * CREATE_TRIES;
}

static bool gives_up_on_tables(struct dbki_wait *wait)
{
    return wait->waited_ns > TABLES_WAIT_NS;
}

/* Sets what must be set before there are tables. It takes the database alone, and others may be looking at it;
 * without it the store would be made all the same, and for ever without a log. */
static int prepare_empty(struct dbki_conn *conn, struct dbk_error *error)
{
    const struct dbki_engine *engine = conn->engine;
    for (int tries = 0; tries < CREATE_TRIES && engine->before_tables; tries++) {
        int status = engine->script(conn, engine->before_tables, error);
        if (status && status != DBK_BUSY)
            return status;
        dbki_error_clear(error);
        if (!status && (conn->is_single || !engine->has_log || engine->has_log(conn)))
            return DBK_OK;
        dbki_clock_sleep_ns(CREATE_WAIT_NS);
    }
    return !engine->before_tables
               ? DBK_OK
               : dbki_error_set(error, DBK_TIMEOUT,
                                "another program kept the empty database locked: try again");
}

int dbki_schema_create(struct dbki_conn *conn, bool is_copying, struct dbk_error *error)
{
    struct dbki_wait wait = {.gives_up = gives_up_later};
    struct dbki_wait tables_wait = {.gives_up = gives_up_on_tables};
    const struct dbki_engine *engine = conn->engine;
    int status = prepare_empty(conn, error);
    /* Two processes may be here at once: the loser of the lock finds the tables made. */
    if (!status)
        status = engine->begin(conn, DBKI_WRITE, &wait, error);
    if (status)
        return status;
    bool is_there = false;
    if (engine->lock_tables)
        status = engine->lock_tables(conn, &tables_wait, error);
    if (!status)
        status = has_version(conn, &is_there, error);
    if (!status && !is_there) {
        for (const char *const *table = dbki_tables; *table && !status; table++)
            status = engine->script(conn, *table, error);
        const struct dbki_schema wanted = {.is_own = true,
                                           .is_server = engine->is_server,
                                           .has_partial_indexes = !engine->lacks_partial_indexes};
        for (int i = 0; i < dbki_object_count && !status; i++) {
            const char *sql = dbki_object_create(&dbki_objects[i], &wanted);
            if (sql)
                status = engine->script(conn, sql, error);
        }
        if (!status)
            status = dbki_schema_set_version(conn,
                                             is_copying ? DBKI_SCHEMA_COPYING : DBKI_SCHEMA_VERSION,
                                             dbki_clock_s(), error);
    }
    if (status) {
        engine->rollback(conn);
        return status;
    }
    return engine->commit(conn, &wait, error);
}
