#!/usr/bin/env python3
"""Too much at once: of one client, which is 429, and for the database, which is 503; both say when to come again."""

import contextlib
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from harness import PROGRAM, environment, main, run
from server import Daemon, DaemonCase

RATE = 1
BURST_S = 5


class RateCase(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "run", "--db", cls.db, "--builder", "b", "true")

    def start(self, *words):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", *words)
        self.addCleanup(daemon.stop)
        return daemon

    def ask_many(self, daemon, count, path="/healthz"):
        """The answers of one connection's requests."""
        with contextlib.closing(daemon.channel()) as connection:
            for _ in range(count):
                connection.request("GET", path)
                reply = connection.getresponse()
                reply.body = reply.read()
                yield reply


class TestRate(RateCase):
    def test_a_client_that_asks_too_often_is_429_until_it_has_waited(self):
        daemon = self.start("--rate", str(RATE))
        begun = time.monotonic()
        replies = list(self.ask_many(daemon, 60, "/"))
        allowed = RATE * BURST_S + RATE * (time.monotonic() - begun)
        good = [reply for reply in replies if reply.status == 200]
        self.assertTrue(RATE * BURST_S <= len(good) <= allowed + 1, len(good))
        refused = [reply for reply in replies if reply.status != 200]
        self.assertEqual({(r.status, r.getheader("Retry-After")) for r in refused}, {(429, "1")})
        self.assertIn(b"requests a second", refused[0].body)
        end = time.monotonic() + 10
        while daemon.ask("builds").status != 200:
            self.assertLess(time.monotonic(), end)

    def test_this_machine_is_not_limited_unless_that_is_asked_for(self):
        for words in ((), ("--rate", "0")):
            statuses = {reply.status for reply in self.ask_many(self.start(*words), 700)}
            self.assertEqual(statuses, {200}, words)

    def test_one_client_gets_a_fourth_of_the_connections_and_others_theirs(self):
        daemon = self.start("--rate", "1000")  # a rate that is given is this machine's, too
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(daemon.connect()) for _ in range(1536 // 4)]
            for client in clients:
                client.sendall(b"GET /healthz HTTP/1.1\r\n")
            with daemon.connect() as late:
                self.assertEqual(late.recv(1), b"")
            with socket.create_connection(("127.0.0.1", daemon.port), 30, ("127.0.0.2", 0)) as other:
                other.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                self.assertIn(b" 200 ", other.recv(65536))
        end = time.monotonic() + 10
        while True:  # theirs have ended
            with contextlib.suppress(OSError):
                if daemon.ask("/healthz").status == 200:
                    break
            self.assertLess(time.monotonic(), end)

    def test_without_descriptors_connections_wait_and_nothing_is_said(self):
        few = subprocess.Popen(["sh", "-c", 'ulimit -n 150; exec "$@"', "sh", PROGRAM, "serve", "--db", self.db,
                                "--listen", "127.0.0.1:0"], env=environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        port = int(few.stdout.readline().partition("127.0.0.1:")[2].partition("/")[0])
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            time.sleep(0.5)
        with socket.create_connection(("127.0.0.1", port), 30) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.assertIn(b" 200 ", client.recv(65536))
        few.terminate()
        self.assertEqual(few.communicate(timeout=60)[1], "")

    def test_too_few_descriptors_are_refused(self):
        done = subprocess.run(["sh", "-c", 'ulimit -n 100; exec "$@"', "sh", PROGRAM, "serve", "--db", self.db],
                              env=environment(), capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 17)
        self.assertIn("LimitNOFILE", done.stderr)

    def test_a_rate_that_is_none_is_refused(self):
        for words in (("--rate", "-1"), ("--rate", "x"), ("--queue", "0"), ("--queue", "2000000")):
            self.assertEqual(run(self.folder, "serve", "--db", self.db, *words).code, 2, words)


class TestQueue(RateCase):
    def test_a_full_queue_is_503_and_what_was_taken_is_done(self):
        daemon = self.start("--queue", "4")
        statuses, lock = [], threading.Lock()

        def write():
            answer = daemon.write("POST", "builders/busy/builds", {"results": 0})
            with lock:
                statuses.append((answer.status, answer.headers["Retry-After"]))
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            threads = [threading.Thread(target=write) for _ in range(12)]
            for thread in threads:
                thread.start()
            end = time.monotonic() + 20
            while len(statuses) < 8:
                self.assertLess(time.monotonic(), end, statuses)
                time.sleep(0.01)
            self.assertEqual(set(statuses), {(503, "1")})
            other.execute("ROLLBACK")
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [(201, None)] * 4 + [(503, "1")] * 8)
        self.assertEqual(daemon.ask("builders/busy/builds").json["meta"]["total"], 4)


if __name__ == "__main__":
    sys.exit(main(__name__))
