#!/usr/bin/env python3
"""`daybook serve --retention`: old records go by rules, again and again, while everybody else goes on."""

import os
import signal
import sys
import time
import unittest

from harness import DEADLINE_S, main, run
from server import Daemon, DaemonCase

DAY = 24 * 3600


class TestRetention(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)
        cls.rules = os.path.join(cls.folder, "rules")
        cls.write_rules("builds = none keep 1\n")
        cls.WORDS = ("--retention", cls.rules, "--prune-every", "1s")

    @classmethod
    def write_rules(cls, text):
        with open(cls.rules + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(cls.rules + ".new", cls.rules)

    def add(self, builder, *ages):
        for age in ages:
            at = int(time.time()) - age * DAY
            answer = self.daemon.write("POST", f"builders/{builder}/builds", {
                "started_at": at - 10, "complete_at": at, "results": "failure",
                "steps": [{"name": "s", "results": "failure"}]})
            self.assertIn(answer.status, (200, 201), answer.body)

    def numbers(self, builder):
        return sorted(build["number"] for build in self.records(f"builders/{builder}/builds"))

    def wait_for(self, builder, numbers):
        end = time.monotonic() + DEADLINE_S
        while self.numbers(builder) != numbers:
            self.assertLess(time.monotonic(), end, self.numbers(builder))
            time.sleep(0.05)

    def test_old_builds_go_by_the_rules_again_and_again(self):
        self.write_rules("builds = again older 30d\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.add("again", 50, 40, 10)
        self.wait_for("again", [3])
        self.add("again", 31, 1)
        self.wait_for("again", [3, 5])

    def test_new_rules_count_after_a_hangup_and_wrong_ones_do_not(self):
        self.add("changed", 50, 40, 10)
        self.write_rules("builds = changed older\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.write_rules("builds = changed keep 2\n")
        self.assertEqual(self.numbers("changed"), [1, 2, 3])
        self.daemon.process.send_signal(signal.SIGHUP)
        self.wait_for("changed", [2, 3])

    def test_what_went_is_told_on_stderr_and_what_is_wrong_before_it_serves(self):
        db = os.path.join(self.folder, "other.sqlite")
        rules = os.path.join(self.folder, "other")
        run(self.folder, "init", db)
        with open(rules, "w", encoding="utf-8") as file:
            file.write("builds = * keep 1\n")
        daemon = Daemon(db, "--listen", "127.0.0.1:0", "--retention", rules, "--prune-every", "1s")
        self.addCleanup(daemon.stop)
        for age in (50, 40):
            at = int(time.time()) - age * DAY
            daemon.write("POST", "builders/b/builds", {"started_at": at, "complete_at": at, "results": "failure"})
        end = time.monotonic() + DEADLINE_S
        while len(daemon.ask("builders/b/builds").json["builds"]) > 1:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        with open(rules, "w", encoding="utf-8") as file:
            file.write("\nbuilds = *\n")
        daemon.process.send_signal(signal.SIGHUP)
        while "stay" not in (line := daemon.process.stderr.readline()):
            self.assertTrue(line)
            if "deleted by the rules" in line:
                self.assertIn("1 builds, 1 buildrequests, 1 buildsets", line)
        self.assertIn("line 2", line)
        self.assertEqual(daemon.stop()[0], 0)
        done = run(self.folder, "serve", "--db", db, "--retention", rules)
        self.assertEqual((done.code, done.out), (2, ""))
        self.assertIn("line 2: a rule is as in", done.err)

    def test_it_is_refused_where_nothing_is_written(self):
        done = run(self.folder, "serve", "--db", self.db, "--retention", self.rules, "--read-only")
        self.assertEqual(done.code, 2)
        self.assertIn("--retention", done.err)

    def test_it_stops_while_it_is_at_work(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--retention", self.rules, "--prune-every", "1s")
        self.assertEqual(daemon.ask("builders").status, 200)
        self.assertEqual(daemon.stop(), (0, ""))


if __name__ == "__main__":
    sys.exit(main(__name__))
