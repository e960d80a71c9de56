#!/usr/bin/env python3
"""`daybook prune`: deletes the build data of old builds and no more, and gives their space back."""

import gzip
import os
import random
import shutil
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


class TestRules(Case):
    """Builds are put into the tables by hand, as many as it takes."""

    def fill(self, count, values=1):
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        self.daybook("init")
        now = int(time.time())
        connection = sqlite3.connect(os.path.join(self.folder, "daybook.sqlite"))
        run_sql = connection.execute
        for table in ("builds", "steps", "build_properties", "build_data", "buildrequests", "buildsets",
                      "daybook_lineage", "builders", "masters", "daybook_events"):
            run_sql(f"DELETE FROM {table}")
        run_sql("INSERT INTO masters VALUES (1, 'm', 'm', 0, 0)")
        for builder, name in ((1, "linux"), (2, "nightly")):
            run_sql("INSERT INTO builders (id, name, name_hash) VALUES (?, ?, ?)", (builder, name, name))
        for number in range(1, count + 1):
            age = (count - number) * 100 // count
            at = now - age * DAY - 2 * DAY - DAY // 2
            for builder in (1, 2):
                build = 2 * number + builder
                results = 2 if number % 7 else 0
                run_sql("INSERT INTO buildsets (id, submitted_at, complete, complete_at, results)"
                        " VALUES (?, ?, 1, ?, ?)", (build, at, at, results))
                run_sql("INSERT INTO buildrequests (id, buildsetid, builderid, complete, results, submitted_at,"
                        " complete_at) VALUES (?, ?, ?, 1, ?, ?, ?)", (build, build, builder, results, at, at))
                run_sql("INSERT INTO builds VALUES (?, ?, ?, ?, NULL, 1, ?, ?, 0, '', ?)",
                        (build, number, builder, build, at, at, results))
                if not results:
                    run_sql("INSERT INTO daybook_lineage VALUES (?, 'h', ?, ?, ?)", (builder, at, number, build))
                if number % 11 == 0:
                    run_sql("INSERT INTO build_properties VALUES (?, 'keep', 'true', '', 0)", (build,))
                for i in range(5):
                    run_sql("INSERT INTO steps (number, name, buildid, state_string, urls_json)"
                            " VALUES (?, ?, ?, '', '[]')", (i, str(i), build))
                    run_sql("INSERT INTO build_properties VALUES (?, ?, '1', '', 0)", (build, str(i)))
                for i in range(values):
                    run_sql("INSERT INTO build_data (buildid, name, length, source, value)"
                            " VALUES (?, ?, 2000, '', zeroblob(2000))", (build, f"log/{i}"))
        connection.commit()
        connection.close()

    def dump(self):
        """All records; events are of what went when, in several runs more than in one."""
        return {table: self.sql(f"SELECT * FROM {table} ORDER BY 1, 2") for table in (
            "builds", "steps", "build_properties", "build_data", "buildrequests", "buildsets", "daybook_lineage")}

    RULES = ("--builds", "linux older 30d keep 10 failures 50d", "--builds", "* keep 20", "--outputs", "* older 10d")

    def test_dry_run_says_the_same_as_the_run_and_deletes_nothing(self):
        self.fill(60)
        before = self.dump()
        dry = self.daybook("prune", "--dry-run", "--json", *self.RULES).json
        self.assertEqual(self.dump(), before)
        wet = self.daybook("prune", "--json", *self.RULES).json
        self.assertEqual((dry["dry_run"], wet["dry_run"]), (True, False))
        self.assertEqual(dry["tables"], wet["tables"])
        self.assertGreater(wet["tables"]["builds"]["rows"], 40)
        self.assertEqual(wet["tables"]["builds"]["rows"], len(before["builds"]) - len(self.dump()["builds"]))
        self.assertGreater(wet["tables"]["build_data"]["bytes"], 2000)
        self.assertEqual(self.daybook("prune", *self.RULES).out, "nothing went\n")
        self.assertEqual(self.daybook("prune", "--dry-run", *self.RULES).out, "nothing would go\n")

    def test_killed_at_random_it_ends_in_the_same_state(self):
        path = os.path.join(self.folder, "daybook.sqlite")
        self.fill(400, values=3)
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(path, path + ".copy")
        kills = 0
        wait = 0.02
        for _ in range(200):
            with subprocess.Popen([PROGRAM, "prune", "--batch", "1", *self.RULES], cwd=self.folder,
                                  env=environment(), stdout=subprocess.DEVNULL) as child:
                time.sleep(random.uniform(0, wait))
                is_killed = child.poll() is None
                child.kill()
                child.wait(DEADLINE_S)
            kills += is_killed
            wait = wait / 2 if not is_killed else wait * 1.2
            self.assertEqual(self.sql("PRAGMA integrity_check"), [("ok",)])
            if kills == 20:
                break
        self.assertEqual(kills, 20)
        self.daybook("prune", *self.RULES)
        ended = self.dump()
        for end in ("", "-wal", "-shm"):
            if os.path.exists(path + end):
                os.unlink(path + end)
        os.rename(path + ".copy", path)
        self.assertNotEqual(self.dump(), ended)
        self.daybook("prune", *self.RULES)
        self.assertEqual(self.dump(), ended)

    def test_a_file_of_rules_is_read_and_names_its_wrong_line(self):
        self.fill(30)
        rules = os.path.join(self.folder, "rules")
        with open(rules, "w", encoding="utf-8") as file:
            file.write("# all but a few\nbuilds = * keep 5\n")
        self.daybook("prune", "--rules", rules)
        kept = {row[0] for row in self.sql("SELECT number FROM builds")}
        self.assertEqual({11, 22, 26, 27, 28, 29, 30}, kept)
        for text, words in (("builds = *\n", "line 1: a rule is as in"), ("\nbuild = * keep 1\n", "line 2"),
                            ("# none\n", "no rule"), ("\0", "no file of rules")):
            with open(rules, "w", encoding="utf-8") as file:
                file.write(text)
            self.assertIn(words, self.daybook("prune", "--rules", rules, code=2).err)
        self.assertIn("No such file", self.daybook("prune", "--rules", rules + "x", code=2).err)
        self.assertEqual({row[0] for row in self.sql("SELECT number FROM builds")}, kept)

    def test_the_command_lines_rules_count_before_the_files(self):
        self.fill(30)
        rules = os.path.join(self.folder, "rules")
        with open(rules, "w", encoding="utf-8") as file:
            file.write("builds = * keep 5\nevents = 2d\n")
        before = self.sql("SELECT count(*) FROM builds")
        self.daybook("prune", "--rules", rules, "--builds", "* keep 100", "--events", "7d")
        self.assertEqual(self.sql("SELECT count(*) FROM builds"), before)
        self.daybook("prune", "--rules", rules, "--builds", "no-such-builder keep 100")
        self.assertEqual({11, 22, 26, 27, 28, 29, 30}, {row[0] for row in self.sql("SELECT number FROM builds")})

    def test_what_is_no_rule_is_2(self):
        for words in (["--builds", "*"], ["--builds", "* older 30"], ["--events", "8d"], ["--keys", "1h"],
                      ["--builds", "* keep 1", "--older-than", "30d"], ["--builds", "* keep 1", "--batch", "0"]):
            done = self.daybook("prune", *words, code=2)
            self.assertEqual((done.out, done.err.count("\n")), ("", 1), words)


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
