#!/usr/bin/env python3
"""`daybook bench`: made-up histories, and the cost of the reads in them."""

import itertools
import os
import sqlite3
import sys

from harness import StoreCase, main

TABLES = ("builders", "workers", "sourcestamps", "buildrequests", "builds", "steps", "build_properties", "build_data",
          "daybook_lineage")
COUNT = 400
UNTIL = "1700000000"


class TestFill(StoreCase):
    def ask(self, name, statement):
        connection = sqlite3.connect(os.path.join(self.folder, name))
        rows = connection.execute(statement).fetchall()
        connection.close()
        return rows

    def setUp(self):
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))

    def fill(self, name, *words):
        done = self.daybook("bench", "fill", name, "--builds", str(COUNT), "--until", UNTIL, *words)
        self.assertIn(f"{COUNT} builds with 10 steps, 10 properties and 2 values each", done.out)

    def rows(self, name):
        return {table: sorted(self.ask(name, f"SELECT * FROM {table}")) for table in TABLES}

    def test_every_build_but_the_open_ones_has_ten_steps_and_all_have_ten_properties_and_two_values(self):
        self.fill("a.sqlite")
        for table, count in (("steps", "CASE WHEN complete_at IS NULL THEN 3 ELSE 10 END"), ("build_properties", "10"),
                             ("build_data", "2")):
            self.assertEqual(self.ask("a.sqlite", f"SELECT count(*) FROM builds b WHERE {count} !="
                                      f" (SELECT count(*) FROM {table} t WHERE t.buildid = b.id)"), [(0,)])
        self.assertEqual(self.ask("a.sqlite", "SELECT count(*), sum(complete_at IS NULL) FROM builds"), [(COUNT, 5)])

    def test_the_same_seed_makes_the_same_records_and_another_one_others(self):
        self.fill("a.sqlite")
        self.fill("b.sqlite")
        self.fill("c.sqlite", "--seed", "2")
        self.assertEqual(self.rows("a.sqlite"), self.rows("b.sqlite"))
        self.assertNotEqual(self.rows("a.sqlite")["builds"], self.rows("c.sqlite")["builds"])

    def test_one_builder_builds_most_and_failures_come_in_runs(self):
        self.fill("a.sqlite")
        counts = [count for count, in self.ask("a.sqlite", "SELECT count(*) FROM builds GROUP BY builderid ORDER BY 1 DESC")]
        self.assertGreater(counts[0], 5 * counts[len(counts) // 2])
        rows = self.ask("a.sqlite", "SELECT builderid, results FROM builds ORDER BY builderid, number")
        runs = [len(list(run)) for row, run in itertools.groupby(rows) if row[1] == 2]
        self.assertGreaterEqual(max(runs), 4)

    def test_events_have_the_times_of_the_history(self):
        self.fill("a.sqlite")
        oldest, newest = self.ask("a.sqlite", "SELECT min(at), max(at) FROM daybook_events")[0]
        self.assertGreater(oldest, int(UNTIL) - 2 * 86400)
        self.assertLess(newest, int(UNTIL) + 2 * 3600)

    def test_a_store_that_holds_builders_is_left_as_it_is(self):
        self.fill("a.sqlite")
        before = self.rows("a.sqlite")
        done = self.daybook("bench", "fill", "a.sqlite", code=4)
        self.assertIn("into an empty store alone", done.err)
        self.assertEqual(self.rows("a.sqlite"), before)

    def test_a_disk_that_is_too_small_is_said_before_anything_is_written(self):
        done = self.daybook("bench", "fill", "a.sqlite", "--builds", "1000000000000", code=14)
        self.assertIn("there is not enough room", done.err)
        self.assertEqual(self.ask("a.sqlite", "SELECT count(*) FROM builds"), [(0,)])


if __name__ == "__main__":
    sys.exit(main(__name__))
