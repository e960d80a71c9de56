#!/usr/bin/env python3
"""Turns of builders whose builds a master writes, who leaves no events: told all the same, once, also after a kill."""

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import time

from harness import DEADLINE_S, main, run
from notify import NotifyCase
from server import DATA, Daemon

BUILDER = "INSERT INTO builders (id, name, name_hash) VALUES (77, 'of the master', 'x77')"
BUILD = ("INSERT INTO builds (id, number, builderid, buildrequestid, workerid, masterid, started_at,"
         " locks_duration_s, state_string) VALUES (?, ?, 77, 5, 1, 1, ?, 0, 'starting')")
FINISH = "UPDATE builds SET complete_at = ?, results = ? WHERE id = ?"
GOOD, BAD, CANCELLED = 0, 2, 6


class TestMaster(NotifyCase):
    def setUp(self):
        super().setUp()
        self.db = self.path("master.sqlite")
        self.newest = 0
        with gzip.open(os.path.join(DATA, "buildbot-4.3.sqlite.gz")) as packed, open(self.db, "wb") as plain:
            shutil.copyfileobj(packed, plain)
        self.master((BUILDER,))

    def master(self, *statements):
        """What a master does."""
        with contextlib.closing(sqlite3.connect(self.db, timeout=DEADLINE_S)) as db:
            for statement in statements:
                db.execute(*statement)
            db.commit()

    def finish(self, *results, after_s=0):
        """Builds that begin and end, one after the other."""
        for result in results:
            self.newest += 1
            build, now = 9000 + self.newest, int(time.time()) + after_s
            self.master((BUILD, (build, self.newest, now)), (FINISH, (now, result, build)))

    def told(self, receiver, count):
        return [(t.json["event"], t.json["build"]["number"]) for t in receiver.take(count)]

    def test_a_masters_turns_are_told_and_nothing_is_written(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        self.finish(GOOD)
        time.sleep(1)
        self.finish(BAD)
        self.assertEqual(self.told(receiver, 1), [("failing", 2)])
        self.finish(CANCELLED, BAD)
        self.finish(GOOD)
        (told,) = receiver.take(1)
        self.assertEqual((told.json["event"], told.json["builder"]["name"]), ("fixed", "of the master"))
        with open(self.db, "rb") as file:
            before = hashlib.sha256(file.read()).hexdigest()
        self.assertEqual(daemon.stop(), (0, ""))
        with open(self.db, "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).hexdigest(), before)

    def test_builds_of_one_look_are_told_in_the_order_in_which_they_ended(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        # The one with the higher number ended first, and good: then the builder fails.
        now = int(time.time())
        self.master((BUILD, (9001, 1, now)), (BUILD, (9002, 2, now)), (FINISH, (now + 5, BAD, 9001)),
                    (FINISH, (now + 1, GOOD, 9002)))
        self.assertEqual(self.told(receiver, 1), [("failing", 1)])
        self.newest = 2
        self.finish(GOOD, after_s=6)
        self.assertEqual(self.told(receiver, 1), [("fixed", 3)])
        self.assertEqual(daemon.stop(), (0, ""))

    def test_what_finished_while_the_daemon_was_dead_is_told_and_nothing_twice(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        for count, results in enumerate((BAD, GOOD, BAD), 1):
            self.finish(results)
            self.told(receiver, 1)
            self.settle(daemon, count)
        # The position is kept now and then: killed before that, the daemon finds these builds once more.
        self.kill(daemon)
        self.forget_position()
        self.finish(GOOD, BAD)
        self.start("--notify-webhook", receiver.url)
        self.assertEqual(self.told(receiver, 2), [("fixed", 4), ("failing", 5)])
        time.sleep(1)
        self.assertTrue(receiver.told.empty())

    def forget_position(self):
        """Leaves the first position in the journal, and what became of builders."""
        lines, is_first = self.lines(), True
        with open(os.path.join(self.state, "deliveries.jsonl"), "w", encoding="utf-8") as file:
            for line in lines:
                if is_first or "watched" not in line:
                    file.write(json.dumps(line) + "\n")
                is_first = is_first and "watched" not in line

    def test_in_an_adopted_database_both_ways_lead_to_who_is_told(self):
        done = run(self.folder, "adopt", "--db", self.db)
        self.assertEqual(done.code, 0, done.err)
        receiver = self.receiver()
        self.db_url = f"sqlite:///{self.db}?writes=existing&master=stopped"
        daemon = Daemon(self.db_url, "--listen", "127.0.0.1:0", "--state-directory", self.state, "--notify-secret",
                        self.secret, "--notify-webhook", receiver.url)
        self.addCleanup(daemon.stop)
        self.finish(BAD)
        self.assertEqual(self.told(receiver, 1), [("failing", 1)])
        now = int(time.time())
        self.master((BUILD, (9002, 2, now)))
        answer = daemon.write("POST", "builds/9002/finish", {"results": "success"})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.told(receiver, 1), [("fixed", 2)])
        time.sleep(1)
        self.assertTrue(receiver.told.empty())

    def test_a_masters_builder_is_late_and_on_time_again(self):
        receiver = self.receiver()
        self.finish(GOOD)
        self.start("--notify-webhook", receiver.url, "--expect", "of the master every 2s")
        self.assertEqual(receiver.next().json["event"], "late")
        self.finish(GOOD)
        self.assertEqual(receiver.next().json["event"], "on-time")


if __name__ == "__main__":
    sys.exit(main(__name__))
