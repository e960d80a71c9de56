"""The database that bench.py measures on."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

PAGED = 1  # the builder whose builds are added, and shown in pages
BUSY = 2  # the builder with successful builds of other sources
BUSY_BUILDS = 5000
PROPERTIES = 14
WITH_PROPERTIES = 1000  # the newest builds
NOW = 1700000000


@dataclass
class Place:
    """What is asked for and added to: a build and what it hangs on; a builder, and a build of other sources."""

    buildid: int
    builderid: int
    buildrequestid: int
    masterid: int
    busy: int
    other_buildid: int


MADE = Place(77, PAGED, 1, 1, BUSY, 1)


def place_in(conn: Any) -> Place:
    """Chooses one in a real master's database. Runs in the pool of Buildbot's."""
    newest = conn.exec_driver_sql(
        "SELECT id, builderid, buildrequestid, masterid FROM builds ORDER BY id DESC LIMIT 1"
    ).one()
    busy = conn.exec_driver_sql(
        "SELECT builderid FROM builds WHERE results = 0 GROUP BY builderid ORDER BY count(*) DESC LIMIT 1"
    ).scalar()
    other = conn.exec_driver_sql("SELECT min(id) FROM builds").scalar()
    return Place(*newest, busy or newest[1], other)


def copy_database(source: str, target: str) -> None:
    """Copies a database that may be in use."""
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as theirs:
        with sqlite3.connect(target) as ours:
            theirs.backup(ours)
        ours.close()
    theirs.close()


def fill(conn: Any, model: Any, builds: int) -> None:
    """Makes a master's records with so many builds. Runs in the pool of Buildbot's."""
    _add_parents(conn, model)
    first_page = builds - BUSY_BUILDS
    rows = [_build(PAGED, i, 1) for i in range(1, first_page + 1)]
    rows += [_build(BUSY, i, 2) for i in range(1, BUSY_BUILDS + 1)]
    conn.execute(model.builds.insert(), rows)
    newest = builds
    conn.execute(
        model.build_properties.insert(),
        [
            {"buildid": buildid, "name": f"property-{i}", "value": f'"value {i}"', "source": "bench"}
            for buildid in range(newest - WITH_PROPERTIES + 1, newest + 1)
            for i in range(PROPERTIES)
        ],
    )
    conn.commit()


def _add_parents(conn: Any, model: Any) -> None:
    conn.execute(
        model.masters.insert(),
        [{"id": 1, "name": "m", "name_hash": "m", "active": 0, "last_active": 0}],
    )
    conn.execute(model.workers.insert(), [{"id": 1, "name": "w", "info": {}}])
    for number in (PAGED, BUSY):
        conn.execute(
            model.builders.insert(),
            [{"id": number, "name": f"b{number}", "name_hash": f"b{number}"}],
        )
        conn.execute(
            model.sourcestamps.insert(),
            [
                {
                    "id": number,
                    "ss_hash": str(number),
                    "repository": f"r{number}",
                    "codebase": "",
                    "project": "",
                    "created_at": 0,
                }
            ],
        )
        conn.execute(
            model.buildsets.insert(),
            [{"id": number, "reason": "", "submitted_at": 0, "complete": 0}],
        )
        conn.execute(
            model.buildset_sourcestamps.insert(), [{"buildsetid": number, "sourcestampid": number}]
        )
        conn.execute(
            model.buildrequests.insert(),
            [
                {
                    "id": number,
                    "buildsetid": number,
                    "builderid": number,
                    "priority": 0,
                    "complete": 0,
                    "submitted_at": 0,
                    "waited_for": 0,
                }
            ],
        )


def _build(builderid: int, number: int, buildrequestid: int) -> dict:
    return {
        "builderid": builderid,
        "number": number,
        "buildrequestid": buildrequestid,
        "workerid": 1,
        "masterid": 1,
        "started_at": NOW + number,
        "complete_at": NOW + number + 10,
        "locks_duration_s": 0,
        "state_string": "finished",
        "results": 0,
    }
