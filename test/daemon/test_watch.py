#!/usr/bin/env python3
"""A database that a master writes, who leaves no events: what he does is found by looking, and told like events."""

import contextlib
import hashlib
import os
import sqlite3
import sys
import time

from harness import DEADLINE_S, main, run
from server import Daemon, DaemonCase
from test_events import Stream

BEGIN = ("INSERT INTO builds (id, number, builderid, buildrequestid, workerid, masterid, started_at,"
         " locks_duration_s, state_string) VALUES ({0}, {0}, 1, 5, 1, 1, 1000, 0, 'starting')")
FINISH = "UPDATE builds SET complete_at = 1010, results = 2 WHERE id = {0}"
STEP = ("INSERT INTO steps (id, number, name, buildid, started_at, state_string, urls_json, hidden)"
        " VALUES ({1}, 0, 'compile', {0}, 1001, 'compiling', '[]', 0)")
MANY = ("INSERT INTO builds (id, number, builderid, buildrequestid, masterid, started_at, complete_at,"
        " locks_duration_s, state_string, results)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {1})"
        " SELECT {0} + i, {0} + i, 1, 5, 1, 1000, 1001, 0, 'x', 0 FROM n")


class MasterCase(DaemonCase):
    newest = 9000

    def master(self, *statements):
        """What a master does."""
        with contextlib.closing(sqlite3.connect(self.db, timeout=DEADLINE_S)) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()

    def new_id(self):
        type(self).newest += 1
        return self.newest

    def stream(self, *topics, daemon=None, window=None):
        """A stream that has begun: what happens from now on is told on it."""
        stream = Stream(daemon or self.daemon, *topics, "builds/*/new", window=window)
        self.addCleanup(stream.close)
        self.assertEqual(stream.next(), ("looks", {}))
        return stream

    def metric(self, name, daemon=None):
        for line in (daemon or self.daemon).ask("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return self.fail(f"there is no {name}")


class TestWatch(MasterCase):
    def test_a_build_of_the_masters_is_told_from_its_start_to_its_end_within_three_seconds(self):
        stream = self.stream("builds/*/*", "steps/*/*")
        build = self.new_id()
        for statement, key in ((BEGIN.format(build), ["builds", str(build), "new"]),
                               (STEP.format(build, build), ["steps", str(build), "new"]),
                               (None, ["steps", str(build), "started"]),
                               (FINISH.format(build), ["builds", str(build), "finished"])):
            if statement:
                begun = time.monotonic()
                self.master(statement)
            (got, message), = stream.take(1)
            self.assertEqual(got, key)
            self.assertLess(time.monotonic() - begun, 3)
        self.assertEqual((message["results"], message["complete_at"]), (2, 1010))

    def test_one_that_comes_again_is_told_to_reload(self):
        stream = self.stream()
        build = self.new_id()
        self.master(BEGIN.format(build))
        stream.take(1)
        stream.close()
        deadline = time.monotonic() + DEADLINE_S
        while self.metric("daybook_streams") and time.monotonic() < deadline:
            time.sleep(0.05)
        self.master(FINISH.format(build))
        again = Stream(self.daemon, "builds/*", last=stream.last)
        self.addCleanup(again.close)
        self.assertEqual([again.next()[0], again.next()[0]], ["looks", "reload"])

    def test_another_daemons_positions_are_told_to_reload(self):
        stream = self.stream()
        build = self.new_id()
        self.master(BEGIN.format(build))
        stream.take(1)
        other = Daemon(self.db, "--listen", "127.0.0.1:0")
        self.addCleanup(other.stop)
        again = Stream(other, "builds/*", last=stream.last)
        self.addCleanup(again.close)
        self.assertEqual([again.next()[0], again.next()[0]], ["looks", "reload"])

    def take_burst(self, stream, first, count):
        """The new and finished builds from `first` on, each once and in their order."""
        seen = {"new": [], "finished": []}
        for _ in range(2 * count):
            kind, data = stream.next()
            self.assertEqual(kind, "event")
            seen[data["key"][2]].append(int(data["key"][1]))
        for ids in seen.values():
            self.assertEqual(ids, list(range(first, first + count)))

    def test_a_burst_of_ten_thousand_is_told_each_once_to_a_quick_and_to_a_late_reader(self):
        quick, late = self.stream("builds/*/finished"), self.stream("builds/*/finished", window=1 << 16)
        first = self.newest + 1
        self.master(MANY.format(self.newest, 10000))
        type(self).newest += 10000
        self.take_burst(quick, first, 10000)
        self.take_burst(late, first, 10000)

    def reads(self):
        """Reads of the store so far; asking for it is some itself."""
        return self.metric("daybook_reads_total")

    def reads_within(self, seconds):
        begun, before = time.monotonic(), self.reads()
        cost = self.reads() - before
        before += cost
        time.sleep(seconds)
        return self.reads() - before - cost, time.monotonic() - begun

    def test_it_reads_at_most_twice_a_second_and_not_at_all_when_nobody_listens(self):
        stream = self.stream()
        reads, seconds = self.reads_within(3)
        self.assertLessEqual(reads, 2 * seconds + 1)
        self.assertGreaterEqual(reads, 2)
        stream.close()
        time.sleep(1)
        self.assertEqual(self.reads_within(1.5)[0], 0)

    def test_readiness_says_that_it_looks(self):
        self.assertEqual(self.daemon.ask("/readyz").json,
                         {"status": "ready", "events": "found by looking twice a second"})

    def test_not_one_byte_of_the_database_is_changed(self):
        self.stream()
        with contextlib.closing(sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)) as db:
            version = db.execute("PRAGMA data_version").fetchone()
            with open(self.db, "rb") as file:
                before = hashlib.sha256(file.read()).digest()
            time.sleep(2)
            with open(self.db, "rb") as file:
                self.assertEqual(hashlib.sha256(file.read()).digest(), before)
            self.assertEqual(db.execute("PRAGMA data_version").fetchone(), version)

    def test_the_daemon_holds_the_database_open_for_reading_alone(self):
        self.stream()
        process = f"/proc/{self.daemon.process.pid}"
        held = 0
        for fd in os.listdir(f"{process}/fd"):
            try:
                place = os.readlink(f"{process}/fd/{fd}")
                with open(f"{process}/fdinfo/{fd}", encoding="ascii") as info:
                    flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags:"))
            except FileNotFoundError:
                continue
            if place == self.db:
                held += 1
                self.assertEqual(flags & os.O_ACCMODE, os.O_RDONLY)
        self.assertGreaterEqual(held, 1)


class TestAdopted(MasterCase):
    @classmethod
    def record(cls):
        super().record()
        run(cls.folder, "adopt", "--db", cls.db)

    def test_what_the_log_has_keeps_its_position_until_a_master_does_something(self):
        writer = Daemon(f"sqlite:///{self.db}?writes=existing&master=stopped", "--listen", "127.0.0.1:0")
        self.addCleanup(writer.stop)
        stream = self.stream("builds/*/*")
        self.assertEqual(writer.write("PATCH", "builds/1", {"state_string": "one"}).status, 200)
        self.assertEqual([key for key, _ in stream.take(1)], [["builds", "1", "update"]])
        self.assertLess(stream.last, 1000)
        build = self.new_id()
        self.master(BEGIN.format(build))
        self.assertEqual([key for key, _ in stream.take(1)], [["builds", str(build), "new"]])
        self.assertGreater(stream.last, 1000)
        self.assertEqual(writer.write("PATCH", "builds/1", {"state_string": "two"}).status, 200)
        self.assertEqual([key for key, _ in stream.take(1)], [["builds", "1", "update"]])
        again = Stream(self.daemon, "builds/*/*", last=stream.last)
        self.addCleanup(again.close)
        self.assertEqual(again.next()[0], "looks")
        self.master(FINISH.format(build))
        self.assertEqual([key for key, _ in again.take(1)], [["builds", str(build), "finished"]])


if __name__ == "__main__":
    sys.exit(main(__name__))
