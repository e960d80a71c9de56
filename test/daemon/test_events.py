#!/usr/bin/env python3
"""The stream of events: each write once and in order, by topic, live, resumed, and at each client's own pace."""

import contextlib
import http.client
import json
import resource
import signal
import socket
import sqlite3
import sys
import threading
import time

from harness import DEADLINE_S, main, run
from server import Daemon, DaemonCase, PREFIX


class Stream:
    """A client of the stream, as a browser's EventSource is one."""

    def __init__(self, daemon, *topics, last=None, window=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=DEADLINE_S)
        self.connection.connect()
        if window:
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        self.connection.request("GET", PREFIX + "events?" + "&".join("topic=" + t for t in topics), headers=headers)
        self.reply = self.connection.getresponse()
        self.last = last

    def close(self):
        self.reply.close()
        self.connection.close()

    def next(self):
        """The next event: its kind and its data. None at the end."""
        kind, data = None, None
        while line := self.reply.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                self.last = int(value)
            elif name == "event":
                kind = value
            elif name == "data":
                data = json.loads(value)
            elif not name and data is not None:
                return kind, data
        return None

    def take(self, count):
        events = [self.next() for _ in range(count)]
        return [(data["key"], data["message"]) for kind, data in events]


class StreamCase(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)

    def did(self, method, path, value, daemon=None):
        answer = (daemon or self.daemon).write(method, path, value)
        self.assertLess(answer.status, 300, answer.body)
        return answer.json

    def start(self, builder="b", daemon=None):
        return self.did("POST", f"builders/{builder}/builds", {}, daemon)["buildid"]

    def stream(self, *topics, last=None, daemon=None):
        stream = Stream(daemon or self.daemon, *topics, last=last)
        self.addCleanup(stream.close)
        self.assertEqual(stream.reply.status, 200)
        # What is asked of the daemon after this line of its stream comes after its begin.
        self.assertEqual(stream.reply.readline(), b"retry: 2000\n")
        time.sleep(0.05)
        return stream


class TestLive(StreamCase):
    def test_a_build_is_told_of_as_it_happens_with_its_record(self):
        stream = self.stream()
        builder = str(self.did("POST", "builders", {"name": "live"})["builderid"])
        build = self.start("live")
        step = self.did("POST", f"builds/{build}/steps", {"name": "s\n\u2028"})["stepid"]
        self.did("POST", f"steps/{step}/start", {"started_at": 1795132800})
        self.did("PUT", f"builds/{build}/properties/p%2Fq", {"value": {"x": [1, "\n"]}, "source": "s"})
        self.daemon.ask(f"builds/{build}/data/d/value", "PUT", {"Content-Type": "application/octet-stream"}, b"12")
        self.did("PATCH", f"builds/{build}", {"state_string": "half"})
        self.did("POST", f"builds/{build}/finish", {"results": 1})
        got = stream.take(8)
        self.assertEqual([key for key, _ in got],
                         [["builders", builder, "new"], ["builds", str(build), "new"],
                          ["steps", str(step), "new"], ["steps", str(step), "started"],
                          ["builds", str(build), "properties", "p/q", "updated"],
                          ["builds", str(build), "data", "d", "updated"],
                          ["builds", str(build), "update"], ["builds", str(build), "finished"]])
        self.assertEqual(got[0][1]["name"], "live")
        self.assertEqual(got[2][1]["name"], "s\n\u2028")
        self.assertEqual(got[3][1]["started_at"], 1795132800)
        self.assertEqual(got[4][1], {"name": "p/q", "source": "s", "value": '{"x": [1, "\\n"]}'})
        self.assertEqual(got[5][1]["length"], 2)
        self.assertEqual(got[7][1], self.records(f"builds/{build}")[0])

    def test_a_topic_lets_through_what_stands_under_it(self):
        build, other = self.start("t1"), self.start("t2")
        builder = self.records(f"builds/{build}")[0]["builderid"]
        streams = {topic: self.stream(*topic.split("&topic=")) for topic in (
            "builds/*", f"builders/{builder}/builds/*", f"builds/{build}/steps/*", "steps/*/new", "builds/*/finished",
            f"builds/{build}", f"builds/{other}&topic=steps/*/finished", "*/*/*/*")}
        for one in (build, other):
            step = self.did("POST", f"builds/{one}/steps", {"name": "s"})["stepid"]
            self.did("POST", f"steps/{step}/finish", {"results": 0})
            self.did("PATCH", f"builds/{one}/properties", {"p": [1, "s"]})
            self.did("POST", f"builds/{one}/finish", {"results": 0})
        last = self.did("POST", "builders/t1/builds", {"results": 0})["buildid"]
        b, o, t, n = str(build), str(other), str(step), str(last)
        s = str(step - 1)
        want = {
            "builds/*": [["builds", b, "finished"], ["builds", o, "finished"], ["builds", n, "new"],
                         ["builds", n, "finished"]],
            f"builders/{builder}/builds/*": [["builders", str(builder), "builds", i, v] for i, v in
                                             ((b, "finished"), (n, "new"), (n, "finished"))],
            f"builds/{build}/steps/*": [["builds", b, "steps", s, v] for v in ("new", "finished")],
            "steps/*/new": [["steps", s, "new"], ["steps", t, "new"]],
            "builds/*/finished": [["builds", i, "finished"] for i in (b, o, n)],
            f"builds/{build}": [["builds", b, "finished"]],
            f"builds/{other}&topic=steps/*/finished": [["steps", s, "finished"], ["steps", t, "finished"],
                                                       ["builds", o, "finished"]],
        }
        for topic, keys in want.items():
            self.assertEqual([key for key, _ in streams[topic].take(len(keys))], keys, topic)

    def test_what_another_process_writes_comes_within_two_seconds(self):
        stream = self.stream("builds/*/finished")
        self.assertEqual(run(self.folder, "run", "--db", self.db, "--builder", "elsewhere", "true").code, 0)
        begun = time.monotonic()
        self.assertEqual(stream.take(1)[0][1]["results"], 0)
        self.assertLess(time.monotonic() - begun, 2)

    def test_what_makes_no_sense_is_refused(self):
        for path in ("events?topic=", "events?limit=1", "events?" + "topic=a&" * 65, "events?topics=builds/*"):
            self.get(path, 400)
        for last in ("x", "-1", "1.5", "9" * 30):
            self.assertEqual(self.daemon.ask("events", "GET", {"Last-Event-ID": last}).status, 400)
        self.assertEqual(self.daemon.write("POST", "events", {}).status, 405)
        head = self.daemon.ask("events", "HEAD")
        self.assertEqual((head.status, head.headers["Content-Type"]), (200, "text/event-stream"))


class TestResumed(StreamCase):
    def numbers(self, events):
        return [message["number"] for _, message in events]

    def test_nothing_is_lost_and_nothing_comes_twice_over_reconnects_and_restarts(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
        topic, got, count = "builders/*/builds/*/finished", [], 0
        stream = self.stream(topic, daemon=daemon)
        for round_ in range(6):
            for _ in range(20):
                self.did("POST", "builders/resumed/builds", {"results": 0}, daemon)
                count += 1
            got += self.numbers(stream.take(7 + round_))
            last = stream.last
            stream.close()
            if round_ % 2:
                daemon.process.kill()
                daemon.process.communicate()
                daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
            stream = self.stream(topic, last=last, daemon=daemon)
        got += self.numbers(stream.take(count - len(got)))
        self.assertEqual(got, list(range(1, count + 1)))
        daemon.process.kill()
        daemon.process.communicate()

    def test_from_nought_the_whole_log_comes_also_past_what_the_daemon_holds(self):
        watching = self.stream("builds/*/new")
        for _ in range(700):
            self.did("POST", "builders/long/builds", {"results": 0})
        self.assertEqual(self.numbers(watching.take(700)), list(range(1, 701)))
        builder = self.records("builders/long")[0]["builderid"]
        late = self.stream(f"builders/{builder}/builds/*", last=0)
        self.assertEqual([(key[4], message["number"]) for key, message in late.take(1400)],
                         [(verb, i) for i in range(1, 701) for verb in ("new", "finished")])
        again = self.stream("builds/*/finished", last=watching.last)
        self.assertEqual(self.numbers(again.take(1)), [700])

    def test_a_slow_client_holds_up_nobody_and_misses_nothing(self):
        slow, quick = self.stream("builds/*"), self.stream("builds/*/update")
        build = self.start("slow")
        text = "x" * 40000
        for i in range(300):
            self.did("PATCH", f"builds/{build}", {"state_string": f"{i} {text}"})
            self.assertTrue(quick.take(1)[0][1]["state_string"].startswith(str(i)))
        with open(f"/proc/{self.daemon.process.pid}/maps", encoding="utf-8") as maps:
            is_sanitized = "libasan" in maps.read()
        with open(f"/proc/{self.daemon.process.pid}/status", encoding="ascii") as status:
            rss_kb = int(next(line for line in status if line.startswith("VmRSS")).split()[1])
        if not is_sanitized:  # the sanitizer keeps what was freed
            self.assertLess(rss_kb, 60 * 1024)
        got = slow.take(301)
        self.assertEqual(got[0][0][2], "new")
        self.assertEqual([key[2] for key, _ in got[1:]], ["update"] * 300)
        ids = [message["buildid"] for _, message in got]
        self.assertEqual(ids, [build] * 301)

    def test_who_comes_with_an_id_of_the_future_is_told_to_reload(self):
        stream = self.stream(last=10 ** 15)
        self.assertEqual(stream.next(), ("reload", {}))
        self.start("future")
        self.assertIn("new", stream.take(1)[0][0])

    def test_who_reads_ahead_of_the_others_is_not_told_to_reload(self):
        """He begins far behind, in the log, while others write: so he comes to what the feed has not read yet."""
        done = threading.Event()

        def write():
            while not done.is_set():
                self.start("ahead")
        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        kinds, last, end = set(), 0, time.monotonic() + 2
        try:
            while time.monotonic() < end:
                # The feed begins with the first of the two, at the newest event.
                with contextlib.closing(Stream(self.daemon)), contextlib.closing(Stream(self.daemon, last=last)) as late:
                    kinds.update(late.next()[0] for _ in range(20))
                    last = late.last
        finally:
            done.set()
            for writer in writers:
                writer.join()
        self.assertEqual(kinds, {"event"})

    def test_who_comes_too_late_is_told_to_reload(self):
        self.start("trimmed")
        self.start("trimmed")
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
        first = self.stream(last=0, daemon=daemon)
        first.take(2)
        daemon.stop()
        with contextlib.closing(sqlite3.connect(self.db)) as connection, connection:
            newest = connection.execute("SELECT max(position) FROM daybook_events").fetchone()[0]
            self.trim(connection, newest - 1)
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
        stream = self.stream(last=first.last, daemon=daemon)
        self.assertEqual(stream.next(), ("reload", {}))
        build = self.start("trimmed", daemon=daemon)
        self.assertEqual(stream.take(1)[0][0], ["builds", str(build), "new"])
        self.assertEqual(daemon.stop()[0], 0)

    def trim(self, connection, position):
        """What the store does with events of more than 7 days."""
        connection.execute("DELETE FROM daybook_events WHERE position <= ?", (position,))
        connection.execute("INSERT OR REPLACE INTO daybook_marks (name, value) VALUES ('events trimmed', ?)",
                           (position,))


class TestEnd(StreamCase):
    def test_a_signal_ends_streams_at_once(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
        streams = [self.stream(daemon=daemon) for _ in range(3)]
        begun = time.monotonic()
        self.assertEqual(daemon.stop(signal.SIGTERM), (0, ""))
        self.assertLess(time.monotonic() - begun, 4)
        for stream in streams:
            self.assertIsNone(stream.next())

    def test_streams_that_leave_harm_nobody(self):
        for i in range(100):
            stream = Stream(self.daemon, "builds/*", last=0)
            if i % 2:
                stream.reply.readline()
            stream.close()
        stream = self.stream()
        self.start("leaving")
        stream.take(1)

    def test_a_thousand_streams_at_once_all_hear(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
        streams = [self.stream_quickly() for _ in range(1000)]
        time.sleep(0.2)
        build = self.start("thousand")
        for stream in streams:
            self.assertEqual(stream.take(1)[0][0], ["builds", str(build), "new"])
            stream.close()

    def stream_quickly(self):
        stream = Stream(self.daemon, "builds/*/new")
        self.assertEqual(stream.reply.readline(), b"retry: 2000\n")
        return stream


class TestMasters(DaemonCase):
    def test_without_an_event_log_the_list_of_events_is_409_that_says_what_to_do(self):
        self.assertIn("adopt", self.get("event_list", 409).json["error"])


if __name__ == "__main__":
    sys.exit(main(__name__))
