#!/usr/bin/env python3
"""`daybook bench`: made-up histories, and the cost of the reads in them."""

import itertools
import os
import re
import sqlite3
import sys

from harness import StoreCase, main, run

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
        """All, but for the moment at which a property was added."""
        columns = {"build_properties": "buildid, name, value, source"}
        return {table: sorted(self.ask(name, f"SELECT {columns.get(table, '*')} FROM {table}")) for table in TABLES}

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


class TestReport(StoreCase):
    HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../include/daybook.h")

    @classmethod
    def record(cls):
        for name, count in (("small.sqlite", 60), ("large.sqlite", 600)):
            run(cls.folder, "bench", "fill", name, "--builds", str(count), "--until", UNTIL)

    def test_every_read_of_the_library_is_timed_in_every_store(self):
        done = run(self.folder, "bench", "report", "--rounds", "1", "--json", "small.sqlite", "large.sqlite")
        self.assertIn(done.code, (0, 1), done.err)
        reads = done.json["reads"]
        with open(self.HEADER, encoding="utf-8") as header:
            calls = set(re.findall(r"DBK_API int dbk_((?:get|find|read)_\w+)\(struct dbk_store", header.read()))
        self.assertEqual(calls - {re.match(r"\w+", read["read"])[0] for read in reads}, set())
        for read in reads:
            self.assertEqual([store["builds"] for store in read["stores"]], [60, 600], read)
            self.assertTrue(all(store["median_us"] > 0 for store in read["stores"]), read)
            grows = read["growth"] > 1.5 and read["kind"] != "free"
            self.assertTrue(read["grows"] == grows or abs(read["growth"] - 1.5) < 0.001, read)
        self.assertEqual(done.code, 1 if any(read["grows"] for read in reads) else 0)
        self.assertTrue(any(read["read"].startswith("GET builds/") for read in reads))

    def test_a_store_with_gaps_between_its_builds_is_measured_by_those_that_are_there(self):
        run(self.folder, "bench", "fill", "gaps.sqlite", "--builds", "100", "--until", UNTIL)
        connection = sqlite3.connect(os.path.join(self.folder, "gaps.sqlite"))
        for table, column in (("builds", "id"), ("steps", "buildid"), ("build_properties", "buildid"), ("build_data", "buildid"),
                              ("daybook_lineage", "buildid")):
            connection.execute(f"DELETE FROM {table} WHERE {column} % 7 < 3 AND {column} < 90")
        count, = connection.execute("SELECT count(*) FROM builds").fetchone()
        connection.commit()
        connection.close()
        done = run(self.folder, "bench", "report", "--rounds", "1", "--json", "--only", "get_build", "gaps.sqlite", "large.sqlite")
        self.assertIn(done.code, (0, 1), done.err)
        self.assertEqual([store["builds"] for store in done.json["reads"][0]["stores"]], [count, 600])

    def test_what_grows_with_the_store_is_seen_to_grow(self):
        done = self.daybook("bench", "report", "--rounds", "3", "--json", "--only", "a text that none has",
                            "small.sqlite", "large.sqlite")
        read, = done.json["reads"]
        self.assertGreater(read["growth"], 1.5)

    def test_stores_in_the_wrong_order_and_one_alone_are_refused(self):
        done = self.daybook("bench", "report", "large.sqlite", "small.sqlite", code=2)
        self.assertIn("in order of their size", done.err)
        self.daybook("bench", "report", "small.sqlite", code=2)


if __name__ == "__main__":
    sys.exit(main(__name__))
