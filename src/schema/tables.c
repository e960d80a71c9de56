/*
 * The tables of a new store that are Buildbot's, by their names and columns. Their indexes, and daybook's
 * own tables, are in objects.c.
 *
 * What differs from Buildbot's: no id is ever given twice (AUTOINCREMENT); a build has each property
 * once (build_properties is keyed by both, and its position says which were added before others);
 * there are no foreign keys, since every call checks the parents that it names by itself, and nothing
 * cascades.
 */
#include "schema/schema.h"

const char *const dbki_tables[] = {
    /* Who builds, and where. */
    "CREATE TABLE masters (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
    " name_hash VARCHAR(40) NOT NULL, active INTEGER NOT NULL, last_active INTEGER NOT NULL)",
    "CREATE TABLE projects (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
    " name_hash VARCHAR(40) NOT NULL, slug VARCHAR(50) NOT NULL, description TEXT,"
    " description_format TEXT, description_html TEXT)",
    "CREATE TABLE builders (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
    " description TEXT, description_format TEXT, description_html TEXT, projectid INTEGER,"
    " name_hash VARCHAR(40) NOT NULL)",
    "CREATE TABLE builder_masters (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " builderid INTEGER NOT NULL, masterid INTEGER NOT NULL)",
    "CREATE TABLE tags (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
    " name_hash VARCHAR(40) NOT NULL)",
    "CREATE TABLE builders_tags (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " builderid INTEGER NOT NULL, tagid INTEGER NOT NULL)",
    "CREATE TABLE workers (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(50) NOT NULL,"
    " info TEXT NOT NULL, paused SMALLINT DEFAULT 0 NOT NULL, pause_reason TEXT,"
    " graceful SMALLINT DEFAULT 0 NOT NULL)",
    "CREATE TABLE configured_workers (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " buildermasterid INTEGER NOT NULL, workerid INTEGER NOT NULL)",
    "CREATE TABLE connected_workers (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " masterid INTEGER NOT NULL, workerid INTEGER NOT NULL)",

    /* What is built. */
    "CREATE TABLE patches (id INTEGER PRIMARY KEY AUTOINCREMENT, patchlevel INTEGER NOT NULL,"
    " patch_base64 TEXT NOT NULL, patch_author TEXT NOT NULL, patch_comment TEXT NOT NULL,"
    " subdir TEXT)",
    "CREATE TABLE sourcestamps (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " ss_hash VARCHAR(40) NOT NULL, branch VARCHAR(256), revision VARCHAR(256), patchid INTEGER,"
    " repository VARCHAR(512) DEFAULT '' NOT NULL, codebase VARCHAR(256) DEFAULT '' NOT NULL,"
    " project VARCHAR(512) DEFAULT '' NOT NULL, created_at INTEGER NOT NULL)",
    "CREATE TABLE changes (changeid INTEGER PRIMARY KEY AUTOINCREMENT,"
    " author VARCHAR(255) NOT NULL, committer VARCHAR(255), comments TEXT NOT NULL,"
    " branch VARCHAR(255), revision VARCHAR(255), revlink VARCHAR(256),"
    " when_timestamp INTEGER NOT NULL, category VARCHAR(255),"
    " repository VARCHAR(512) DEFAULT '' NOT NULL, codebase VARCHAR(256) DEFAULT '' NOT NULL,"
    " project VARCHAR(512) DEFAULT '' NOT NULL, sourcestampid INTEGER NOT NULL,"
    " parent_changeids INTEGER)",
    "CREATE TABLE change_files (changeid INTEGER NOT NULL, filename VARCHAR(1024) NOT NULL)",
    "CREATE TABLE change_properties (changeid INTEGER NOT NULL,"
    " property_name VARCHAR(256) NOT NULL, property_value TEXT NOT NULL)",
    "CREATE TABLE change_users (changeid INTEGER NOT NULL, uid INTEGER NOT NULL)",

    /* What was asked for. */
    "CREATE TABLE buildsets (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " external_idstring VARCHAR(256), reason VARCHAR(256), submitted_at INTEGER NOT NULL,"
    " complete SMALLINT DEFAULT 0 NOT NULL, complete_at INTEGER, results SMALLINT,"
    " parent_buildid INTEGER, parent_relationship TEXT, rebuilt_buildid INTEGER)",
    "CREATE TABLE buildset_properties (buildsetid INTEGER NOT NULL,"
    " property_name VARCHAR(256) NOT NULL, property_value TEXT NOT NULL)",
    "CREATE TABLE buildset_sourcestamps (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " buildsetid INTEGER NOT NULL, sourcestampid INTEGER NOT NULL)",
    "CREATE TABLE buildrequests (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " buildsetid INTEGER NOT NULL, builderid INTEGER NOT NULL, priority INTEGER DEFAULT 0 NOT NULL,"
    " complete INTEGER DEFAULT 0, results SMALLINT, submitted_at INTEGER NOT NULL,"
    " complete_at INTEGER, waited_for SMALLINT DEFAULT 0)",
    "CREATE TABLE buildrequest_claims (brid INTEGER NOT NULL, masterid INTEGER NOT NULL,"
    " claimed_at INTEGER NOT NULL)",

    /* What was done. */
    "CREATE TABLE builds (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL,"
    " builderid INTEGER NOT NULL, buildrequestid INTEGER NOT NULL, workerid INTEGER,"
    " masterid INTEGER NOT NULL, started_at INTEGER NOT NULL, complete_at INTEGER,"
    " locks_duration_s INTEGER NOT NULL, state_string TEXT NOT NULL, results INTEGER)",
    "CREATE TABLE build_properties (buildid INTEGER NOT NULL, name VARCHAR(256) NOT NULL,"
    " value TEXT NOT NULL, source VARCHAR(256) NOT NULL, position INTEGER DEFAULT 0 NOT NULL,"
    " PRIMARY KEY (buildid, name)) WITHOUT ROWID",
    /* The value stands last: what is before it is read without the value's pages, and a large one can be
     * made empty first and filled piece by piece. */
    "CREATE TABLE build_data (id INTEGER PRIMARY KEY AUTOINCREMENT, buildid INTEGER NOT NULL,"
    " name VARCHAR(256) NOT NULL, length INTEGER NOT NULL, source VARCHAR(256) NOT NULL,"
    " value BLOB NOT NULL)",
    "CREATE TABLE steps (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL,"
    " name VARCHAR(50) NOT NULL, buildid INTEGER NOT NULL, started_at INTEGER,"
    " locks_acquired_at INTEGER, complete_at INTEGER, state_string TEXT NOT NULL,"
    " results INTEGER, urls_json TEXT NOT NULL, hidden SMALLINT DEFAULT 0 NOT NULL)",
    NULL,
};

const struct dbki_new_column dbki_new_columns[] = {
    {"build_properties", "position",
     "ALTER TABLE build_properties ADD COLUMN position INTEGER DEFAULT 0 NOT NULL"},
    {NULL, NULL, NULL},
};

const char *const dbki_columns_used[] = {
    "builders.id",
    "builders.name",
    "builders.name_hash",
    "builders.description",
    "builders.description_format",
    "builders.description_html",
    "builders.projectid",
    "workers.id",
    "workers.name",
    "workers.info",
    "workers.paused",
    "workers.pause_reason",
    "workers.graceful",
    "masters.id",
    "masters.name",
    "masters.name_hash",
    "masters.active",
    "masters.last_active",
    "sourcestamps.id",
    "sourcestamps.ss_hash",
    "sourcestamps.branch",
    "sourcestamps.revision",
    "sourcestamps.patchid",
    "sourcestamps.repository",
    "sourcestamps.codebase",
    "sourcestamps.project",
    "sourcestamps.created_at",
    "changes.changeid",
    "changes.author",
    "changes.committer",
    "changes.comments",
    "changes.branch",
    "changes.revision",
    "changes.revlink",
    "changes.when_timestamp",
    "changes.category",
    "changes.repository",
    "changes.codebase",
    "changes.project",
    "changes.sourcestampid",
    "changes.parent_changeids",
    "buildsets.id",
    "buildsets.external_idstring",
    "buildsets.reason",
    "buildsets.submitted_at",
    "buildsets.complete",
    "buildsets.complete_at",
    "buildsets.results",
    "buildsets.parent_buildid",
    "buildsets.parent_relationship",
    "buildsets.rebuilt_buildid",
    "buildset_sourcestamps.buildsetid",
    "buildset_sourcestamps.sourcestampid",
    "buildrequests.id",
    "buildrequests.buildsetid",
    "buildrequests.builderid",
    "buildrequests.priority",
    "buildrequests.complete",
    "buildrequests.results",
    "buildrequests.submitted_at",
    "buildrequests.complete_at",
    "buildrequests.waited_for",
    "buildrequest_claims.brid",
    "buildrequest_claims.masterid",
    "buildrequest_claims.claimed_at",
    "builds.id",
    "builds.number",
    "builds.builderid",
    "builds.buildrequestid",
    "builds.workerid",
    "builds.masterid",
    "builds.started_at",
    "builds.complete_at",
    "builds.locks_duration_s",
    "builds.state_string",
    "builds.results",
    "build_properties.buildid",
    "build_properties.name",
    "build_properties.value",
    "build_properties.source",
    "build_data.id",
    "build_data.buildid",
    "build_data.name",
    "build_data.value",
    "build_data.length",
    "build_data.source",
    "steps.id",
    "steps.number",
    "steps.name",
    "steps.buildid",
    "steps.started_at",
    "steps.locks_acquired_at",
    "steps.complete_at",
    "steps.state_string",
    "steps.results",
    "steps.urls_json",
    "steps.hidden",
    NULL,
};
