/*
 * Daybook's own tables and indexes: in a store of our own, where the indexes of Buildbot's tables are among them, and
 * beside Buildbot's tables in a database that was adopted.
 *
 * In an adopted one nothing is left behind that cannot be taken out again. So its events have no AUTOINCREMENT,
 * which would leave SQLite's own table for it (trim.c never deletes the newest event, so that no position is
 * given twice); and on Buildbot's tables there are plain indexes alone, which its migrations may drop.
 */
#include "schema/schema.h"

#define EVENTS_COLUMNS                                                                             \
    " at INTEGER NOT NULL, kind TEXT NOT NULL, verb TEXT NOT NULL, builderid INTEGER,"             \
    " buildid INTEGER, stepid INTEGER, name TEXT)"
#define ON_SERVERS(sql) NULL, NULL, sql, false, false
#define PARTLY_ON_SERVERS(sql) NULL, NULL, sql, true, false
#define ON_BUILDBOTS(sql) NULL, sql, NULL, false, false
#define ON_BUILDBOTS_KEYS(sql) NULL, sql, NULL, false, true
#define BOTH(sql) sql, sql, NULL, false, false
/* On Buildbot's tables in a store of our own. */
#define OWN(its_name, on, what, columns)                                                           \
    {                                                                                              \
        .name = #its_name, .table = #on,                                                           \
        .own_sql = "CREATE " what #its_name " ON " #on " (" columns ")"                            \
    }
#define INDEX(name, on, columns) OWN(name, on, "INDEX ", columns)
#define UNIQUE(name, on, columns) OWN(name, on, "UNIQUE INDEX ", columns)

const struct dbki_object dbki_objects[] = {
    /* Those of Buildbot's tables in a store of our own, by Buildbot's kind of name. */
    UNIQUE(master_name_hashes, masters, "name_hash"),
    UNIQUE(projects_name_hash, projects, "name_hash"),
    UNIQUE(builder_name_hash, builders, "name_hash"),
    INDEX(builders_projectid, builders, "projectid"),
    UNIQUE(builder_masters_identity, builder_masters, "builderid, masterid"),
    INDEX(builder_masters_masterid, builder_masters, "masterid"),
    UNIQUE(tag_name_hash, tags, "name_hash"),
    UNIQUE(builders_tags_unique, builders_tags, "builderid, tagid"),
    UNIQUE(workers_name, workers, "name"),
    UNIQUE(configured_workers_identity, configured_workers, "buildermasterid, workerid"),
    INDEX(configured_workers_workers, configured_workers, "workerid"),
    UNIQUE(connected_workers_identity, connected_workers, "masterid, workerid"),
    INDEX(connected_workers_workers, connected_workers, "workerid"),
    UNIQUE(sourcestamps_ss_hash_key, sourcestamps, "ss_hash"),
    INDEX(changes_sourcestampid, changes, "sourcestampid"),
    INDEX(changes_when_timestamp, changes, "when_timestamp"),
    INDEX(change_files_changeid, change_files, "changeid"),
    INDEX(change_properties_changeid, change_properties, "changeid"),
    INDEX(change_users_changeid, change_users, "changeid"),
    INDEX(buildsets_complete, buildsets, "complete"),
    INDEX(buildsets_submitted_at, buildsets, "submitted_at"),
    INDEX(buildsets_parent_buildid, buildsets, "parent_buildid"),
    UNIQUE(buildset_properties_unique, buildset_properties, "buildsetid, property_name"),
    UNIQUE(buildset_sourcestamps_unique, buildset_sourcestamps, "buildsetid, sourcestampid"),
    INDEX(buildset_sourcestamps_sourcestampid, buildset_sourcestamps, "sourcestampid"),
    INDEX(buildrequests_builderid, buildrequests, "builderid"),
    INDEX(buildrequests_buildsetid, buildrequests, "buildsetid"),
    INDEX(buildrequests_complete, buildrequests, "complete"),
    UNIQUE(buildrequest_claims_brids, buildrequest_claims, "brid"),
    UNIQUE(builds_number, builds, "builderid, number"),
    /* Those that run, or were finished lately; and a builder's by how they ended, of which few may have ended so. */
    INDEX(builds_complete, builds, "complete_at, builderid, number"),
    INDEX(builds_results, builds, "builderid, results, number"),
    INDEX(builds_buildrequestid, builds, "buildrequestid"),
    INDEX(builds_masterid, builds, "masterid"),
    INDEX(builds_workerid, builds, "workerid"),
    UNIQUE(build_data_buildid_name, build_data, "buildid, name"),
    UNIQUE(steps_name, steps, "buildid, name"),
    UNIQUE(steps_number, steps, "buildid, number"),
    /* How far something has come: "events trimmed" up to that position. */
    {"daybook_marks", NULL,
     BOTH("CREATE TABLE daybook_marks (name VARCHAR(64) NOT NULL PRIMARY KEY,"
          " value INTEGER NOT NULL) WITHOUT ROWID")},
    /* position rises in the order in which events become visible: that of the row ids. */
    {"daybook_events", NULL,
     "CREATE TABLE daybook_events (position INTEGER PRIMARY KEY AUTOINCREMENT," EVENTS_COLUMNS,
     "CREATE TABLE daybook_events (position INTEGER PRIMARY KEY," EVENTS_COLUMNS,
     /* Where several commit at once, an id is taken long before its row is visible: a position is given when
      * it is (connector/positions.c). */
     "CREATE TABLE daybook_events (id INTEGER PRIMARY KEY AUTOINCREMENT,"
     " position INTEGER," EVENTS_COLUMNS,
     false, false},
    {"daybook_events_position", "daybook_events",
     ON_SERVERS("CREATE UNIQUE INDEX daybook_events_position"
                " ON daybook_events (position)")},
    /* Without it those that have none are found by the index on the position. */
    {"daybook_events_unplaced", "daybook_events",
     PARTLY_ON_SERVERS("CREATE INDEX daybook_events_unplaced"
                       " ON daybook_events (id)"
                       " WHERE position IS NULL")},
    /* The names of the batches that were committed. */
    {"daybook_commits", NULL,
     ON_SERVERS("CREATE TABLE daybook_commits (name VARCHAR(64) NOT NULL"
                " PRIMARY KEY, at INTEGER NOT NULL)")},
    {"daybook_commits_at", "daybook_commits",
     ON_SERVERS("CREATE INDEX daybook_commits_at"
                " ON daybook_commits (at)")},
    /* What a write with an operation key gave, for whoever sends it again. It is the one tree that a key costs a
     * write: old ones are found by their week, and in it keys stand first, since scopes are mostly the same. */
    {"daybook_operations", NULL,
     BOTH("CREATE TABLE daybook_operations (week INTEGER NOT NULL, key TEXT NOT NULL,"
          " scope TEXT NOT NULL, arguments_hash BLOB NOT NULL, result INTEGER,"
          " result_number INTEGER, result_text TEXT, PRIMARY KEY (week, key, scope))"
          " WITHOUT ROWID")},
    /* A row for each successful finished build, by builder and set of (repository, branch, codebase). */
    {"daybook_lineage", NULL,
     BOTH("CREATE TABLE daybook_lineage (builderid INTEGER NOT NULL,"
          " lineage_hash VARCHAR(40) NOT NULL, complete_at INTEGER NOT NULL,"
          " number INTEGER NOT NULL, buildid INTEGER NOT NULL,"
          " PRIMARY KEY (builderid, lineage_hash, complete_at, number)) WITHOUT ROWID")},
    {"daybook_lineage_buildid", "daybook_lineage",
     BOTH("CREATE UNIQUE INDEX daybook_lineage_buildid ON daybook_lineage (buildid)")},
    /* What Buildbot's tables lack: which builds were finished lately; what a build triggered; what a change
     * was built in. A store of our own has the last two under Buildbot's kind of name. */
    {"daybook_builds_complete", "builds",
     ON_BUILDBOTS("CREATE INDEX daybook_builds_complete ON builds (builderid, complete_at)")},
    {"daybook_buildsets_parent", "buildsets",
     ON_BUILDBOTS_KEYS("CREATE INDEX daybook_buildsets_parent ON buildsets (parent_buildid)")},
    {"daybook_buildset_sourcestamps_stamp", "buildset_sourcestamps",
     ON_BUILDBOTS_KEYS("CREATE INDEX daybook_buildset_sourcestamps_stamp ON buildset_sourcestamps "
                       "(sourcestampid)")},
    /* By which what hangs on a build is found when it is deleted, by us and by the server for its foreign keys. */
    {"daybook_buildsets_rebuilt", "buildsets",
     ON_BUILDBOTS_KEYS("CREATE INDEX daybook_buildsets_rebuilt ON buildsets (rebuilt_buildid)")},
    {"daybook_test_result_sets_build", "test_result_sets",
     ON_BUILDBOTS_KEYS(
         "CREATE INDEX daybook_test_result_sets_build ON test_result_sets (buildid)")},
    {"daybook_test_result_sets_step", "test_result_sets",
     ON_BUILDBOTS_KEYS("CREATE INDEX daybook_test_result_sets_step ON test_result_sets (stepid)")},
    {"daybook_test_results_set", "test_results",
     ON_BUILDBOTS_KEYS(
         "CREATE INDEX daybook_test_results_set ON test_results (test_result_setid)")},
    /* The last: with it a database counts as adopted. */
    {"daybook_schema", NULL,
     BOTH("CREATE TABLE daybook_schema (version INTEGER NOT NULL, created_at INTEGER NOT NULL,"
          " created_by TEXT NOT NULL)")},
};
const int dbki_object_count = sizeof dbki_objects / sizeof dbki_objects[0];
_Static_assert(sizeof dbki_objects / sizeof dbki_objects[0] <= DBKI_OBJECTS_MAX, "room for all");
