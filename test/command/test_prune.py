#!/usr/bin/env python3
"""`daybook prune`: deletes the build data of old builds and no more, and gives their space back."""

import gzip
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

from harness import DEADLINE_S, PROGRAM, StoreCase, environment, main, run, run_on_terminal

DAY = 24 * 3600
FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/buildbot-4.3.sqlite.gz")


class Case(StoreCase):
    def put(self, build, name, size):
        self.daybook("data", "put", build, name, stdin=os.urandom(size))

    def age(self, builder, days):
        """Makes a builder's builds so old."""
        self.sql("UPDATE builds SET complete_at = ? WHERE builderid ="
                 " (SELECT id FROM builders WHERE name = ?)", int(time.time()) - days * DAY, builder)

    def data(self):
        return {(row[0], row[1]) for row in self.sql(
            "SELECT r.name, d.name FROM build_data d JOIN builds b ON b.id = d.buildid"
            " JOIN builders r ON r.id = b.builderid")}


class TestPrune(Case):
    def setUp(self):
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        for name in ("old", "young"):
            self.build(name, ("s", "echo said"))
            self.put(name, "file", 3000000)
        self.age("old", 31)
        self.age("young", 29)

    def test_data_of_old_builds_go_and_all_else_stays(self):
        self.build("open", ("s", "true"))
        self.put("open", "file", 1000)
        self.age("open", 100)
        self.sql("UPDATE builds SET complete_at = NULL, results = NULL, started_at = 1 WHERE"
                 " builderid = (SELECT id FROM builders WHERE name = 'open')")
        before = self.data()
        rows = self.sql("SELECT count(*) FROM builds") + self.sql("SELECT count(*) FROM steps")
        done = self.daybook("prune", "--older-than", "30d")
        self.assertIn("deleted 2 values (2.9 MiB)", done.out)
        self.assertIn("smaller", done.out)
        self.assertEqual(done.err, "")
        self.assertEqual(self.data(), {row for row in before if row[0] != "old"})
        self.assertEqual(rows, self.sql("SELECT count(*) FROM builds") +
                         self.sql("SELECT count(*) FROM steps"))
        self.assertEqual(self.sql("PRAGMA integrity_check"), [("ok",)])

    def test_the_file_shrinks_by_what_it_says(self):
        path = os.path.join(self.folder, "daybook.sqlite")
        self.daybook("builds")
        before = os.path.getsize(path)
        found = self.daybook("prune", "--older-than", "30d", "--json").json
        self.assertEqual(found["value_count"], 2)
        self.assertEqual(found["value_size"], 3000000 + len("said\n"))
        self.assertGreaterEqual(found["shrunk"], 2900000)
        self.assertEqual(os.path.getsize(path), before - found["shrunk"])
        again = self.daybook("prune", "--older-than", "30d", "--json").json
        self.assertEqual((again["value_count"], again["value_size"], again["shrunk"]), (0, 0, 0))

    def test_dry_run_says_the_same_and_deletes_nothing(self):
        before = self.data()
        dry = self.daybook("prune", "--older-than", "30d", "--dry-run", "--json").json
        self.assertEqual(self.data(), before)
        wet = self.daybook("prune", "--older-than", "30d", "--json").json
        self.assertEqual((dry["dry_run"], wet["dry_run"]), (True, False))
        self.assertEqual((dry["value_count"], dry["value_size"]),
                         (wet["value_count"], wet["value_size"]))
        self.assertIn("would delete 0 values",
                      self.daybook("prune", "--older-than", "30d", "--dry-run").out)

    def test_units_are_minutes_hours_days_and_weeks(self):
        for age, count in (("5w", 0), ("32d", 0), ("749h", 0), ("30d", 2), ("42000m", 2), ("4w", 4)):
            done = self.daybook("prune", "--dry-run", "--json", "--older-than", age)
            self.assertEqual(done.json["value_count"], count, age)
            self.assertAlmostEqual(done.json["older_than"], time.time() - int(age[:-1]) * {
                "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}[age[-1]], delta=60)

    def test_what_is_no_age_is_2_and_deletes_nothing(self):
        before = self.data()
        for words in ([], ["--older-than"], ["--older-than", "30"], ["--older-than", "0d"],
                      ["--older-than", "-1d"], ["--older-than", "d"], ["--older-than", "30x"],
                      ["--older-than", "1.5d"], ["--older-than", "30d12h"], ["--older-than", ""],
                      ["--older-than", "30 d"], ["--older-than", "30D"],
                      ["--older-than", "99999999999999999999d"], ["--older-than", "36601d"],
                      ["--older-than", "30d", "more"]):
            done = self.daybook("prune", *words, code=2)
            self.assertEqual(done.out, "", words)
            self.assertEqual(done.err.count("\n"), 1, done.err)
        self.assertEqual(self.data(), before)

    def test_progress_is_for_terminals(self):
        done = run_on_terminal(self.folder, "prune", "--older-than", "30d")
        self.assertIn("deleting: 0 of 2 values (2.9 MiB in all)", done.out)
        self.assertIn("\r\033[Kdeleted 2 values", done.out)

    def test_beside_a_writer_both_come_to_their_end(self):
        for i in range(40):
            self.put("old", f"more{i}", 300000)
        self.age("old", 31)
        stop = threading.Event()
        failed = []

        def write():
            while not stop.is_set():
                done = run(self.folder, "properties", "set", "young", "x", '"y"')
                if done.code:
                    failed.append(done.err)

        writer = threading.Thread(target=write)
        writer.start()
        found = self.daybook("prune", "--older-than", "30d", "--json").json
        stop.set()
        writer.join()
        self.assertEqual((found["value_count"], failed), (42, []))
        self.assertEqual(self.sql("PRAGMA integrity_check"), [("ok",)])

    def test_interrupted_it_leaves_a_whole_store_and_can_be_run_again(self):
        for i in range(60):
            self.put("old", f"more{i}", 1000000)
        self.age("old", 31)
        with subprocess.Popen([PROGRAM, "prune", "--older-than", "30d"], cwd=self.folder,
                              env=environment(), stdout=subprocess.DEVNULL) as child:
            while child.poll() is None and len(self.data()) > 50:
                pass
            child.send_signal(signal.SIGINT)
            child.wait(DEADLINE_S)
        self.assertEqual(self.sql("PRAGMA integrity_check"), [("ok",)])
        self.daybook("prune", "--older-than", "30d")
        self.assertEqual({row[0] for row in self.data()}, {"young"})


class TestBuildbot(Case):
    def test_a_buildbot_database_is_pruned_only_when_its_url_says_so(self):
        path = os.path.join(self.folder, "state.sqlite")
        with gzip.open(FIXTURE) as packed, open(path, "wb") as file:
            file.write(packed.read())
        connection = sqlite3.connect(path)
        count = connection.execute("SELECT count(*) FROM build_data").fetchone()[0]
        self.assertGreater(count, 0)
        dry = self.daybook("prune", "--older-than", "1m", "--dry-run", "--json", "--db", path).json
        self.assertGreater(dry["value_count"], 0)
        self.assertIn("?writes=existing",
                      self.daybook("prune", "--older-than", "1m", "--db", path, code=6).err)
        self.assertEqual(connection.execute("SELECT count(*) FROM build_data").fetchone()[0], count)
        found = self.daybook("prune", "--older-than", "1m", "--json", "--db",
                             f"sqlite:///{path}?writes=existing").json
        self.assertEqual(found["value_count"], dry["value_count"])
        self.assertEqual(connection.execute("SELECT count(*) FROM build_data").fetchone()[0],
                         count - found["value_count"])
        connection.close()


if __name__ == "__main__":
    sys.exit(main(__name__))
