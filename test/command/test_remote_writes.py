#!/usr/bin/env python3
"""What else is written through a daemon, and its events: listed as in the database, and followed through its end."""

import gzip
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys

from harness import DEADLINE_S, PROGRAM, main, run
from run_case import wait_until
from server import DATA
from test_remote_run import RemoteCase


class TestWrites(RemoteCase):
    def setUp(self):
        super().setUp()
        run(self.folder, "run", "--db", self.path, "--builder", "b", "--step", "a b/c", "true")

    def do(self, *words, code=0, **more):
        done = self.daybook(*words, "--db", self.url, **more)
        self.assertEqual(done.code, code, done.err)
        return done

    def value(self, name):
        return bytes(self.query("SELECT value FROM build_data WHERE name = ?", name)[0][0])

    def test_values_are_put_from_a_file_a_pipe_and_nothing_and_removed(self):
        whole = random.Random(7).randbytes(5_000_000)
        with open(self.file("value"), "wb") as file:
            file.write(whole)
        self.do("data", "put", "b", "x/y ?&=%ü", "value", "--source", "a & b")
        self.assertEqual(self.value("x/y ?&=%ü"), whole)
        self.assertEqual(self.query("SELECT source FROM build_data WHERE name = 'x/y ?&=%ü'")[0][0], "a & b")
        self.do("data", "put", "b", "piped", stdin=b"\0\1")
        self.do("data", "put", "b", "empty")
        self.assertEqual((self.value("piped"), self.value("empty")), (b"\0\1", b""))
        self.do("data", "put", "b", "piped", stdin=b"again")
        self.assertEqual(self.value("piped"), b"again")
        self.assertEqual(self.do("data", "get", "b", "x/y ?&=%ü").out, whole)
        self.do("data", "rm", "b", "piped")
        self.assertIn("near are: empty", self.do("data", "rm", "b", "empti", code=3).err)
        self.assertEqual(self.do("data", "get", "b", "piped", code=3).out, b"")

    def test_what_is_too_long_for_a_daemon_is_refused(self):
        with open(self.file("value"), "wb") as file:
            file.truncate((64 << 20) + 1)
        self.do("data", "put", "b", "long", "value", code=7)
        self.assertEqual(self.query("SELECT count(*) FROM build_data WHERE name = 'long'")[0][0], 0)

    def test_properties_and_urls_are_set(self):
        self.do("properties", "set", "b", "n/m", '{"a": ["\\u00e9", 1.5, null]}')
        self.assertEqual(self.do("properties", "get", "b", "n/m").out.decode(), '{"a": ["\\u00e9", 1.5, null]}\n')
        self.assertEqual(self.query("SELECT source FROM build_properties WHERE name = 'n/m'")[0][0], "daybook")
        for step in ("a b/c", "0"):
            self.do("steps", "url", "b", step, "page " + step, "http://example.org/?a=b&c")
        urls = json.loads(self.steps()[0]["urls_json"])
        self.assertEqual([url["name"] for url in urls], ["page a b/c", "page 0"])
        self.assertIn("has no step", self.do("steps", "url", "b", "7", "n", "u", code=3).err)

    def test_nothing_is_written_through_a_daemon_that_takes_no_writes(self):
        self.away()
        self.words = ("--read-only",)
        self.serve()
        for words in (("data", "put", "b", "x"), ("data", "rm", "b", "log/a b/c"), ("properties", "set", "b", "n", "1"),
                      ("steps", "url", "b", "0", "n", "u")):
            err = self.do(*words, code=17).err
            self.assertIn("--read-only", err)
            self.assertNotIn("TOKEN", err)
        self.assertEqual(self.query("SELECT count(*) FROM build_data")[0][0], 1)


class TestListOfEvents(RemoteCase):
    def test_events_are_the_same(self):
        for number in range(3):
            self.run_it("--builder", "b", "--step", "one", f"exit {number}", "--step", "two", "true")
        for words in ((), ("-n", "7"), ("-n", "all"), ("--after", "9", "-n", "3"), ("-f", "kind=step", "-f", "verb=new"),
                      ("-f", "builderid__gt=0"), ("--after", "999999"), ("-n", "0"), ("-f", "name=log/one"), ("-f", "bogus=1")):
            for more in ((), ("--json",)):
                here = self.daybook("events", *words, *more, "--db", self.path)
                there = self.daybook("events", *words, *more, "--db", self.url)
                self.assertEqual((here.code, here.out), (there.code, there.out), (words, there.err))
        kinds = {event["kind"] for event in json.loads(self.daybook("events", "-n", "all", "--json", "--db", self.url).out)}
        self.assertEqual(kinds, {"build", "builder", "step", "data"})

    def test_a_master_s_database_without_events_is_told(self):
        self.away()
        self.path = self.file("master.sqlite")
        with gzip.open(os.path.join(DATA, "buildbot-4.3.sqlite.gz")) as packed, open(self.path, "wb") as plain:
            shutil.copyfileobj(packed, plain)
        self.serve()
        for words in ((), ("--follow",)):
            done = self.daybook("events", *words, "--db", self.url)
            self.assertEqual((done.code, words or done.out), (5, words or b""), done.err)
            self.assertIn("daybook adopt", done.err)


class TestFollowing(RemoteCase):
    def setUp(self):
        super().setUp()
        self.lines = self.file("lines")

    def follow(self, *words):
        with open(self.lines, "wb") as out:
            child = subprocess.Popen([PROGRAM, "events", "--follow", "--json", *words, "--db", self.url], cwd=self.folder,
                                     env=self.environment(), stdout=out, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, child)
        return child

    def seen(self):
        with open(self.lines, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def there(self, *words):
        return json.loads(self.daybook("events", "-n", "all", "--json", *words, "--db", self.path).out)

    def test_what_was_and_what_comes_is_seen_at_once_until_ctrl_c(self):
        self.run_it("--builder", "b", "--", "true")
        child = self.follow()
        wait_until(self.seen, "what was")
        self.run_it("--builder", "b", "--", "true")
        run(self.folder, "run", "--db", self.path, "--builder", "b", "--", "true")
        wait_until(lambda: len(self.seen()) == len(self.there()), "what comes")
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.communicate(timeout=DEADLINE_S)[1], b"")
        self.assertEqual((child.returncode, self.seen()), (0, self.there()))

    def test_filters_and_a_limit_hold(self):
        child = self.follow("--filter", "kind=build", "--limit", "3")
        for _ in range(2):
            self.run_it("--builder", "b", "--", "true")
        child.communicate(timeout=DEADLINE_S)
        self.assertEqual((child.returncode, self.seen()), (0, self.there("-f", "kind=build")[:3]))

    def test_nothing_is_missed_or_comes_twice_when_the_daemon_is_killed(self):
        self.run_it("--builder", "b", "--", "true")
        child = self.follow()
        for number in range(3):
            wait_until(lambda: len(self.seen()) == len(self.there()), "all of it")
            self.away(signal.SIGKILL)
            run(self.folder, "run", "--db", self.path, "--builder", f"meanwhile-{number}", "--", "true")
            self.serve()
            self.run_it("--builder", f"after-{number}", "--", "true")
        wait_until(lambda: len(self.seen()) == len(self.there()), "all of it")
        self.assertEqual(self.seen(), self.there())
        self.assertIsNone(child.poll())

    def test_events_that_are_no_longer_kept_end_it(self):
        for _ in range(2):
            self.run_it("--builder", "b", "--", "true")
        self.away()
        with sqlite3.connect(self.path) as database:
            database.execute("DELETE FROM daybook_events WHERE position < 8")
            database.execute("INSERT OR REPLACE INTO daybook_marks (name, value) VALUES ('events trimmed', 7)")
        database.close()
        self.serve()
        here = self.daybook("events", "--follow", "--after", "2", "--db", self.path)
        there = self.daybook("events", "--follow", "--after", "2", "--db", self.url)
        self.assertEqual((here.code, here.out, here.err), (there.code, there.out, there.err))
        self.assertEqual(there.code, 19)

    def test_a_position_that_the_daemon_has_not_reached_ends_it(self):
        self.run_it("--builder", "b", "--", "true")
        last = self.there()[-1]["id"]
        done = self.daybook("events", "--follow", "--after", str(last + 1), "--db", self.url)
        self.assertEqual((done.code, done.out.splitlines()[1:]), (19, []))
        self.assertIn(f"there is no event {last + 1}, the last one is {last}", done.err)

    def test_a_daemon_that_is_away_from_the_beginning_is_told(self):
        self.away()
        self.assertEqual(self.daybook("events", "--follow", "--db", self.url).code, 13)


if __name__ == "__main__":
    sys.exit(main(__name__))
