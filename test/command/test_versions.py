#!/usr/bin/env python3
"""A store of another version of the tables: what this daybook does there, and what a daybook that has it open does
when its tables are brought up under it.

What an older daybook did is done by hand here: version 1 had no order of properties and two indexes less, and its
writers name the columns that they know. What a newer one will do is a column, an index and another version.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from harness import DEADLINE_S, main, run
from server import Daemon

TO_VERSION_1 = ("ALTER TABLE build_properties DROP COLUMN position", "DROP INDEX builds_results", "DROP INDEX builds_complete",
                "UPDATE daybook_schema SET version = 1")
TO_NEWER = ("ALTER TABLE builds ADD COLUMN flavour INTEGER DEFAULT 0 NOT NULL", "CREATE INDEX builds_flavour ON builds (flavour)",
            "UPDATE daybook_schema SET version = version + 1")
INDEXES = ("builds_results", "builds_complete")
BESIDE_S = 3  # how long somebody goes on writing after an upgrade

# An older daybook: a build with a property a commit, and says which were committed. A checkpoint would race ours.
OLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("PRAGMA wal_autocheckpoint=0")
while True:
    db.execute("BEGIN IMMEDIATE")
    id = db.execute("INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at, complete_at,"
                    " locks_duration_s, state_string, results) SELECT (SELECT max(number) + 1 FROM builds WHERE builderid ="
                    " b.builderid), builderid, buildrequestid, workerid, masterid, 1, 2, 0, 'written', 2 FROM builds b"
                    " WHERE id = 1").lastrowid
    db.execute("INSERT INTO build_properties (buildid, name, value, source) VALUES (?, 'n', ?, 'older')", (id, str(id)))
    db.execute("COMMIT")
    print(id, flush=True)
"""


class VersionCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-versions-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "daybook.sqlite")
        self.record()
        self.daybook("properties", "set", "b/1", "z", "1")
        self.daybook("properties", "set", "b/1", "a", "2")

    def daybook(self, *words, code=0):
        """With what it keeps of runs in the folder, too."""
        done = run(self.folder, *words, XDG_STATE_HOME=os.path.join(self.folder, "state"))
        self.assertEqual(done.code, code, f"{words}: {done.out}{done.err}")
        return done

    def record(self):
        return self.daybook("run", "--builder", "b", "--step", "one", "echo hello")

    def sql(self, *statements, path=None):
        """Result: the rows of the last one."""
        db = sqlite3.connect(path or self.db, timeout=60)
        db.execute("PRAGMA wal_autocheckpoint=0")
        try:
            for statement in statements:
                rows = db.execute(statement).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def version(self, path=None):
        return self.sql("SELECT version FROM daybook_schema", path=path)[0][0]

    def expect_refused(self, words, *calls):
        """Each ends with 15 and these words, and the records stay as they are."""
        count = "SELECT (SELECT count(*) FROM builds), (SELECT count(*) FROM steps), (SELECT count(*) FROM build_properties)"
        before = self.sql(count)
        for call in calls:
            err = self.daybook(*call, code=15).err
            for word in words:
                self.assertIn(word, err, call)
        self.assertEqual(self.sql(count), before)


CALLS = (("builds",), ("build", "b/1"), ("properties", "set", "b/1", "x", "1"), ("data", "put", "b/1", "x"), ("check",),
         ("prune", "--older-than", "1d"), ("erase", "b/1", "--contents"), ("abandon", "--master", "x"), ("init",), ("serve",))


class TestOlder(VersionCase):
    def setUp(self):
        super().setUp()
        self.sql(*TO_VERSION_1)

    def test_it_is_refused_with_the_way_out_and_stays_as_it_is(self):
        self.expect_refused(("older version", "`daybook upgrade`"), *CALLS, ("copy", "--follow", self.db, "to.sqlite"))
        self.assertEqual(self.version(), 1)

    def test_a_run_is_kept_until_the_upgrade(self):
        self.assertIn("`daybook upgrade`", self.record().err)
        self.assertEqual(self.sql("SELECT count(*) FROM builds"), [(1,)])
        self.daybook("upgrade")
        self.record()
        self.assertEqual(self.sql("SELECT count(*) FROM builds"), [(3,)])

    def test_it_is_backed_up_as_it_is_and_the_copy_is_upgraded_on_its_own(self):
        copy = os.path.join(self.folder, "copy.sqlite")
        done = self.daybook("backup", self.db, copy)
        self.assertEqual(done.err, "")
        self.assertEqual((self.version(), self.version(copy)), (1, 1))
        self.assertEqual(self.sql("SELECT * FROM build_properties", path=copy), self.sql("SELECT * FROM build_properties"))
        self.daybook("upgrade", "--db", copy)
        self.assertEqual((self.version(), self.version(copy)), (1, 2))
        self.assertEqual(self.daybook("check", "--db", copy).out, "nothing was found\n")
        self.daybook("properties", "set", "b/1", "k", "3", "--db", copy)

    def test_it_is_copied_into_a_store_of_this_version(self):
        copy = os.path.join(self.folder, "copy.sqlite")
        self.daybook("copy", self.db, copy)
        self.assertEqual((self.version(), self.version(copy)), (1, 2))
        self.assertEqual(self.daybook("copy", "--verify", self.db, copy).out, "nothing was found\n")
        self.assertEqual(self.daybook("check", "--db", copy).out, "nothing was found\n")
        self.assertEqual(self.daybook("properties", "get", "b/1", "z", "--db", copy).out, "1\n")


class TestNewer(VersionCase):
    def test_it_is_refused_by_everything_and_stays_as_it_is(self):
        self.sql(*TO_NEWER)
        to = os.path.join(self.folder, "to.sqlite")
        self.expect_refused(("made by a newer daybook", "use the newer one"), *CALLS, ("upgrade",), ("backup", self.db, to),
                            ("copy", self.db, to))
        self.assertFalse(os.path.exists(to))
        self.assertEqual(self.version(), 3)


class TestBesideAnUpgrade(VersionCase):
    """Somebody writes when the tables are brought up, and goes on."""

    def test_an_older_daybook_goes_on_and_nothing_of_it_is_lost(self):
        self.sql(*TO_VERSION_1)
        log = os.path.join(self.folder, "acknowledged")
        with open(log, "wb") as out, subprocess.Popen([sys.executable, "-c", OLDER, self.db], stdout=out,
                                                      stderr=subprocess.PIPE, text=True) as older:
            try:
                self.wait_until(lambda: len(self.lines(log)) >= 20 or older.poll() is not None)
                self.daybook("backup", self.db, os.path.join(self.folder, "before.sqlite"))
                self.daybook("upgrade")
                before = self.lines(log)
                recorded, until = 0, time.monotonic() + BESIDE_S
                while time.monotonic() < until:
                    self.record()
                    recorded += 1
            finally:
                alive = older.poll() is None
                older.kill()
                said = older.communicate(timeout=DEADLINE_S)[1]
        self.assertEqual((alive, said), (True, ""))
        acknowledged = set(self.lines(log))
        self.assertGreater(len(acknowledged), len(before))
        written = {row[0] for row in self.sql("SELECT id FROM builds JOIN build_properties ON buildid = id AND value = id"
                                              " WHERE state_string = 'written'")}
        # The one that it was killed at may be there, and not said.
        self.assertLessEqual(acknowledged, written)
        self.assertLessEqual(len(written), len(acknowledged) + 1)
        self.assertEqual(self.sql("SELECT count(*) FROM builds"), [(1 + recorded + len(written),)])
        self.assertEqual(self.sql("SELECT count(DISTINCT number), max(number) FROM builds"), [(1 + recorded + len(written),) * 2])
        self.assertEqual(self.version(), 2)
        self.expect_whole()

    def lines(self, path):
        """The numbers in a file's whole lines."""
        with open(path, encoding="ascii") as file:
            return [int(line) for line in file if line.endswith("\n")]

    def expect_whole(self):
        self.assertEqual(self.sql("PRAGMA integrity_check"), [("ok",)])
        self.assertEqual(self.daybook("check").out, "nothing was found\n")

    def beside(self, upgrade):
        """A daemon is written to by two while upgrade() is done, and some seconds more. Result: the builds that were
        acknowledged."""
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
        acknowledged, refused, is_over = [], [], threading.Event()

        def write(builder):
            while not is_over.is_set():
                answer = daemon.write("POST", f"builders/{builder}/builds",
                                      {"results": 0, "properties": {"n": [1, "test"]}, "steps": [{"name": "one", "results": 0}]})
                (acknowledged if answer.status in (200, 201) else refused).append(answer.body)

        writers = [threading.Thread(target=write, args=(name,)) for name in ("c", "d")]
        try:
            for writer in writers:
                writer.start()
            self.wait_until(lambda: refused or len(acknowledged) >= 20)
            upgrade()
            time.sleep(BESIDE_S)
            before = len(acknowledged)
            self.wait_until(lambda: refused or len(acknowledged) > before)
        finally:
            is_over.set()
            for writer in writers:
                writer.join(DEADLINE_S)
            code, said = daemon.stop()
        self.assertEqual((refused, code, said), ([], 0, ""))
        return len(acknowledged)

    def wait_until(self, is_so):
        until = time.monotonic() + DEADLINE_S
        while not is_so():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)

    def test_a_daemon_goes_on_while_indexes_are_made_again(self):
        self.sql(*(f"DROP INDEX {name}" for name in INDEXES))
        count = self.beside(lambda: self.daybook("upgrade"))
        self.assertEqual(self.sql("SELECT count(*) FROM builds"), [(count + 1,)])
        self.assertEqual(self.sql("SELECT count(*) FROM sqlite_master WHERE name IN ('builds_results', 'builds_complete')"), [(2,)])
        self.expect_whole()

    def test_a_daemon_goes_on_when_a_newer_daybook_brings_the_tables_up(self):
        """This daybook is the older one here. Who opens the store then is told."""
        count = self.beside(lambda: self.sql(*TO_NEWER))
        self.assertEqual(self.sql("SELECT count(*), count(DISTINCT builderid || ' ' || number) FROM builds"),
                         [(count + 1, count + 1)])
        self.assertEqual(self.sql("SELECT count(*) FROM build_properties WHERE name = 'n'"), [(count,)])
        self.expect_refused(("made by a newer daybook",), ("builds",))
        self.sql("DROP INDEX builds_flavour", "ALTER TABLE builds DROP COLUMN flavour", "UPDATE daybook_schema SET version = 2")
        self.expect_whole()


if __name__ == "__main__":
    sys.exit(main(__name__))
