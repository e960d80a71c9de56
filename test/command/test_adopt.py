"""`daybook adopt`, `release`, `upgrade` and `check`, on copies of a database that a Buildbot master wrote."""

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from harness import PROGRAM, environment, main, run, run_on_terminal
from run_case import wait_until

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data",
                       "buildbot-4.3.sqlite.gz")


class AdoptCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-adopt-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "state.sqlite")
        with gzip.open(FIXTURE) as packed, open(self.path, "wb") as file:
            shutil.copyfileobj(packed, file)
        self.sql("UPDATE masters SET active = 0")

    def sql(self, text):
        db = sqlite3.connect(self.path)
        try:
            rows = db.execute(text).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def schema(self):
        return self.sql("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")

    def daybook(self, *words):
        return run(self.folder, *words, "--db", "state.sqlite")

    def bytes(self):
        with open(self.path, "rb") as file:
            return file.read()


class TestAdopt(AdoptCase):
    def test_dry_run_prints_statements_with_their_cost_and_changes_no_byte(self):
        before = self.bytes()
        done = self.daybook("adopt", "--dry-run")
        self.assertEqual((done.code, done.err), (0, ""))
        builds = self.sql("SELECT count(*) FROM builds")[0][0]
        line = [line for line in done.out.splitlines() if "daybook_builds_complete" in line][0]
        self.assertRegex(line, rf"^CREATE INDEX .*;  -- reads {builds} rows, \d+ KiB$")
        self.assertIn("PRAGMA journal_mode=WAL;", done.out)
        self.assertIn("nothing was changed", done.out)
        self.assertEqual(self.bytes(), before)
        self.assertEqual(os.listdir(self.folder), ["state.sqlite"])

    def test_json_lists_what_was_run(self):
        planned = [row["subject"] for row in self.daybook("adopt", "--dry-run", "--json").json]
        done = self.daybook("adopt", "--json")
        self.assertEqual((done.code, done.err), (0, ""))
        made = {row["subject"] for row in done.json}
        self.assertEqual(planned[:-2] + planned[-1:], [row["subject"] for row in done.json])
        self.assertEqual(planned[-2], "daybook_lineage")  # its rows are no single statement
        names = {name for _, name, _ in self.schema() if name.startswith("daybook")}
        self.assertEqual(made - {"journal"}, names)

    def test_adopted_twice_and_released_twice_it_is_as_before(self):
        before = self.schema()
        self.assertTrue(self.daybook("adopt").out.endswith("\nadopted\n"))
        self.assertEqual(self.daybook("adopt").out, "nothing is to be done\n")
        self.assertTrue(self.daybook("release").out.endswith("\nreleased\n"))
        self.assertEqual(self.schema(), before)
        self.assertEqual(self.sql("PRAGMA journal_mode"), [("delete",)])
        self.assertEqual(self.daybook("release").out, "nothing is to be done\n")

    def test_events_are_listed_only_once_it_is_adopted(self):
        done = self.daybook("events")
        self.assertEqual(done.code, 5)
        self.assertIn("daybook adopt", done.err)
        self.daybook("adopt")
        url = "sqlite:///state.sqlite?writes=existing"
        self.assertEqual(run(self.folder, "properties", "set", "1", "a", "1", "--db", url).code, 0)
        events = self.daybook("events", "--json").json
        self.assertEqual([(e["kind"], e["name"]) for e in events], [("property", "a")])

    def test_beside_a_running_master_it_takes_force(self):
        if tuple(map(int, sqlite3.sqlite_version.split("."))) >= (3, 51, 3):
            self.skipTest("this SQLite has not the fault")
        self.sql("PRAGMA journal_mode=WAL")
        self.sql("UPDATE masters SET active = 1, last_active = strftime('%s', 'now')")
        before = self.schema()
        done = self.daybook("adopt")
        self.assertEqual(done.code, 5)
        self.assertIn("--force", done.err)
        self.assertEqual(self.schema(), before)
        self.assertEqual(self.daybook("adopt", "--force").code, 0)

    def begin(self, word):
        return subprocess.Popen([PROGRAM, word, "--db", "state.sqlite"], cwd=self.folder,
                                env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)

    def expect_adopted(self, child):
        out, err = child.communicate(timeout=60)
        self.assertEqual((child.returncode, err), (0, ""))
        self.assertTrue(out.endswith("\nadopted\n"))
        self.assertEqual(self.daybook("check").out, "nothing was found\n")

    def test_another_programs_lock_is_waited_for(self):
        for lock, is_met in (("BEGIN IMMEDIATE", self.has_turn), ("SELECT * FROM builds", self.has_journal)):
            with self.subTest(lock=lock):
                other = sqlite3.connect(self.path, isolation_level=None)
                rows = other.execute(lock)
                rows.fetchone()
                with self.begin("adopt") as child:
                    wait_until(is_met, "it to meet the lock")
                    rows.close()
                    other.close()
                    self.expect_adopted(child)
                self.assertEqual(self.daybook("release").code, 0)

    def test_what_another_one_makes_meanwhile_is_not_made_twice(self):
        first = self.daybook("adopt", "--dry-run", "--json").json[0]
        other = sqlite3.connect(self.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute(first["statement"])
        with self.begin("adopt") as child:
            wait_until(self.has_turn, "it to meet the lock")
            other.execute("COMMIT")
            other.close()
            self.expect_adopted(child)

    def test_killed_it_goes_on_or_is_released(self):
        before = self.schema()
        for words, expected in ((("adopt",), "adopted"), (("release",), "nothing is to be done")):
            other = sqlite3.connect(self.path, isolation_level=None)
            rows = other.execute("SELECT * FROM builds")
            rows.fetchone()
            with self.begin("adopt") as child:
                wait_until(self.has_journal, "it to meet the lock")
                child.kill()
            rows.close()
            other.close()
            self.assertEqual(self.daybook(*words).out.splitlines()[-1], expected)
            self.assertEqual(self.sql("PRAGMA integrity_check"), [("ok",)])
            self.assertEqual(self.daybook("check").code, 0)
            self.assertEqual(self.daybook("release").code, 0)
            self.assertEqual(self.schema(), before)

    def test_a_commit_that_was_cut_off_is_undone_first(self):
        before = self.schema()
        for word, expected in (("adopt", "adopted"), ("release", "nothing is to be done")):
            with self.subTest(word=word):
                self.cut_off_a_commit()
                self.assertGreater(os.path.getsize(self.path + "-journal"), 0)
                self.assertIn("undone", self.daybook("check").err)
                done = self.daybook(word)
                self.assertEqual((done.code, done.err), (0, ""))
                self.assertEqual(done.out.splitlines()[-1], expected)
                self.assertEqual(self.sql("SELECT count(*) FROM builds WHERE state_string = 'cut'"), [(0,)])
                self.daybook("release")
                self.assertEqual(self.schema(), before)

    def cut_off_a_commit(self):
        """Leaves a journal behind that has to be rolled back: its pages have gone into the file."""
        script = ("import os, sqlite3, sys\n"
                  "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
                  "for sql in ('PRAGMA cache_size = 2', 'BEGIN', 'CREATE TABLE daybook_marks (x)',"
                  " \"UPDATE builds SET state_string = 'cut'\", \"UPDATE steps SET state_string = 'cut'\"):\n"
                  "    db.execute(sql)\n"
                  "os.kill(os.getpid(), 9)\n")
        subprocess.run([sys.executable, "-c", script, self.path], check=False, timeout=60)

    def has_turn(self):
        """Whether somebody has the turn among daybook's processes: SQLite's lock is what he takes next."""
        try:
            inode = os.stat(self.path + "-daybook").st_ino
        except FileNotFoundError:
            return False
        with open("/proc/locks", encoding="ascii") as locks:
            return any(f":{inode} 1 1" in line for line in locks)

    def has_journal(self):
        """Whether somebody has written: what is left to him is the commit, for which readers must go."""
        return os.path.exists(self.path + "-journal")

    def test_a_store_of_daybooks_own_is_5(self):
        run(self.folder, "init", "own.sqlite")
        for word in ("adopt", "release"):
            done = run(self.folder, word, "--db", "own.sqlite")
            self.assertEqual(done.code, 5)
            self.assertIn("own", done.err)
        self.assertEqual(run(self.folder, "upgrade", "--db", "own.sqlite").out,
                         "nothing is to be done\n")


class TestCheck(AdoptCase):
    def test_a_clean_database_is_0(self):
        for words in (("check",), ("adopt",), ("check",)):
            done = self.daybook(*words)
            self.assertEqual((done.code, done.err), (0, ""))
        self.assertEqual(done.out, "nothing was found\n")
        self.assertEqual(self.daybook("check", "--json").json, [])

    def test_dirt_is_1_and_named(self):
        self.sql("UPDATE steps SET buildid = 99990 + id WHERE id BETWEEN 10 AND 29")
        done = self.daybook("check")
        self.assertEqual((done.code, done.err), (1, ""))
        lines = done.out.splitlines()
        self.assertEqual(lines[0], "orphan steps 10: its build 100000 is not there")
        self.assertEqual(lines[10:], ["orphan steps: 10 more (--all prints them)", "20 found"])
        self.assertEqual(len(self.daybook("check", "--all").out.splitlines()), 21)
        found = self.daybook("check", "--json")
        self.assertEqual(found.code, 1)
        self.assertEqual([row["id"] for row in found.json], list(range(10, 30)))
        self.assertEqual({row["problem"] for row in found.json}, {"orphan"})

    def test_what_was_dropped_is_made_again_by_the_command_that_it_names(self):
        self.daybook("adopt")
        self.sql("DROP INDEX daybook_buildsets_parent")
        done = self.daybook("check")
        self.assertEqual(done.code, 1)
        self.assertIn("daybook_buildsets_parent is missing: `daybook adopt`", done.out)
        self.daybook("adopt")
        self.assertEqual(self.daybook("check").code, 0)

    def test_of_a_store_of_daybooks_own_it_names_upgrade(self):
        run(self.folder, "init", "own.sqlite")
        self.path = os.path.join(self.folder, "own.sqlite")
        self.sql("DROP INDEX daybook_lineage_buildid")
        done = run(self.folder, "check", "--db", "own.sqlite")
        self.assertEqual(done.code, 1)
        self.assertIn("`daybook upgrade`", done.out)
        run(self.folder, "upgrade", "--db", "own.sqlite")
        self.assertEqual(run(self.folder, "check", "--db", "own.sqlite").code, 0)

    def test_progress_is_shown_on_a_terminal_alone(self):
        done = run_on_terminal(self.folder, "check", "--db", "state.sqlite")
        self.assertEqual(done.code, 0)
        self.assertRegex(done.out, r"\r\x1b\[K\w+  \d+ of \d+")
        self.assertTrue(done.out.endswith("\r\x1b[Knothing was found\n"))


    def test_what_a_migration_dropped_is_restored_by_the_command_that_it_names(self):
        self.daybook("adopt")
        adopted = self.schema()
        for table in ("builds", "steps"):
            self.migrate(table)
        done = self.daybook("check")
        self.assertEqual((done.code, done.err), (1, ""))
        self.assertEqual(done.out.splitlines()[0],
                         "missing daybook_builds_complete: the index daybook_builds_complete is missing: "
                         "`daybook adopt` makes it again")
        command = done.out.split("`daybook ")[1].split("`")[0]
        self.assertEqual(self.daybook(*command.split()).code, 0)
        self.assertEqual(self.daybook("check").out, "nothing was found\n")
        self.assertEqual([row[:2] for row in self.schema()], [row[:2] for row in adopted])
        self.assertEqual(self.sql("PRAGMA integrity_check"), [("ok",)])

    def migrate(self, table):
        """Copies a table into a new one that takes its name, as Buildbot's migrations do on SQLite."""
        create = self.sql(f"SELECT sql FROM sqlite_master WHERE name = '{table}'")[0][0]
        indexes = self.sql("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
                           f" AND tbl_name = '{table}' AND name NOT LIKE 'daybook%'")
        copy = f"_alembic_tmp_{table}"
        self.sql(f"CREATE TABLE {copy} {create[create.index('('):]}")
        self.sql(f"INSERT INTO {copy} SELECT * FROM {table}")
        self.sql(f"DROP TABLE {table}")
        self.sql(f"ALTER TABLE {copy} RENAME TO {table}")
        for (statement,) in indexes:
            self.sql(statement)

    def test_an_unknown_revision_is_one_warning_and_is_read_on(self):
        self.sql("UPDATE alembic_version SET version_num = '099'")
        done = self.daybook("builds")
        self.assertEqual(done.code, 0)
        self.assertEqual(len(done.err.splitlines()), 1)
        self.assertRegex(done.err, "^daybook: warning: .*099")
        self.assertGreater(len(done.out.splitlines()), 10)


class TestUpgrade(AdoptCase):
    def test_an_older_store_is_refused_until_it_is_brought_up(self):
        run(self.folder, "run", "--db", "own.sqlite", "-b", "x", "--", "true")
        self.path = os.path.join(self.folder, "own.sqlite")
        expected = self.schema()
        self.sql("DROP INDEX daybook_lineage_buildid")
        self.sql("UPDATE daybook_schema SET version = 0")
        done = run(self.folder, "builds", "--db", "own.sqlite")
        self.assertEqual(done.code, 15)
        self.assertIn("daybook upgrade", done.err)
        done = run(self.folder, "upgrade", "--db", "own.sqlite")
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertIn("CREATE UNIQUE INDEX daybook_lineage_buildid", done.out)
        self.assertEqual(self.schema(), expected)
        self.assertEqual(self.sql("SELECT version FROM daybook_schema"), [(2,)])
        self.assertEqual(run(self.folder, "builds", "--db", "own.sqlite").code, 0)

    def test_lineages_that_were_lost_are_filled_again(self):
        for branch in ("a", "b"):
            run(self.folder, "run", "--db", "own.sqlite", "-b", branch, "--", "true")
        self.path = os.path.join(self.folder, "own.sqlite")
        self.sql("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
                 " INSERT INTO builds (number, builderid, buildrequestid, masterid, started_at,"
                 " complete_at, locks_duration_s, state_string, results) SELECT i, b.builderid,"
                 " b.buildrequestid, b.masterid, i, b.complete_at + i, 0, 'x', i % 5 / 4"
                 " FROM n, builds b WHERE b.number = 1")
        self.sql("INSERT INTO daybook_lineage (builderid, lineage_hash, complete_at, number, buildid)"
                 " SELECT b.builderid, l.lineage_hash, b.complete_at, b.number, b.id FROM builds b"
                 " JOIN daybook_lineage l ON l.builderid = b.builderid AND l.number = 1"
                 " WHERE b.number > 1 AND b.results = 0")
        lineages = "SELECT * FROM daybook_lineage ORDER BY buildid"
        expected, schema = self.sql(lineages), self.schema()
        self.assertGreater(len(expected), 700)
        self.sql("DROP TABLE daybook_lineage")
        self.assertIn("the table daybook_lineage is missing: `daybook upgrade`",
                      run(self.folder, "check", "--db", "own.sqlite").out)
        self.assertEqual(run(self.folder, "upgrade", "--db", "own.sqlite").code, 0)
        self.assertEqual(self.sql(lineages), expected)
        self.assertEqual(self.schema(), schema)

    def test_a_newer_one_is_refused(self):
        run(self.folder, "init", "own.sqlite")
        self.path = os.path.join(self.folder, "own.sqlite")
        self.sql("UPDATE daybook_schema SET version = 99")
        before = self.bytes()
        done = run(self.folder, "upgrade", "--db", "own.sqlite")
        self.assertEqual(done.code, 15)
        self.assertIn("newer", done.err)
        self.assertEqual(self.bytes(), before)

    def test_a_database_that_was_not_adopted_has_nothing_to_bring_up(self):
        done = self.daybook("upgrade")
        self.assertEqual(done.code, 5)
        self.assertIn("daybook adopt", done.err)


if __name__ == "__main__":
    sys.exit(main(__name__))
