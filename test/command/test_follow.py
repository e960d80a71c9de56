#!/usr/bin/env python3
"""`daybook events --follow`: while another process writes, each event once and in order, as it comes."""

import json
import os
import signal
import subprocess
import sys
import threading
import unittest

from following import Following
from harness import DEADLINE_S, PROGRAM, StoreCase, environment, main, run

WRITERS, BUILDS = 3, 15


class TestFollow(StoreCase):
    @classmethod
    def record(cls):
        run(cls.folder, "init")

    def newest(self):
        return self.sql("SELECT coalesce(max(position), 0) FROM daybook_events")[0][0]

    def record_builds(self, name, count):
        for _ in range(count):
            self.daybook("run", "--builder", name, "--", "true")

    def test_everything_comes_once_and_in_order_while_others_write(self):
        after = self.newest()
        following = Following(self, "--json", "--after", str(after))
        writers = [threading.Thread(target=self.record_builds, args=(f"b{i}", BUILDS))
                   for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        kept = self.sql("SELECT position, at, kind, verb, buildid FROM daybook_events"
                        " WHERE position > ? ORDER BY position", after)
        self.assertGreaterEqual(len(kept), WRITERS * BUILDS * 2)
        lines = following.wait_for(len(kept))
        code, err = following.end(signal.SIGINT)
        self.assertEqual((code, err), (0, ""))
        got = [json.loads(line) for line in lines]
        self.assertEqual([(e["id"], e["at"], e["kind"], e["verb"], e["buildid"]) for e in got],
                         [tuple(row) for row in kept])
        self.assertEqual(len(following.lines), len(kept))

    def test_a_line_comes_while_the_build_still_runs(self):
        following = Following(self, "--json", "--after", str(self.newest()),
                              "--filter", "kind=build")
        gate = os.path.join(self.folder, "gate")
        os.mkfifo(gate)
        with subprocess.Popen([PROGRAM, "run", "--builder", "slow", "--", "cat", gate],
                              cwd=self.folder, env=environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as job:
            first = json.loads(following.wait_for(1)[0])
            self.assertEqual((first["kind"], first["verb"]), ("build", "new"))
            self.assertIsNone(job.poll())
            with open(gate, "w", encoding="ascii"):
                pass
            self.assertEqual(job.wait(DEADLINE_S), 0)
        while '"finished"' not in following.wait_for(len(following.lines))[-1]:
            following.wait_for(len(following.lines) + 1)
        self.assertEqual(following.end(signal.SIGTERM), (0, ""))

    def test_limit_ends_it_and_after_goes_on_behind(self):
        self.record_builds("limited", 2)
        rows = [row[0] for row in self.sql("SELECT position FROM daybook_events ORDER BY position")]
        done = self.daybook("events", "--follow", "--json", "--limit", "2", "--after", str(rows[1]))
        self.assertEqual([json.loads(line)["id"] for line in done.out.splitlines()], rows[2:4])
        self.assertEqual(self.daybook("events", "--follow", "--json", "--limit", "0").out, "")

    def test_a_person_gets_a_title_and_a_line_each(self):
        self.record_builds("seen", 1)
        lines = self.daybook("events", "--follow", "--limit", "3").out.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual(lines[0].split()[:4], ["EVENT", "AT", "KIND", "VERB"])
        self.assertTrue(all(line.split()[0].isdigit() for line in lines[1:]))

    def test_it_ends_when_nobody_reads_also_while_nothing_comes(self):
        ours, its = os.pipe()
        with subprocess.Popen([PROGRAM, "events", "--follow", "--json", "--after",
                               str(self.newest())], cwd=self.folder, env=environment(),
                              stdin=subprocess.DEVNULL, stdout=its, stderr=subprocess.PIPE) as child:
            os.close(its)
            self.record_builds("heard", 1)
            self.assertTrue(os.read(ours, 65536))  # it follows by now
            os.close(ours)
            self.assertEqual(child.wait(DEADLINE_S), 0)
            self.assertEqual(child.stderr.read(), b"")

    def test_a_position_that_was_trimmed_is_19_and_told(self):
        self.record_builds("old", 2)
        newest = self.newest()
        self.sql("UPDATE daybook_events SET at = 1000")
        self.record_builds("new", 1)  # whoever writes trims what is too old
        trimmed = self.sql("SELECT value FROM daybook_marks WHERE name = 'events trimmed'")
        self.assertEqual(trimmed, [(newest,)])
        done = self.daybook("events", "--follow", "--json", "--after", "1", code=19)
        self.assertEqual(done.out, "")
        self.assertIn("no longer kept", done.err)
        self.assertEqual(self.daybook("events", "--follow", "--limit", "1", "--json",
                                      "--after", str(newest)).json["id"], newest + 1)

    def test_wrong_values_are_2(self):
        for words in (["--limit", "x"], ["--limit", "-1"], ["--after", "-1"], ["-f", "nonsense=1"],
                      ["-f", "limit=1"]):
            done = self.daybook("events", "--follow", *words, code=2)
            self.assertEqual(done.out, "", words)
            self.assertEqual(done.err.count("\n"), 1, done.err)


if __name__ == "__main__":
    sys.exit(main(__name__))
