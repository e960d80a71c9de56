#!/usr/bin/env python3
"""What is told outlives the daemon: killed at any moment, without disk, with half a line, and over TLS alike."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import sys
import unittest

from harness import main, run
from notify import NotifyCase
from test_tls import make_certificate


def hang(handler):
    handler.rfile.read(1)


class TestKilled(NotifyCase):
    def test_what_was_committed_before_the_kill_is_told_after_it(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "success")
        self.build("b", "failure")
        receiver.next()
        self.settle(daemon, 1)
        daemon.process.send_signal(signal.SIGSTOP)  # it sees no more of what is committed
        self.build("b", "success")
        self.build("b", "failure")
        self.kill(daemon)
        self.build("b", "success")
        self.start("--notify-webhook", receiver.url)
        told = receiver.take(3)
        self.assertEqual([(t.json["event"], t.json["build"]["number"]) for t in told],
                         [("fixed", 3), ("failing", 4), ("fixed", 5)])
        self.assertTrue(receiver.told.empty())

    def test_what_was_on_its_way_is_told_again_with_the_same_id(self):
        receiver = self.receiver(hang)
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure")
        first = receiver.next()
        self.kill(daemon)
        daemon = self.start("--notify-webhook", receiver.url)
        second = receiver.next()
        self.assertEqual((second.delivery, second.body), (first.delivery, first.body))
        self.settle(daemon, 1)
        self.kill(daemon)
        self.start("--notify-webhook", receiver.url)
        self.build("b", "success")
        self.assertEqual(receiver.next().json["event"], "fixed")  # and nothing before it

    def test_what_was_told_before_the_journal_knew_it_keeps_its_id(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        self.wait_for(lambda: len(self.lines()) == 2)
        os.makedirs(self.path("saved"))
        shutil.copy(os.path.join(self.state, "deliveries.jsonl"), self.path("saved"))
        self.build("b", "failure")
        first = receiver.next()
        self.kill(daemon)
        shutil.copy(self.path("saved/deliveries.jsonl"), self.state)
        self.start("--notify-webhook", receiver.url)
        self.assertEqual(receiver.next().delivery, first.delivery)

    def test_failures_are_remembered_and_a_target_that_is_gone_is_dropped(self):
        receiver, other = self.receiver(*[500] * 100), self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure")
        receiver.take(2)
        self.wait_for(lambda: self.metric(daemon, "daybook_deliveries_failed_total") == 2)
        self.kill(daemon)
        daemon = self.start("--notify-webhook", receiver.url)
        receiver.next()
        self.wait_for(lambda: self.lines()[-1].get("failures") == 3)
        self.kill(daemon)
        daemon = self.start("--notify-webhook", other.url)
        self.build("b", "success")
        self.assertEqual(other.next().json["event"], "fixed")
        self.assertIn("1 deliveries are dropped", daemon.stop()[1])

    def test_sigterm_leaves_what_hangs_for_the_next_daemon(self):
        receiver = self.receiver(hang)
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure")
        first = receiver.next()
        self.assertEqual(daemon.stop()[0], 0)
        self.start("--notify-webhook", receiver.url)
        self.assertEqual(receiver.next().delivery, first.delivery)

    def test_events_that_were_removed_meanwhile_leave_the_last_turn(self):
        receiver = self.receiver()
        self.build("green", "success")
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("green", "success")
        self.build("b", "failure")
        self.build("c", "failure")
        receiver.take(2)
        self.settle(daemon, 2)
        self.kill(daemon)
        self.build("b", "success")
        self.build("c", "success", "failure")
        self.build("green", "failure")
        self.trim()
        daemon = self.start("--notify-webhook", receiver.url)
        told = [told.json for told in receiver.take(2)]
        self.assertEqual(sorted((t["event"], t["builder"]["name"]) for t in told), [("failing", "green"), ("fixed", "b")])
        self.build("c", "success")
        told = receiver.next().json
        self.assertEqual((told["event"], told["builder"]["name"], told["build"]["number"]), ("fixed", "c", 4))
        self.assertIn("events were removed", daemon.stop()[1])

    def trim(self):
        """As the store does it after 7 days: all events but the newest are gone, and a mark says so."""
        with sqlite3.connect(self.db) as connection:
            last = connection.execute("SELECT max(position) FROM daybook_events").fetchone()[0] - 1
            connection.execute("DELETE FROM daybook_events WHERE position <= ?", (last,))
            connection.execute("INSERT INTO daybook_marks (name, value) VALUES ('events trimmed', ?)", (last,))
        connection.close()


class TestState(NotifyCase):
    def refused(self, state, code=17):
        done = run(self.folder, "serve", "--db", self.db, "--listen", "127.0.0.1:0", "--notify-command", "true",
                   "--state-directory", state)
        self.assertEqual((done.code, done.out), (code, ""))
        return done.err

    def test_a_directory_that_cannot_be_is_refused(self):
        self.write("file", "x")
        self.assertIn("Not a directory", self.refused(self.path("file/state")))
        os.mkdir(self.path("open"), 0o777)
        os.chmod(self.path("open"), 0o777)
        self.assertIn("nobody else's to write", self.refused(self.path("open")))
        os.makedirs(os.path.join(self.path("odd"), "deliveries.jsonl"), 0o700)
        self.assertIn("Is a directory", self.refused(self.path("odd")))
        os.mkdir(self.path("pipe"), 0o700)
        os.mkfifo(os.path.join(self.path("pipe"), "deliveries.jsonl"))
        self.assertIn("Invalid argument", self.refused(self.path("pipe")))

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_directory_that_may_not_be_written_is_refused(self):
        os.mkdir(self.path("closed"), 0o500)
        self.assertIn("Permission denied", self.refused(self.path("closed")))

    def test_two_daemons_do_not_share_one(self):
        self.start("--notify-command", "true")
        self.assertIn("another daemon uses this", self.refused(self.state))

    def test_the_default_is_systemds_then_the_users(self):
        for env, place in (({"STATE_DIRECTORY": self.path("a") + ":" + self.path("b")}, "a/notify"),
                           ({"XDG_STATE_HOME": self.path("c")}, "c/daybook/serve"),
                           ({"XDG_STATE_HOME": "", "HOME": self.path("d")}, "d/.local/state/daybook/serve")):
            os.makedirs(self.path(place.partition("/")[0]), exist_ok=True)
            os.makedirs(self.path("x"), exist_ok=True)
            # An address that is taken: it reads its state, and says so.
            taken = self.receiver().url.split("/")[2]
            done = run(self.folder, "serve", "--db", self.db, "--listen", taken, "--notify-command", "true", **env)
            self.assertEqual(done.code, 13, done.err)
            self.assertTrue(os.path.exists(os.path.join(self.path(place), "deliveries.jsonl")), place)

    def test_half_a_line_at_the_end_never_happened(self):
        receiver = self.receiver(500, 500)
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure")
        first = receiver.next()
        self.kill(daemon)
        path = os.path.join(self.state, "deliveries.jsonl")
        with open(path, "rb") as file:
            whole = file.read()
        lines = whole.splitlines(True)
        turn = next(i for i, line in enumerate(lines) if b"deliveries" in line)
        # At every byte of the line that says the turn: it is told, with the same id.
        for cut in (1, len(lines[turn]) // 2, len(lines[turn]) - 1):
            with open(path, "wb") as file:
                file.write(b"".join(lines[:turn]) + lines[turn][:cut])
            daemon = self.start("--notify-webhook", receiver.url)
            self.assertEqual(receiver.next().delivery, first.delivery)
            self.kill(daemon)
            for line in open(path, encoding="utf-8"):
                json.loads(line)

    def test_lines_that_make_no_sense_are_left_out(self):
        receiver = self.receiver(hang)
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure")
        first = receiver.next()
        self.kill(daemon)
        with open(os.path.join(self.state, "deliveries.jsonl"), "ab") as file:
            file.write(b"\0\0\0\n[1]\n{\"seen\": \n{\"builder\": {\"id\": -4}, \"deliveries\": [3, {}], \"ended\": 7}\n")
        daemon = self.start("--notify-webhook", receiver.url)
        self.assertEqual(receiver.next().delivery, first.delivery)
        self.assertIn("3 lines make no sense", daemon.stop()[1])

    def test_another_database_is_refused_and_what_waits_is_kept(self):
        receiver = self.receiver(500)
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure")
        first = receiver.next()
        self.kill(daemon)
        own, self.db = self.db, self.path("other.sqlite")
        run(self.folder, "init", self.db)
        said = self.refused(self.state)
        self.assertIn("is of the database", said)
        self.assertIn("own --state-directory", said)
        self.db = own
        self.start("--notify-webhook", receiver.url)
        self.assertEqual(receiver.next().delivery, first.delivery)

    def test_a_directory_that_was_removed_or_replaced_is_not_written(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "success")
        self.wait_for(lambda: len(self.lines()) == 3)
        os.rename(self.state, self.path("moved"))
        self.build("b", "failure")
        self.wait_for(lambda: self.metric(daemon, "daybook_deliveries_stuck") == 1)
        os.mkdir(self.state, 0o700)
        self.build("b", "success")
        self.assertTrue(receiver.told.empty())
        os.rmdir(self.state)
        os.rename(self.path("moved"), self.state)
        self.assertEqual([t.json["event"] for t in receiver.take(2)], ["failing", "fixed"])

    def test_a_full_disk_tells_nothing_and_loses_nothing(self):
        receiver = self.receiver()
        # A limit on the size of files stands for the disk: the line is cut where it is reached.
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "success")
        self.wait_for(lambda: len(self.lines()) == 3)
        size = os.path.getsize(os.path.join(self.state, "deliveries.jsonl"))
        limits = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size + 40, limits[1]))
        self.build("b", "failure")
        self.wait_for(lambda: self.metric(daemon, "daybook_deliveries_stuck") == 1)
        self.assertEqual(os.path.getsize(os.path.join(self.state, "deliveries.jsonl")), size)
        self.build("b", "success")
        self.assertTrue(receiver.told.empty())
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limits)
        self.assertEqual([t.json["event"] for t in receiver.take(2)], ["failing", "fixed"])
        self.assertEqual(self.metric(daemon, "daybook_deliveries_stuck"), 0)
        said = daemon.stop()[1]
        self.assertIn("nothing new is told until", said)
        self.assertIn("it can be written again", said)

    def test_a_journal_that_has_grown_is_written_anew_with_what_counts(self):
        receiver = self.receiver(*[500] * 1000)
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure")
        first = receiver.next()
        self.kill(daemon)
        filler = json.dumps({"ended": "0" * 32, "outcome": "delivered", "why": "x" * 1000}) + "\n"
        with open(os.path.join(self.state, "deliveries.jsonl"), "a", encoding="utf-8") as file:
            file.write(filler * 1200)
        daemon = self.start("--notify-webhook", receiver.url)
        self.assertEqual(receiver.next().delivery, first.delivery)
        self.wait_for(lambda: os.path.getsize(os.path.join(self.state, "deliveries.jsonl")) < 65536)
        self.assertGreater(os.path.getsize(os.path.join(self.state, "deliveries.1.jsonl")), 1 << 20)
        self.kill(daemon)
        receiver.answers.clear()
        self.start("--notify-webhook", receiver.url)
        self.wait_for(lambda: receiver.next().delivery == first.delivery)
        self.build("b", "failure")
        self.build("b", "success")
        self.wait_for(lambda: receiver.next().json["event"] == "fixed")


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class TestTls(NotifyCase):
    def test_a_certificate_that_nobody_vouches_for_gets_nothing(self):
        pair = make_certificate(self.folder, "hook")
        receiver = self.receiver(tls=pair)
        self.assertTrue(receiver.url.startswith("https://"))
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure")
        self.wait_for(lambda: self.metric(daemon, "daybook_deliveries_failed_total"))
        self.assertTrue(receiver.told.empty())
        self.assertIn("certificate", daemon.stop()[1])
        self.start("--notify-webhook", receiver.url, "--notify-ca", pair[0])
        self.assertTrue(receiver.next().is_signed())


if __name__ == "__main__":
    sys.exit(main(__name__))
