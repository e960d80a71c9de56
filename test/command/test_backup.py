"""`daybook backup`: what is in the file beside writers, that it is restored by putting it there, and that a
killed one does no harm."""

import gzip
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

from harness import DEADLINE_S, PROGRAM, environment, main, run, run_on_terminal

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "buildbot-4.3.sqlite.gz")
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
PART = "to.sqlite-daybook-part"

# Commits a build with two steps at a time, and says which were committed. A checkpoint would race daybook's.
WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("PRAGMA wal_autocheckpoint=0")
number = 1000000
while True:
    number += 1
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at, complete_at,"
               " locks_duration_s, state_string, results) SELECT ?, builderid, buildrequestid, workerid, masterid,"
               " 1, 2, 0, 'written', 2 FROM builds WHERE id = 1", (number,))
    for step in (0, 1):
        db.execute("INSERT INTO steps (number, name, buildid, started_at, complete_at, state_string, results, urls_json, hidden)"
                   " SELECT ?, 'step ' || ?, max(id), 1, 2, 'x', 0, '[]', 0 FROM builds", (step, step))
    db.execute("COMMIT")
    print(number, flush=True)
"""


class BackupCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-backup-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.source = os.path.join(self.folder, "from.sqlite")
        self.place = os.path.join(self.folder, "kept")
        os.mkdir(self.place)
        self.target = os.path.join(self.place, "to.sqlite")

    def daybook(self, *words, code=0, **more):
        done = run(self.folder, *words, **more)
        self.assertEqual(done.code, code, f"{words}: {done.out}{done.err}")
        return done

    def sql(self, path, statement, *values):
        db = sqlite3.connect(path, timeout=60)
        db.execute("PRAGMA wal_autocheckpoint=0")
        try:
            rows = db.execute(statement, values).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def record(self, megabytes=0):
        for builder in ("a", "b", "a"):
            self.daybook("run", "--db", self.source, "-b", builder, "--step", "one", "echo hi", "--step", "two", "true")
        if megabytes:
            self.sql(self.source, f"INSERT INTO build_data (buildid, name, length, source, value) {NUMBERS}"
                     " SELECT 1, 'filler ' || i, 500000, 'test', randomblob(500000) FROM n", 2 * megabytes)

    def restore(self):
        """The way of the manual. Result: the path."""
        path = os.path.join(self.folder, "restored.sqlite")
        shutil.copy(self.target, path)
        return path


class TestBackup(BackupCase):
    def test_beside_heavy_writers_it_holds_all_that_was_acknowledged_before_and_no_half_of_anything(self):
        self.record(megabytes=60)
        with subprocess.Popen([sys.executable, "-c", WRITER, self.source], stdout=subprocess.PIPE, text=True) as writer:
            try:
                for _ in range(50):
                    acknowledged = int(writer.stdout.readline())
                done = run(self.folder, "backup", self.source, self.target)
                later = int(writer.stdout.readline())
                self.assertIsNone(writer.poll())
            finally:
                writer.kill()
                writer.stdout.close()
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertRegex(done.out, r"to\.sqlite: \d+ MiB, copied and checked in 0:\d\d\n$")
        self.assertEqual(os.listdir(self.place), ["to.sqlite"])
        path = self.restore()
        self.assertEqual(self.sql(path, "SELECT count(*) FROM builds WHERE state_string = 'written' AND number <= ?",
                                  acknowledged)[0][0], acknowledged - 1000000)
        self.assertEqual(self.sql(path, "SELECT count(*) FROM builds WHERE state_string = 'written' AND 2 <>"
                                  " (SELECT count(*) FROM steps WHERE steps.buildid = builds.id)"), [(0,)])
        self.assertGreater(later, acknowledged)
        self.assertEqual(self.sql(path, "PRAGMA integrity_check"), [("ok",)])
        self.assertEqual(self.daybook("check", "--db", path).out, "nothing was found\n")
        last = self.sql(path, "SELECT max(number) FROM builds WHERE builderid = 1")[0][0]
        self.daybook("run", "--db", path, "-b", "a", "--", "true")
        self.assertEqual(self.sql(path, "SELECT max(number) FROM builds WHERE builderid = 1"), [(last + 1,)])

    def test_beside_runs_it_holds_what_they_recorded_before(self):
        self.record()
        with subprocess.Popen(["sh", "-c", 'while :; do "$0" run --quiet --db "$1" -b c -- true; done', PROGRAM, self.source],
                              env=environment(), cwd=self.folder, process_group=0) as runs:
            try:
                until = time.monotonic() + DEADLINE_S
                before = 0
                while before < 3 and time.monotonic() < until:
                    before = self.sql(self.source, "SELECT count(*) FROM builds WHERE builderid = 3"
                                      " AND results IS NOT NULL")[0][0]
                self.daybook("backup", self.source, self.target)
            finally:
                os.killpg(runs.pid, signal.SIGKILL)
        self.assertGreaterEqual(before, 3)
        path = self.restore()
        self.assertGreaterEqual(self.sql(path, "SELECT count(*) FROM builds WHERE builderid = 3"
                                         " AND results IS NOT NULL")[0][0], before)
        self.assertEqual(self.daybook("check", "--db", path).out, "nothing was found\n")

    def test_a_restored_store_is_the_one_that_was_backed_up(self):
        self.record()
        self.daybook("backup", self.source, self.target)
        self.assertEqual(self.daybook("copy", "--verify", self.source, self.restore()).out, "nothing was found\n")

    def test_json_says_how_large_it_is(self):
        self.record()
        done = self.daybook("backup", "--json", self.source, self.target)
        self.assertTrue(done.json["is_whole"])
        self.assertEqual(done.json["findings"], [])
        self.assertEqual(done.json["path"], self.target)
        self.assertEqual(done.json["size"], os.path.getsize(self.target))

    def test_a_terminal_shows_how_far_it_is(self):
        self.record()
        done = run_on_terminal(self.folder, "backup", self.source, self.target, columns=120)
        self.assertEqual(done.code, 0)
        self.assertRegex(done.out, r"\r\x1b\[Kchecking: \d+ KiB of \d+ KiB")

    def test_what_is_there_is_only_replaced_by_force(self):
        self.record()
        self.daybook("backup", self.source, self.target)
        before = os.stat(self.target).st_ino
        self.assertIn("--force", self.daybook("backup", self.source, self.target, code=4).err)
        self.assertEqual(os.stat(self.target).st_ino, before)
        self.daybook("backup", "--force", self.source, self.target)
        self.assertNotEqual(os.stat(self.target).st_ino, before)

    def test_a_server_is_5_and_names_its_tools_without_asking_it(self):
        for url, tool in (("postgresql://nobody@127.0.0.1:1/none", "pg_dump"), ("mariadb://127.0.0.1:1/none", "mariabackup")):
            done = self.daybook("backup", url, self.target, code=5)
            self.assertIn(tool, done.err)
            self.assertIn("docs/backup.md", done.err)
        self.assertEqual(os.listdir(self.place), [])

    def test_a_source_that_is_not_there_is_3_and_makes_nothing(self):
        self.daybook("backup", self.source, self.target, code=3)
        self.assertEqual(os.listdir(self.place), [])

    def test_a_disk_that_is_too_small_is_14_and_leaves_nothing(self):
        self.record(megabytes=8)
        # In a mount namespace of its own, with which the disk goes away.
        script = 'mount -t tmpfs -o size=2m none kept && echo mounted; code=0; "$@" >&2 || code=$?; echo $code; ls -A kept'
        done = subprocess.run(["unshare", "-m", "sh", "-uc", script, "sh", PROGRAM, "backup", self.source, self.target],
                              cwd=self.folder, env=environment(), capture_output=True, text=True, check=False,
                              timeout=DEADLINE_S)
        if not done.stdout.startswith("mounted"):
            self.skipTest("this user cannot mount")
        self.assertEqual(done.stdout, "mounted\n14\n")
        self.assertIn("to.sqlite needs", done.stderr)


class TestBuildbot(BackupCase):
    def setUp(self):
        super().setUp()
        with gzip.open(FIXTURE) as packed, open(self.source, "wb") as file:
            shutil.copyfileobj(packed, file)

    def test_a_masters_database_is_copied_as_it_is_and_not_changed(self):
        with open(self.source, "rb") as file:
            before = file.read()
        self.daybook("backup", self.source, self.target)
        with open(self.source, "rb") as file:
            self.assertEqual(file.read(), before)
        self.assertEqual(sorted(os.listdir(self.folder)), ["from.sqlite", "kept"])
        for path in (self.source, self.target):
            db = sqlite3.connect(path)
            dump = "\n".join(db.iterdump())
            db.close()
            if path == self.source:
                expected = dump
        self.assertEqual(dump, expected)

    def test_a_master_that_commits_all_the_time_is_not_kept_waiting(self):
        """It has no write-ahead log: who reads is in the way of who commits."""
        db = sqlite3.connect(self.source, timeout=5)
        with subprocess.Popen([PROGRAM, "backup", self.source, self.target], env=environment(), cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            while child.poll() is None:  # SQLite's "locked" would fail the test here
                db.execute("UPDATE builds SET state_string = 'x' || id")
                db.commit()
            self.assertEqual((child.returncode, child.stderr.read()), (0, ""))
            child.stdout.close()
            child.stderr.close()
        db.close()
        self.assertEqual(self.sql(self.target, "PRAGMA integrity_check"), [("ok",)])


class TestKilled(BackupCase):
    def begin(self):
        return subprocess.Popen([PROGRAM, "backup", self.source, self.target], env=environment(), cwd=self.folder,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_killed_at_random_there_is_no_file_or_a_whole_one_and_the_next_one_leaves_that_alone(self):
        self.record(megabytes=30)
        kills = 0
        while kills < 20:
            with self.begin() as child:
                try:
                    child.wait(random.uniform(0.005, 0.3))
                except subprocess.TimeoutExpired:
                    child.kill()
                    kills += 1
            names = os.listdir(self.place)
            self.assertLessEqual(set(names), {"to.sqlite", PART})
            if "to.sqlite" in names:
                self.assertEqual(self.sql(self.target, "SELECT count(*) FROM build_data WHERE name LIKE 'filler%'"), [(60,)])
                self.assertEqual(self.sql(self.target, "PRAGMA integrity_check"), [("ok",)])
                for name in os.listdir(self.place):
                    os.unlink(os.path.join(self.place, name))
        self.daybook("backup", "--force", self.source, self.target)
        self.assertEqual(os.listdir(self.place), ["to.sqlite"])
        self.assertEqual(self.daybook("copy", "--verify", self.source, self.restore()).out, "nothing was found\n")
        self.assertEqual(self.sql(self.source, "PRAGMA integrity_check"), [("ok",)])

    def test_interrupted_it_leaves_nothing_and_ends_by_the_signal(self):
        self.record(megabytes=30)
        for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            while True:
                with self.begin() as child:
                    until = time.monotonic() + DEADLINE_S
                    while child.poll() is None and not os.path.exists(os.path.join(self.place, PART)):
                        self.assertLess(time.monotonic(), until)
                    child.send_signal(signo)
                    child.wait(DEADLINE_S)
                if child.returncode:
                    break
                os.unlink(self.target)  # it was quicker than that
            self.assertEqual(child.returncode, -signo)
            self.assertEqual(os.listdir(self.place), [])


if __name__ == "__main__":
    sys.exit(main(__name__))
