#!/usr/bin/env python3
"""POST BUILD/erase: what is erased is found nowhere in the database's files, and who may not do it does not."""

import contextlib
import json
import os
import sqlite3
import sys
import time

from harness import DEADLINE_S, main, run
from server import Daemon, DaemonCase

SECRET = "hunter2-hunter2-hunter2"


class EraseCase(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)

    def setUp(self):
        self.id, self.number = self.leak()

    def leak(self):
        """A build with the secret in all that it has. Result: its id and number."""
        answer = self.daemon.write("POST", "builders/b/builds", {
            "results": 0, "properties": {"password": [SECRET, "test"], "kept": ["kept", "test"]},
            "steps": [{"name": "one", "state_string": SECRET, "results": 0}],
            "data": [{"name": "a/key", "value": SECRET * 1000}, {"name": "kept", "value": "kept"}]})
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json["buildid"], answer.json["number"]

    def erase(self, what, status=200, path=None, daemon=None, **headers):
        answer = (daemon or self.daemon).write("POST", path or f"builds/{self.id}/erase", what, **headers)
        self.assertEqual(answer.status, status, answer.body)
        return answer.json

    def count(self):
        """How often the secret is in the database's files."""
        found = 0
        for name in os.listdir(self.folder):
            if name.startswith("daybook.sqlite"):
                with open(os.path.join(self.folder, name), "rb") as file:
                    found += file.read().count(SECRET.encode())
        return found


class TestErase(EraseCase):
    def tearDown(self):
        self.erase({"contents": True})
        self.assertEqual(self.count(), 0)

    def test_a_property_goes_and_what_may_hold_it_is_named(self):
        answer = self.erase({"property": "password"})
        self.assertEqual(answer["buildid"], self.id)
        self.assertEqual(answer["tables"], {"build_properties": {"rows": 1, "bytes": len(SECRET) + 2}})
        self.assertIn("backups", " ".join(answer["left"]))
        self.assertEqual(list(self.records(f"builds/{self.id}/properties")[0]), ["kept"])
        self.assertEqual(self.get(f"builds/{self.id}/data/a%2Fkey/value").body, (SECRET * 1000).encode())

    def test_a_value_goes_of_a_build_that_its_number_names(self):
        answer = self.erase({"data": "a/key"}, path=f"builders/b/builds/{self.number}/erase")
        self.assertEqual(answer["tables"]["build_data"]["rows"], 1)
        self.get(f"builds/{self.id}/data/a%2Fkey", 404)
        self.get(f"builds/{self.id}/data/kept")

    def test_contents_go_and_the_build_stays(self):
        answer = self.erase({"contents": True})
        for table, rows in (("steps", 1), ("build_properties", 2), ("build_data", 2)):
            self.assertEqual(answer["tables"][table]["rows"], rows)
        self.assertEqual(self.count(), 0)
        self.assertEqual(self.records(f"builds/{self.id}")[0]["number"], self.number)
        self.assertEqual(self.records(f"builds/{self.id}/steps"), [])

    def test_what_is_not_there_is_404_and_what_is_not_said_400(self):
        self.erase({"property": "none"}, 404)
        self.erase({"data": "none"}, 404)
        self.erase({"contents": True}, 404, path="builds/999999/erase")
        for what in ({}, {"contents": False}, {"property": "password", "data": "a/key"},
                     {"property": "password", "contents": True}):
            self.assertIn("one of property, data and contents", self.erase(what, 400)["error"])
        self.erase({"property": 1}, 400)
        self.erase({"property": "password", "vacuum": True}, 400)
        # What "last" means changes with time.
        self.erase({"contents": True}, 404, path="builders/b/builds/last/erase")
        self.assertIn("can be done again", self.erase({"contents": True}, 400, Idempotency_Key="k")["error"])
        self.assertEqual(len(self.records(f"builds/{self.id}/properties")[0]), 2)

    def test_a_reader_that_holds_the_log_makes_it_503_and_the_same_request_finishes(self):
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM builds").fetchone()
            self.assertIn("do this again", self.erase({"property": "password"}, 503)["error"])
            reader.execute("COMMIT")
        self.assertEqual(self.erase({"property": "password"})["tables"], {})

    def send(self, client, method, path, value):
        body = json.dumps(value).encode()
        client.sendall(b"%s /api/v2/builds/%d%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (method, self.id, path, self.daemon.port, len(body), body))
        time.sleep(0.1)
        self.get("builders")  # the daemon has read it by then

    def test_it_goes_on_when_its_client_has_gone(self):
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with self.daemon.connect() as first, self.daemon.connect() as client:
                self.send(first, b"PATCH", b"", {"state_string": "x"})  # which waits for that
                self.send(client, b"POST", b"/erase", {"contents": True})  # and this for it
                client.close()
                time.sleep(0.1)
                self.get("builders")
                other.execute("COMMIT")
                first.recv(1)
        until = time.monotonic() + DEADLINE_S
        while self.count():  # to its last part, which is the files
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)

    def test_the_command_does_it_through_the_daemon(self):
        url = f"http://127.0.0.1:{self.daemon.port}"
        build = f"b/{self.number}"
        done = run(self.folder, "erase", build, "--property", "password", "--db", url)
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertIn("deleted 1 row of build_properties", done.out)
        self.assertIn("backups", done.out)
        done = run(self.folder, "erase", build, "--property", "password", "--db", url)
        self.assertEqual(done.code, 3)
        self.assertIn("no property 'password'", done.err)
        done = run(self.folder, "erase", build, "--data", "a/key", "--json", "--db", url)
        self.assertEqual((done.json["buildid"], done.json["tables"]["build_data"]["rows"]), (self.id, 1))
        self.assertTrue(done.json["left"])
        done = run(self.folder, "erase", build, "--contents", "--vacuum", "--db", url)
        self.assertEqual(done.code, 5)
        self.assertIn("not for a daemon", done.err)


class TestWhoMay(EraseCase):
    def test_it_is_a_write_of_the_builds_builder(self):
        tokens = os.path.join(self.folder, "tokens")

        def token(name, right, builder):
            return "Bearer " + run(self.folder, "token", "add", name, "--tokens", tokens, "--right", right, "--builder",
                                   builder).out.strip()

        reader, other, writer = token("reader", "read", "b"), token("other", "write", "c"), token("writer", "write", "b")
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--tokens", tokens)
        try:
            for who, status in ((None, 401), (reader, 403), (other, 403), (writer, 200)):
                headers = {"Authorization": who} if who else {}
                self.erase({"contents": True}, status, daemon=daemon, **headers)
        finally:
            self.assertEqual(daemon.stop()[0], 0)
        self.assertEqual(self.records(f"builds/{self.id}/steps"), [])

    def test_a_daemon_that_takes_no_writes_erases_nothing(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--read-only")
        try:
            self.erase({"contents": True}, 403, daemon=daemon)
        finally:
            daemon.stop()
        self.assertGreater(self.count(), 0)


if __name__ == "__main__":
    sys.exit(main(__name__))
