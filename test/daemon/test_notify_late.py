#!/usr/bin/env python3
"""Builders that must end a build every so often: late once, on time again once, also over a restart."""

import sys
import time

from harness import main
from notify import NotifyCase


class TestLate(NotifyCase):
    def events(self, told):
        return [(t.json["builder"]["name"], t.json["event"]) for t in told]

    def test_late_is_told_once_and_so_is_on_time_again(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url, "--expect", "b every 2s")
        self.build("b", "success", daemon=daemon)
        late = receiver.next()
        self.assertEqual(late.json["event"], "late")
        self.assertGreater(late.json["at"] - late.json["last_at"], 2)
        self.assertEqual(late.json["expected_every_s"], 2)
        self.assertNotIn("build", late.json)
        self.assertRegex(late.json["text"], "^b is late: the last build ended .* UTC, one is expected every 2s$")
        time.sleep(3)
        self.assertTrue(receiver.told.empty())
        self.build("b", "success", daemon=daemon)
        back = receiver.next()
        self.assertEqual((back.json["event"], back.json["build"]["number"]), ("on-time", 2))
        again = receiver.next()
        self.assertEqual(again.json["event"], "late")
        self.assertNotEqual(again.delivery, late.delivery)

    def test_one_that_fails_in_time_is_not_late_and_one_that_is_cancelled_is(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url, "--expect", "f every 3s", "--expect", "c every 3s")
        self.build("f", "failure", daemon=daemon)
        self.build("c", "success", daemon=daemon)
        self.assertEqual(self.events([receiver.next()]), [("f", "failing")])
        end = time.monotonic() + 6
        while receiver.told.empty() and time.monotonic() < end:
            self.build("f", "failure", daemon=daemon)
            self.build("c", "cancelled", daemon=daemon)
            time.sleep(0.3)
        self.assertEqual(self.events([receiver.next()]), [("c", "late")])

    def test_a_pattern_stands_for_each_builder_and_the_first_that_fits_counts(self):
        receiver = self.receiver()
        for builder in ("slow-1", "fast-1", "fast-2", "other"):
            self.build(builder, "success")
        self.start("--notify-webhook", receiver.url, "--expect", "slow-* every 1d", "--expect", "*-[12] every 2s")
        self.assertEqual(sorted(self.events(receiver.take(2))), [("fast-1", "late"), ("fast-2", "late")])
        time.sleep(1.5)
        self.assertTrue(receiver.told.empty())

    def test_a_builder_that_never_ended_a_build_is_late_too(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url, "--expect", "a b every 2s")
        daemon.write("POST", "builders", {"name": "a b"})
        daemon.stop()
        daemon = self.start("--notify-webhook", receiver.url, "--expect", "a b every 2s")
        late = receiver.next()
        self.assertEqual(self.events([late]), [("a b", "late")])
        self.assertIsNone(late.json["last_at"])
        self.assertIn("no build has ended since", late.json["text"])

    def test_lateness_is_remembered_over_a_kill(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url, "--expect", "b every 2s")
        self.build("b", "success", daemon=daemon)
        receiver.next()
        self.settle(daemon, 1)
        self.kill(daemon)
        daemon = self.start("--notify-webhook", receiver.url, "--expect", "b every 2s")
        time.sleep(2.5)
        self.assertTrue(receiver.told.empty())
        self.kill(daemon)
        self.build("b", "success")
        self.start("--notify-webhook", receiver.url, "--expect", "b every 60s")
        self.assertEqual(self.events([receiver.next()]), [("b", "on-time")])

    def test_a_turn_and_on_time_come_together(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url, "--expect", "b every 2s")
        self.build("b", "success", daemon=daemon)
        self.assertEqual(self.events([receiver.next()]), [("b", "late")])
        self.build("b", "failure", daemon=daemon)
        self.assertEqual(self.events(receiver.take(2)), [("b", "on-time"), ("b", "failing")])


if __name__ == "__main__":
    sys.exit(main(__name__))
