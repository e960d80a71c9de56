#!/usr/bin/env python3
"""The daemon's limits of time and memory: who is sent away, and who may take as long as it takes."""

import socket
import subprocess
import sys
import threading
import time

from harness import DEADLINE_S, PROGRAM, environment, main, run
from server import DaemonCase

GET = b"GET /api/v2/%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
VALUE_LEN = 40 << 20


class TestLimits(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "run", "--db", cls.db, "--builder", "b", "true")
        subprocess.run([PROGRAM, "data", "put", "--db", cls.db, "1", "large"], input=b"v" * VALUE_LEN,
                       env=environment(), check=True, timeout=DEADLINE_S)

    def until_ended(self, client):
        """Seconds until the daemon ends a connection, and what it said."""
        begun, got = time.monotonic(), b""
        while piece := client.recv(65536):
            got += piece
        return time.monotonic() - begun, got

    def test_who_says_nothing_is_sent_away_and_who_listens_or_reads_slowly_is_not(self):
        results = {}

        def silent(name, request):
            with self.daemon.connect() as client:
                client.settimeout(DEADLINE_S)
                client.sendall(request)
                results[name] = self.until_ended(client)

        def read_slowly():
            with self.daemon.connect() as client:
                client.settimeout(DEADLINE_S)
                client.sendall(GET % b"builds/1/data/large/value")
                got = 0
                while got < VALUE_LEN:
                    piece = client.recv(min(1 << 20, VALUE_LEN - got))
                    if not piece:
                        break
                    got += len(piece)
                    time.sleep(35 * len(piece) / VALUE_LEN)
                results["slow"] = got

        def listen():
            with self.daemon.connect() as client:
                client.settimeout(DEADLINE_S)
                client.sendall(GET % b"events?topic=builds/99")
                end, got = time.monotonic() + 36, b""
                while time.monotonic() < end and (piece := client.recv(65536)):
                    got += piece
                    if got.count(b"id: ") >= 2:
                        break
                results["stream"] = got.count(b"id: ")

        threads = [threading.Thread(target=target, args=args) for target, args in (
            (silent, ("nothing", b"")), (silent, ("half", b"GET /api/v2/builds/1 HTTP/1.1\r\nHo")),
            (silent, ("body", b"PUT /api/v2/builds/1/data/x/value HTTP/1.1\r\nHost: localhost\r\n"
                              b"Content-Type: application/octet-stream\r\nContent-Length: 100\r\n\r\nabc")),
            (silent, ("answered", GET % b"builds/1")), (read_slowly, ()), (listen, ()))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in ("nothing", "half", "body", "answered"):
            seconds, said = results[name]
            self.assertTrue(28 < seconds < 50, (name, seconds))
            self.assertEqual(said.count(b"HTTP/1.1 200"), name == "answered")
        self.assertGreaterEqual(results["slow"], VALUE_LEN)
        self.assertEqual(results["stream"], 2)
        self.get("builds/1/data/x", 404)

    def test_bodies_that_are_not_whole_have_a_limit_over_all_connections(self):
        head = (b"PUT /api/v2/builds/1/data/x/value HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/octet-stream\r\nContent-Length: 67108864\r\n\r\n")
        part, ended, clients = b"x" * 60000000, 0, []
        try:
            for _ in range(6):
                client = socket.create_connection(("127.0.0.1", self.daemon.port), DEADLINE_S)
                clients.append(client)
                try:
                    client.sendall(head + part)
                except OSError:
                    ended += 1
            self.assertGreaterEqual(ended, 1)
            self.assertLessEqual(ended, 2)
            self.get("builds/1")
        finally:
            for client in clients:
                client.close()
        self.get("builds/1/data/x", 404)


if __name__ == "__main__":
    sys.exit(main(__name__))
