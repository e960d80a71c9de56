"""`daybook check --repair`: what is printed and mended in a store, and printed alone of a master's database."""

import gzip
import os
import shutil
import sqlite3
import sys
import tempfile
import unittest

from harness import main, run

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "buildbot-4.3.sqlite.gz")


class RepairCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-repair-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "daybook.sqlite")

    def check(self, *words, code=0):
        done = run(self.folder, "check", *words)
        self.assertEqual((done.code, done.err), (code, ""), f"{words}: {done.out}{done.err}")
        return done

    def sql(self, *statements):
        db = sqlite3.connect(self.path)
        try:
            db.execute("PRAGMA wal_autocheckpoint=0")
            for statement in statements:
                rows = db.execute(statement).fetchall()
            db.commit()
            return rows
        finally:
            db.close()


class TestStore(RepairCase):
    def setUp(self):
        super().setUp()
        for _ in range(2):
            run(self.folder, "run", "-b", "a", "--step", "one", "echo hi", "--step", "two", "true")
        self.assertEqual(self.check().out, "nothing was found\n")

    def damage(self):
        self.sql("UPDATE build_data SET length = 99 WHERE id = 1", "UPDATE steps SET buildid = 999 WHERE id IN (3, 4)")

    def test_what_was_mended_is_printed_and_nothing_is_found_then(self):
        self.damage()
        self.assertEqual(self.check("--repair").out.splitlines(), [
            "orphan steps 3: its build 999 is not there",
            "orphan steps 4: its build 999 is not there",
            "length build_data 1: length says 99, but the value has 3 bytes: setting it anew mends that",
            "mended 2 in steps: DELETE FROM steps WHERE steps.buildid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM builds p"
            " WHERE p.id = steps.buildid);",
            "mended 1 in build_data: UPDATE build_data AS t SET length = CASE typeof(t.value) WHEN 'blob' THEN"
            " length(t.value) ELSE length(CAST(t.value AS BLOB)) END WHERE t.length IS NOT CASE typeof(t.value) WHEN 'blob'"
            " THEN length(t.value) ELSE length(CAST(t.value AS BLOB)) END;",
            "3 found, 0 of them not mended"])
        self.assertEqual(self.check().out, "nothing was found\n")
        self.assertEqual(self.sql("SELECT group_concat(id) FROM steps"), [("1,2",)])
        self.assertEqual(self.check("--repair").out, "nothing was found\n")

    def test_a_dry_run_changes_nothing_and_is_1(self):
        self.damage()
        done = self.check("--repair", "--dry-run", code=1)
        self.assertIn("\nwould mend 2 in steps: DELETE FROM steps ", done.out)
        self.assertTrue(done.out.endswith("\nnothing was changed (--dry-run)\n"), done.out)
        self.assertEqual(self.sql("SELECT count(*) FROM steps"), [(4,)])

    def test_what_is_left_is_counted_and_is_1(self):
        self.damage()
        self.sql("UPDATE builds SET builderid = 77 WHERE id = 2")
        done = self.check("--repair", code=1)
        self.assertIn("orphan builds 2: its builder 77 is not there", done.out)
        self.assertIn("\n4 found, 1 of them not mended\n", done.out)
        self.assertIn("orphan builds 2", self.check(code=1).out)

    def test_json_has_the_findings_and_the_statements(self):
        self.damage()
        rows = self.check("--repair", "--json").json
        self.assertEqual([(row.get("problem"), row["subject"], row.get("rows"), row.get("is_done")) for row in rows], [
            ("orphan", "steps", None, None), ("orphan", "steps", None, None), ("length", "build_data", None, None),
            (None, "steps", 2, True), (None, "build_data", 1, True)])

    def test_dry_run_alone_is_a_wrong_use(self):
        self.assertIn("--repair", run(self.folder, "check", "--dry-run").err)


class TestBuildbot(RepairCase):
    def setUp(self):
        super().setUp()
        with gzip.open(FIXTURE) as packed, open(self.path, "wb") as file:
            shutil.copyfileobj(packed, file)

    def test_the_sql_is_printed_and_not_run_and_mends_it(self):
        self.sql("UPDATE steps SET buildid = 999999 WHERE id = 7",
                 "INSERT INTO build_properties VALUES (5, 'a', '1', 's'), (5, 'a', '2', 's')")
        with open(self.path, "rb") as file:
            before = file.read()
        done = self.check("--repair", code=1)
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), before)
        self.assertIn("-- would mend 1 in steps:\nDELETE FROM steps ", done.out)
        self.assertIn("nothing was changed: run these yourself", done.out)
        statements = [line for line in done.out.splitlines() if line.startswith(("DELETE", "UPDATE"))]
        self.assertEqual(len(statements), 2)
        self.sql(*statements)
        self.assertEqual(self.check().out, "nothing was found\n")


if __name__ == "__main__":
    sys.exit(main(__name__))
