"""`daybook copy`, from a file to a file: what it takes along, what it refuses, and that a killed one goes on."""

import gzip
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from harness import PROGRAM, environment, main, run, run_on_terminal

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data",
                       "buildbot-4.3.sqlite.gz")
# Of the database that they are in, and not of its records.
NOT_COPIED = ("daybook_schema",)
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"


def rows_of(path):
    """All rows of a database by table, those of its sequences too."""
    db = sqlite3.connect(path)
    try:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
                for name in tables if name not in NOT_COPIED}
    finally:
        db.close()


def schema_of(path):
    db = sqlite3.connect(path)
    try:
        return sorted(db.execute("SELECT type, name, sql FROM sqlite_master").fetchall(), key=repr)
    finally:
        db.close()


class CopyCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-copy-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.source = os.path.join(self.folder, "from.sqlite")
        self.target = os.path.join(self.folder, "to.sqlite")

    def daybook(self, *words, code=0, **more):
        done = run(self.folder, *words, **more)
        self.assertEqual(done.code, code, f"{words}: {done.out}{done.err}")
        return done

    def sql(self, path, statement, *values):
        db = sqlite3.connect(path)
        try:
            rows = db.execute(statement, values).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def record(self):
        """A few builds by way of the command, and what it seldom writes."""
        for builder in ("a", "b", "a"):
            run(self.folder, "run", "--db", self.source, "-b", builder, "--step", "one", "echo hi", "--step", "two", "false")
        run(self.folder, "properties", "set", "a/1", "mood", '"\U0001F600 \\u0000"', "--db", self.source)
        self.sql(self.source, "INSERT INTO build_data (buildid, name, length, source, value)"
                 " VALUES (1, 'bytes', 5, 'test', ?), (1, 'none', 0, 'test', x'')", b"\x00\xff\x00\n\\")
        self.sql(self.source, "INSERT INTO builds SELECT 500, 500, builderid, buildrequestid, NULL, masterid, 5, NULL,"
                 " 0, 'gone', NULL FROM builds WHERE id = 1")
        self.sql(self.source, "DELETE FROM builds WHERE id = 500")  # an id that is not to be given again

    def expect_same(self, target=None):
        expected, actual = rows_of(self.source), rows_of(target or self.target)
        self.assertEqual(expected.keys(), actual.keys())
        for table, rows in expected.items():
            self.assertEqual(rows, actual[table], table)
        self.assertEqual(schema_of(self.source), schema_of(target or self.target))


class TestCopy(CopyCase):
    def test_all_of_a_store_is_in_the_new_one(self):
        self.record()
        done = self.daybook("copy", self.source, self.target)
        self.assertEqual(done.err, "")
        self.assertRegex(done.out, r"^copied \d+ rows in 0:\d\d \(\d+ a second\)\n$")
        self.expect_same()
        self.assertEqual(self.sql(self.target, "SELECT seq FROM sqlite_sequence WHERE name = 'builds'"), [(500,)])
        self.assertEqual(self.daybook("check", "--db", self.target).out, "nothing was found\n")

    def test_what_is_recorded_next_goes_on_where_the_source_was(self):
        self.record()
        self.daybook("copy", self.source, self.target)
        for path in (self.source, self.target):
            run(self.folder, "run", "--db", path, "-b", "a", "--", "true")
        for what in ("SELECT max(id), max(number) FROM builds", "SELECT max(position) FROM daybook_events"):
            self.assertEqual(self.sql(self.source, what), self.sql(self.target, what))

    def test_json_says_how_many_rows_and_how_fast(self):
        self.record()
        done = self.daybook("copy", "--json", self.source, self.target)
        counted = sum(len(rows) for table, rows in rows_of(self.source).items() if table != "sqlite_sequence")
        self.assertEqual(done.json["rows"], counted)
        self.assertEqual(done.json["rows_before"], 0)
        self.assertGreater(done.json["rows_a_second"], 0)

    def test_a_terminal_shows_rows_rate_and_time_left(self):
        self.record()
        done = run_on_terminal(self.folder, "copy", self.source, self.target, columns=120)
        self.assertEqual(done.code, 0)
        self.assertRegex(done.out, r"\r\x1b\[K\d+ of \d+ rows, \d+ a second")

    def test_a_target_that_holds_something_is_4_and_stays_as_it_is(self):
        self.record()
        run(self.folder, "run", "--db", self.target, "-b", "other", "--", "true")
        before = rows_of(self.target)
        done = self.daybook("copy", self.source, self.target, code=4)
        self.assertIn("holds records", done.err)
        self.assertEqual(rows_of(self.target), before)

    def test_a_source_that_is_not_there_is_3_and_makes_nothing(self):
        done = self.daybook("copy", self.source, self.target, code=3)
        self.assertIn("from.sqlite", done.err)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_store_into_itself_is_refused(self):
        self.record()
        before = rows_of(self.source)
        self.daybook("copy", self.source, self.source, code=4)
        self.assertEqual(rows_of(self.source), before)

    def test_a_url_is_missing_is_2(self):
        self.assertIn("something is missing", self.daybook("copy", self.source, code=2).err)


class TestVerify(CopyCase):
    def test_equal_stores_are_0_and_differences_1_each_with_its_name(self):
        self.record()
        self.daybook("copy", self.source, self.target)
        self.assertEqual(self.daybook("copy", "--verify", self.source, self.target).out, "nothing was found\n")
        self.sql(self.target, "UPDATE steps SET state_string = 'x', hidden = 1 WHERE id = 2")
        self.sql(self.target, "DELETE FROM builds WHERE id = 3")
        self.sql(self.target, "INSERT INTO build_properties VALUES (1, 'extra', '1', 'x', 0)")
        self.sql(self.target, "UPDATE build_data SET value = x'00ff000a5d' WHERE name = 'bytes'")
        self.sql(self.target, "UPDATE sqlite_sequence SET seq = 501 WHERE name = 'builds'")
        before = rows_of(self.target)
        done = self.daybook("copy", "--verify", self.source, self.target, code=1)
        self.assertEqual(sorted(done.out.splitlines()), sorted([
            "missing builds 3: it is in the source, and not here",
            "surplus build_properties 1: 'extra': it is here, and not in the source",
            f"different build_data {self.sql(self.target, 'SELECT max(id) - 1 FROM build_data')[0][0]}: not the same: value",
            "different steps 2: not the same: state_string, hidden",
            "different builds: the last id that was given is 501 here, and 500 in the source",
            "5 found"]))
        found = self.daybook("copy", "--verify", "--json", self.target, self.source, code=1).json
        self.assertEqual(sorted(row["problem"] for row in found),
                         ["different", "different", "different", "missing", "surplus"])
        self.assertEqual(rows_of(self.target), before)

    def test_all_rows_of_a_large_key_are_compared(self):
        self.record()
        self.sql(self.source, f"INSERT INTO daybook_operations {NUMBERS} SELECT 2900, 'key ' || i, '', x'00', i, NULL, NULL FROM n",
                 100000)
        self.daybook("copy", self.source, self.target)
        self.sql(self.target, "UPDATE daybook_operations SET result = 0 WHERE key IN ('key 7', 'key 99999')")
        done = self.daybook("copy", "--verify", self.source, self.target, code=1)
        self.assertEqual(sorted(done.out.splitlines()), ["2 found",
                         "different daybook_operations 2900: 'key 7': not the same: result",
                         "different daybook_operations 2900: 'key 99999': not the same: result"])


class TestBuildbot(CopyCase):
    def setUp(self):
        super().setUp()
        with gzip.open(FIXTURE) as packed, open(self.source, "wb") as file:
            shutil.copyfileobj(packed, file)

    def test_what_is_left_behind_is_listed_with_its_rows_before_it_is_done(self):
        done = self.daybook("copy", self.source, self.target, code=5)
        self.assertIn("left schedulers: 7 rows are left behind\n", done.out)
        self.assertIn("--records-only", done.err)
        done = self.daybook("copy", "--records-only", self.source, self.target)
        self.assertIn("left schedulers: 7 rows are left behind\n", done.out)
        self.assertRegex(done.out, r"\ncopied \d{4} rows ")
        self.assertEqual(self.daybook("copy", "--verify", self.source, self.target).out, "nothing was found\n")
        self.assertEqual(self.daybook("check", "--db", self.target).out, "nothing was found\n")
        self.assertEqual(self.sql(self.target, "SELECT count(*) FROM daybook_lineage"),
                         self.sql(self.source, "SELECT count(*) FROM builds WHERE results = 0"))

    def test_what_was_refused_leaves_no_store_that_can_be_used(self):
        self.daybook("copy", self.source, self.target, code=5)
        self.assertIn("being copied", run(self.folder, "builds", "--db", self.target).err)
        self.daybook("copy", "--follow", self.source, self.target, code=5)
        self.sql(self.source, "UPDATE masters SET active = 1, last_active = 2147483647")
        self.assertIn("stop it, copy", self.daybook("copy", "--records-only", self.source, self.target, code=5).err)
        self.assertIn("being copied", run(self.folder, "builds", "--db", self.target).err)
        # Nothing was begun there, so that it may be another source's.
        other = os.path.join(self.folder, "other.sqlite")
        run(self.folder, "run", "--db", other, "-b", "x", "--", "true")
        self.daybook("copy", other, self.target)
        self.assertIn("x/1", self.daybook("builds", "--db", self.target).out)

    def test_json_has_the_findings_and_the_end(self):
        self.sql(self.source, "UPDATE steps SET buildid = 9999 WHERE id = 20")
        done = self.daybook("copy", "--records-only", "--json", self.source, self.target, code=4)
        self.assertFalse(done.json["is_whole"])
        self.assertIn(("orphan", "steps", 20), [(f["problem"], f["subject"], f["id"]) for f in done.json["findings"]])
        done = self.daybook("copy", "--records-only", "--skip-dirty", "--json", self.source, self.target)
        self.assertTrue(done.json["is_whole"])
        self.assertGreater(done.json["rows_before"], 1000)
        missing = self.daybook("copy", "--verify", self.source, self.target, code=1)
        self.assertEqual(missing.out.splitlines(), ["missing steps 20: it is in the source, and not here", "1 found"])


class TestKilled(CopyCase):
    """Copies that are killed. The store is large enough for that."""

    def setUp(self):
        super().setUp()
        self.record()
        for sql in (f"INSERT INTO builds {NUMBERS} SELECT 1000 + i, 1000 + i, 1, 1, 1, 1, 1700000000 + i, NULL, 0, 'x', NULL FROM n",
                    f"INSERT INTO steps {NUMBERS} SELECT 10000 + i, i % 10, 'step ' || (i % 10), 1000 + i / 10, 1, 2, 3,"
                    " 'finished', 0, '[]', 0 FROM n",
                    f"INSERT INTO build_properties {NUMBERS} SELECT 1000 + i / 4, 'name ' || (i % 4), '\"value\"', 'test', i FROM n"):
            self.sql(self.source, sql, 40000 if "INTO builds" not in sql else 4000)

    def begin(self, *words):
        return subprocess.Popen([PROGRAM, "copy", self.source, self.target, *words], cwd=self.folder, env=environment(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def kill_once(self, after_s):
        """Result: whether it was killed, and not over by then; or, the kill before having come after its end, before."""
        with self.begin() as child:
            try:
                _, err = child.communicate(timeout=after_s)
                if child.returncode == 4:
                    self.assertIn("a copy that has ended is complete", err)
                else:
                    self.assertEqual((child.returncode, err), (0, ""))
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
            return child.returncode == -signal.SIGKILL

    def forget_target(self):
        for name in os.listdir(self.folder):
            if name.startswith("to.sqlite"):
                os.unlink(os.path.join(self.folder, name))

    def test_killed_twenty_times_at_random_moments_it_goes_on_to_the_same_contents(self):
        kills = 0
        while kills < 20:
            if self.kill_once(random.uniform(0.01, 0.4)):
                kills += 1
            else:
                self.expect_same()
                self.forget_target()
        while self.kill_once(60):
            pass
        self.expect_same()

    def stop_within(self):
        """Leaves a target behind that is being copied into."""
        after_s = 0.02
        while True:
            self.forget_target()
            if self.kill_once(after_s) and os.path.exists(self.target):
                tables = self.sql(self.target, "SELECT count(*) FROM sqlite_master WHERE name = 'daybook_copy'")
                if tables == [(1,)] and self.sql(self.target, "SELECT sum(copied) FROM daybook_copy")[0][0]:
                    return
            after_s = after_s * 1.2 if after_s < 1 else 0.02

    def test_nobody_opens_what_is_not_whole_and_another_source_is_refused(self):
        self.stop_within()
        copied = self.sql(self.target, "SELECT sum(copied) FROM daybook_copy")[0][0]
        for words in (("builds",), ("upgrade",), ("prune", "--older-than", "9d")):
            done = run(self.folder, *words, "--db", self.target)
            self.assertIn("being copied", done.err, words)
        other = os.path.join(self.folder, "other.sqlite")
        run(self.folder, "run", "--db", other, "-b", "x", "--", "true")
        done = self.daybook("copy", other, self.target, code=4)
        self.assertIn("from.sqlite", done.err)
        done = self.daybook("copy", "--json", self.source, self.target)
        self.assertGreaterEqual(done.json["rows_before"], copied)
        self.expect_same()

    def test_a_source_that_was_written_to_meanwhile_is_4(self):
        self.stop_within()
        run(self.folder, "run", "--db", self.source, "-b", "x", "--", "true")
        done = self.daybook("copy", self.source, self.target, code=4)
        self.assertIn("written to", done.err)
        self.assertIn("cannot be gone on with", run(self.folder, "builds", "--db", self.target).err)
        done = self.daybook("copy", self.source, self.target, code=4)
        self.assertIn("was given up", done.err)


if __name__ == "__main__":
    sys.exit(main(__name__))
