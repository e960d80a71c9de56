#!/usr/bin/env python3
"""`daybook serve` as a program: where it listens, what it refuses to serve, its limits, how it ends."""

import hashlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time

from harness import DEADLINE_S, PROGRAM, environment, main, run
from server import Daemon, DaemonCase

ROWS_MAX = 10000
CONNECTIONS_MAX = 1536


def hash_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class TestPlace(DaemonCase):
    def refused(self, *words):
        done = run(self.folder, "serve", "--db", self.db, *words)
        self.assertEqual((done.code, done.out), (2, ""))
        return done.err

    def test_it_says_where_and_that_it_only_reads(self):
        self.assertIn(f"http://127.0.0.1:{self.daemon.port}/api/v2/", self.daemon.greeting)
        self.assertIn("read-only", self.daemon.greeting)
        self.assertIn("daybook.sqlite", self.daemon.greeting)

    def test_without_an_address_the_next_free_port_is_taken(self):
        first, second = Daemon(self.db), Daemon(self.db, "--read-only")
        try:
            self.assertLess(first.port, second.port)
            self.assertTrue(8011 <= first.port <= 8110)
            self.assertEqual(second.ask("builds/1").body, first.ask("builds/1").body)
        finally:
            ended = first.stop(), second.stop()
        self.assertEqual(ended, ((0, ""), (0, "")))

    def test_an_address_that_is_taken_is_refused(self):
        done = run(self.folder, "serve", "--db", self.db, "--listen", f"127.0.0.1:{self.daemon.port}")
        self.assertEqual(done.code, 13)
        self.assertIn("in use", done.err)

    def test_it_listens_on_loopback_only(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.org:0"):
            self.assertIn("loopback", self.refused("--listen", address))

    def test_an_address_that_is_none_is_refused(self):
        for address in ("", "8011", "127.0.0.1", "127.0.0.1:", ":8011", "127.0.0.1:65536", "127.0.0.1:-1",
                        "127.0.0.1:80x", "::1:8011", "[::1]", "127.0.0.1:123456789012345678901"):
            self.assertIn("ADDRESS:PORT", self.refused("--listen", address))

    def test_a_database_that_is_missing_is_not_made(self):
        done = run(self.folder, "serve", "--db", "missing.sqlite")
        self.assertEqual(done.code, 3)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "missing.sqlite")))


class TestEnd(DaemonCase):
    def test_a_signal_ends_it_at_once_also_while_clients_wait(self):
        for signo in (signal.SIGTERM, signal.SIGINT):
            daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
            with daemon.connect() as idle, daemon.connect() as half:
                half.sendall(b"GET /api/v2/builds/1 HTTP/1.1\r\nHost: loc")
                self.assertEqual(daemon.ask("builds/1").status, 200)
                begun = time.monotonic()
                self.assertEqual(daemon.stop(signo), (0, ""))
                self.assertLess(time.monotonic() - begun, 4)
                self.assertEqual(idle.recv(1), b"")
                self.assertEqual(half.recv(1), b"")

    def test_it_changes_not_one_byte_of_a_masters_database(self):
        before = hash_of(self.db), sorted(os.listdir(self.folder))
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
        for path in ("builds?property=*", "builds/4/steps", "builds/4/data/object-archive/value"):
            self.assertEqual(daemon.ask(path).status, 200)
        self.assertEqual(daemon.stop(), (0, ""))
        self.assertEqual((hash_of(self.db), sorted(os.listdir(self.folder))), before)


class TestOwn(DaemonCase):
    """A store of daybook's own, with more builds than one answer may have and a large value."""

    @classmethod
    def record(cls):
        cls.value = os.urandom(5 * 1024 * 1024 + 17)
        done = run(cls.folder, "run", "--db", cls.db, "--builder", "b/1 ü", "--step", "s", "true")
        for name, value in (("large", cls.value), ("piece", cls.value[:1 << 20]), ("empty", b""),
                            ("a \"b\"\n/ü", b"odd")):
            subprocess.run([PROGRAM, "data", "put", "--db", cls.db, "b/1 ü/1", name], input=value,
                           env=environment(), check=True, timeout=DEADLINE_S)
        with sqlite3.connect(cls.db) as connection:
            connection.execute(
                "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= ?)"
                " INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid,"
                " started_at, complete_at, state_string, results, locks_duration_s)"
                " SELECT n.i, builderid, buildrequestid, workerid, masterid, started_at, complete_at,"
                " state_string, results, locks_duration_s FROM builds, n WHERE number = 1",
                (ROWS_MAX,))
        connection.close()
        if done.code:
            raise AssertionError(done.err)

    def test_too_many_records_are_413_that_names_the_way_out(self):
        message = self.get("builds", 413).json["error"]
        self.assertIn("limit", message)
        self.assertIn("cursor", message)
        self.get(f"builds?limit={ROWS_MAX + 1}", 413)
        self.assertEqual(len(self.records(f"builds?limit={ROWS_MAX}")), ROWS_MAX)
        page = self.get("builds?cursor=&order=number").json
        self.assertEqual(len(page["builds"]), ROWS_MAX)
        rest = self.get(f"builds?cursor={page['meta']['next_cursor']}&order=number").json["builds"]
        self.assertEqual([b["number"] for b in rest], [ROWS_MAX + 1])

    def test_names_may_hold_anything(self):
        raw = b"GET /api/v2/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        got = self.daemon.send(raw % b"builders/b%2F1%20%C3%BC/builds/1")
        self.assertIn(b'"number": 1,', got)
        got = self.daemon.send(raw % b"builds/1/data/a%20%22b%22%0A%2F%C3%BC/value")
        self.assertTrue(got.endswith(b"\r\n\r\nodd"), got)
        self.assertIn(b"\r\nContent-Disposition: attachment; filename*=UTF-8''a%20%22b%22%0A%2F%C3%BC\r\n", got)

    def test_a_value_comes_whole_whatever_its_size(self):
        for name, value in (("large", self.value), ("piece", self.value[:1 << 20]), ("empty", b"")):
            answer = self.get(f"builds/1/data/{name}/value")
            self.assertEqual(answer.headers["Content-Length"], str(len(value)))
            self.assertEqual(hashlib.sha256(answer.body).digest(), hashlib.sha256(value).digest())

    def put(self, name, value):
        subprocess.run([PROGRAM, "data", "put", "--db", self.db, "1", name], input=value,
                       env=environment(), check=True, timeout=DEADLINE_S)

    def test_a_value_that_is_replaced_while_it_goes_out_is_never_mixed(self):
        old, new = b"o" * len(self.value), b"n" * len(self.value)
        self.put("turning", old)
        with self.daemon.connect() as client:
            client.settimeout(DEADLINE_S)
            client.sendall(b"GET /api/v2/builds/1/data/turning/value HTTP/1.1\r\nHost: localhost\r\n"
                           b"Connection: close\r\n\r\n")
            got = client.recv(65536)
            self.put("turning", new)
            while piece := client.recv(65536):
                got += piece
        body = got.partition(b"\r\n\r\n")[2]
        self.assertEqual(body, old[:len(body)])
        self.assertEqual(self.get("builds/1/data/turning/value").body, new)

    def test_readers_of_a_large_value_that_leave_harm_nobody(self):
        for _ in range(20):
            with self.daemon.connect() as client:
                client.sendall(b"GET /api/v2/builds/1/data/large/value HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertTrue(client.recv(100))
        self.assertEqual(len(self.get("builds/1/data/large/value").body), len(self.value))

    def test_no_more_connections_than_the_limit(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
        clients = [self.daemon.connect() for _ in range(CONNECTIONS_MAX + 8)]
        try:
            late = clients[-1]
            late.sendall(b"GET /api/v2/builds/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            late.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                late.recv(1)
            for client in clients[:20]:
                client.close()
            late.settimeout(DEADLINE_S)
            self.assertTrue(late.recv(100).startswith(b"HTTP/1.1 200"))
        finally:
            for client in clients:
                client.close()
        self.get("builds/1")


if __name__ == "__main__":
    sys.exit(main(__name__))
