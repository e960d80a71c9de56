#!/usr/bin/env python3
"""Writes over HTTP: builds whole and piece by piece, once each, and what is refused leaves nothing."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest

from harness import DEADLINE_S, main, run
from server import Daemon, DaemonCase, PREFIX

JSON = {"Content-Type": "application/json"}
BYTES = {"Content-Type": "application/octet-stream"}
WHOLE = {
    "worker": "builder-7", "master": "cron", "reason": "nightly", "state_string": "build failed",
    "started_at": 1795132800, "complete_at": 1795132860, "results": "failure", "locks_duration_s": 3,
    "sourcestamps": [{"repository": "https://example.org/a.git", "branch": "main", "revision": "c0ffee",
                      "codebase": "", "project": "a"}],
    "properties": {"branch": ["main", "Build"], "numbers": [[1, 2.5, None, {"a": "ü"}], "http"]},
    "steps": [{"name": "compile", "state_string": "finished", "started_at": 1795132801,
               "locks_acquired_at": 1795132802, "complete_at": 1795132850, "results": 0, "hidden": True,
               "urls": [{"name": "log", "url": "https://example.org/log"}]},
              {"name": "compile"}],
    "data": [{"name": "report", "value": "häßlich\n", "source": "test"},
             {"name": "archive", "base64": base64.b64encode(bytes(range(256))).decode()},
             {"name": "empty", "base64": ""}],
}


class OwnCase(DaemonCase):
    """An empty store of daybook's own."""

    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)

    def did(self, method, path, value, status=200, **headers):
        answer = self.daemon.write(method, path, value, **headers)
        self.assertEqual(answer.status, status, f"{path}: {answer.body[:300]}")
        if status >= 400:
            self.assertTrue(answer.json["error"])
        return answer.json

    def start(self, builder, **members):
        return self.did("POST", f"builders/{builder}/builds", members, 201)["buildid"]

    def one(self, path):
        return self.records(path)[0]


class TestWhole(OwnCase):
    def test_a_whole_build_reads_as_it_was_sent(self):
        answer = self.daemon.write("POST", "builders/whole/builds", WHOLE)
        self.assertEqual(answer.status, 201)
        added = answer.json
        self.assertEqual(added["number"], 1)
        self.assertEqual(answer.headers["Location"], f"{PREFIX}builds/{added['buildid']}")
        build = self.one(f"builds/{added['buildid']}?property=*")
        self.assertEqual({name: build[name] for name in ("state_string", "started_at", "complete_at",
                                                         "results", "locks_duration_s", "properties")},
                         {"state_string": "build failed", "started_at": 1795132800,
                          "complete_at": 1795132860, "results": 2, "locks_duration_s": 3,
                          "properties": WHOLE["properties"]})
        self.assertEqual(self.one(f"builders/{build['builderid']}")["name"], "whole")
        self.assertEqual(self.one(f"workers/{build['workerid']}")["name"], "builder-7")
        self.assertEqual(self.one(f"masters/{build['masterid']}")["name"], "cron")
        steps = self.records(f"builds/{added['buildid']}/steps")
        self.assertEqual([s["name"] for s in steps], ["compile", "compile_1"])
        for name, value in WHOLE["steps"][0].items():
            self.assertEqual(steps[0][name], value)
        self.assertIsNone(steps[1]["started_at"])
        request = self.one(f"buildrequests/{build['buildrequestid']}")
        self.assertEqual(self.one(f"buildsets/{request['buildsetid']}")["reason"], "nightly")
        stamp = self.one(f"buildsets/{request['buildsetid']}/sourcestamps")
        for name, value in WHOLE["sourcestamps"][0].items():
            self.assertEqual(stamp[name], value)
        for name, value in (("report", "häßlich\n".encode()), ("archive", bytes(range(256))), ("empty", b"")):
            self.assertEqual(self.daemon.ask(f"builds/{added['buildid']}/data/{name}/value").body, value)

    @unittest.skipUnless(shutil.which("curl") or os.environ.get("CI"), "curl is missing")
    def test_one_line_of_curl_records_a_build(self):
        done = subprocess.run(
            ["curl", "-sS", "-H", "Content-Type: application/json", "-d", '{"results": "success"}',
             f"http://127.0.0.1:{self.daemon.port}/api/v2/builders/curl%2Fx/builds"],
            capture_output=True, timeout=DEADLINE_S, check=True)
        build = self.one(f"builds/{json.loads(done.stdout)['buildid']}")
        self.assertEqual((build["number"], build["results"], build["complete"]), (1, 0, True))

    def test_a_propertys_json_comes_back_as_it_was_written(self):
        texts = ['["Köln", 1.10, 1e2,  "\\u00fc"]', '{"a" : {"b":[1,{}]}}', "-0.10", '"x,\\"]}"', "null", "[ ]", "true"]
        pairs = ", ".join(f'"é{i}" :[ {text} , "s"]' for i, text in enumerate(texts))
        bodies = [("POST", "builders/texts/builds", f'{{"reason": "r", "properties": {{{pairs}}}, "results": 0}}', 201),
                  ("PATCH", "builds/{}/properties", f"\n{{{pairs}}}", 200)]
        bodies += [("PUT", f"builds/{{}}/properties/é{i}", f'{{"source": "t", "value" :{text} }}', 200)
                   for i, text in enumerate(texts)]
        build = self.start("texts")
        for method, path, body, status in bodies:
            answer = self.daemon.ask(path.format(build), method, {"Content-Type": "application/json"}, body.encode())
            self.assertEqual(answer.status, status, answer.body)
            build = answer.json.get("buildid", build)
            written = {p["name"]: p["value"] for p in self.records(f"builds/{build}/property_list")}
            self.assertEqual([written[f"é{i}"] for i in range(len(texts))], texts, body)

    def test_a_builder_that_is_there_is_named_by_its_id_too(self):
        self.start("twice")
        builderid = self.one("builders?name=twice")["builderid"]
        self.assertEqual(self.did("POST", f"builders/{builderid}/builds", {}, 201)["number"], 2)
        self.did("POST", "builders/99999/builds", {}, 404)

    def test_the_same_key_records_once(self):
        first = self.did("POST", "builders/keyed/builds", WHOLE, 201, Idempotency_Key="k1")
        self.assertEqual(self.did("POST", "builders/keyed/builds", WHOLE, 201, Idempotency_Key="k1"), first)
        self.did("POST", "builders/keyed/builds", {}, 422, Idempotency_Key="k1")
        self.did("POST", "builders/keyed/builds", {}, 400, Idempotency_Key="k" * 129)
        self.assertEqual(self.get("builders/keyed/builds").json["meta"]["total"], 1)

    def test_sixteen_clients_at_once_lose_and_double_nothing(self):
        def work(client):
            for i in range(10):
                for _ in range(2):
                    self.did("POST", "builders/many/builds", {"results": 0}, 201,
                             Idempotency_Key=f"{client}-{i}")
        threads = [threading.Thread(target=work, args=(client,)) for client in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        numbers = [b["number"] for b in self.records("builders/many/builds?order=number")]
        self.assertEqual(numbers, list(range(1, 161)))


class TestPieces(OwnCase):
    def test_a_build_piece_by_piece(self):
        before = int(time.time())
        build = self.start("pieces", state_string="starting")
        self.assertFalse(self.one(f"builds/{build}")["complete"])
        self.did("PATCH", f"builds/{build}", {"state_string": "compiling"})
        self.did("POST", f"builds/{build}/locks_duration", {"duration_s": 4})
        self.did("POST", f"builders/pieces/builds/1/locks_duration", {"duration_s": 3})
        step = self.did("POST", f"builds/{build}/steps", {"name": "test"}, 201)
        self.assertEqual((step["number"], step["name"]), (0, "test"))
        again = self.did("POST", f"builders/pieces/builds/1/steps", {"name": "test", "state_string": "x"}, 201)
        self.assertEqual((again["number"], again["name"]), (1, "test_1"))
        path = f"steps/{step['stepid']}"
        self.did("POST", path + "/start", {})
        self.did("POST", path + "/locks_acquired", {"locks_acquired_at": 1795132802})
        self.did("PATCH", path, {"state_string": "ü"})
        for _ in range(2):
            self.did("POST", path + "/urls", {"name": "n", "url": "https://example.org/"})
        self.did("POST", path + "/finish", {"results": "warnings", "hidden": True})
        got = self.one(path)
        self.assertEqual((got["state_string"], got["results"], got["hidden"], got["locks_acquired_at"],
                          got["urls"]), ("ü", 1, True, 1795132802, [{"name": "n", "url": "https://example.org/"}]))
        self.assertGreaterEqual(got["started_at"], before)
        self.did("POST", f"builders/pieces/builds/1/finish", {"results": 4})
        got = self.one(f"builds/{build}")
        self.assertEqual((got["results"], got["state_string"], got["locks_duration_s"]), (4, "compiling", 7))

    def test_properties_one_and_several(self):
        build = self.start("properties")
        self.did("PUT", f"builds/{build}/properties/a%2Fb", {"value": {"x": [1, None, "ü"]}, "source": "me"})
        self.did("PUT", f"builds/{build}/properties/none", {"value": None})
        self.did("PATCH", f"builds/{build}/properties", {"n": [12345678901234567, "s"], "none": ["set", "t"]})
        self.assertEqual(self.one(f"builds/{build}/properties"),
                         {"a/b": [{"x": [1, None, "ü"]}, "me"], "n": [12345678901234567, "s"],
                          "none": ["set", "t"]})

    def test_data_is_kept_byte_for_byte(self):
        build = self.start("data")
        value = os.urandom(5 * 1024 * 1024 + 3)
        path = f"builds/{build}/data/%C3%BC%2F1/value"
        for sent in (value, b"", value[:10]):
            answer = self.daemon.ask(path + "?source=upload", "PUT", BYTES, sent)
            self.assertEqual(answer.status, 200, answer.body[:200])
            self.assertEqual(hashlib.sha256(self.daemon.ask(path).body).digest(), hashlib.sha256(sent).digest())
        self.assertEqual(self.one(f"builds/{build}/data")["source"], "upload")
        self.assertEqual(self.daemon.ask(path, "DELETE").status, 200)
        self.assertEqual(self.daemon.ask(path, "DELETE").status, 404)

    def test_parents_are_found_or_added(self):
        for kind in ("builder", "worker", "master"):
            first = self.did("POST", kind + "s", {"name": "p/ü"})
            self.assertEqual(self.did("POST", kind + "s", {"name": "p/ü"}), first)
            self.assertEqual(self.one(f"{kind}s/{first[kind + 'id']}")["name"], "p/ü")

    def test_what_is_not_there_is_404(self):
        for method, path, value in (
                ("PATCH", "builds/9999", {"state_string": "x"}), ("POST", "builds/9999/finish", {"results": 0}),
                ("POST", "builds/9999/locks_duration", {"duration_s": 1}),
                ("POST", "builds/9999/steps", {"name": "x"}), ("PATCH", "builds/9999/properties", {"a": [1, "b"]}),
                ("PUT", "builds/9999/properties/a", {"value": 1}), ("PATCH", "steps/9999", {"state_string": "x"}),
                ("POST", "steps/9999/start", {}), ("POST", "steps/9999/locks_acquired", {}),
                ("POST", "steps/9999/finish", {"results": 0}), ("POST", "steps/x/finish", {"results": 0}),
                ("POST", "steps/9999/urls", {"name": "n", "url": "u"}),
                ("POST", "builders/nosuch/builds/1/finish", {"results": 0}),
                ("PATCH", "builders/nosuch/builds/1", {"state_string": "x"}), ("POST", "nosuch", {})):
            with self.subTest(path=path):
                self.did(method, path, value, 404)
        self.assertEqual(self.daemon.ask("builds/9999/data/x/value", "PUT", BYTES, b"x").status, 404)


# The path, the body (bytes, or what becomes JSON), and the status.
REFUSED = [
    ("builders/r/builds", b"", 400), ("builders/r/builds", b"{", 400), ("builders/r/builds", b"[]", 400),
    ("builders/r/builds", b"null", 400), ("builders/r/builds", b"{} {}", 400),
    ("builders/r/builds", b'{"results": 0, "results": 1}', 400), ("builders/r/builds", b'{"reason": "\xff"}', 400),
    ("builders/r/builds", b'{"reason": "\\u0000"}', 400), ("builders/r/builds", b'{"reason": "\\ud800"}', 400),
    ("builders/r/builds", b"[" * 100000, 400), ("builders/r/builds", b'{"a":' * 100000, 400),
    ("builders/r/builds", b'{"properties": {"n": [1e999, "s"]}}', 400),
    ("builders/r/builds", b'{"properties": {"n": [99999999999999999999, "s"]}}', 400),
    ("builders/r/builds", {"resutls": 0}, 400), ("builders/r/builds", {"results": 7}, 400),
    ("builders/r/builds", {"results": "good"}, 400), ("builders/r/builds", {"results": True}, 400),
    ("builders/r/builds", {"results": 0.0}, 400), ("builders/r/builds", {"worker": 1}, 400),
    ("builders/r/builds", {"worker": "w" * 51}, 400), ("builders/r/builds", {"steps": {}}, 400),
    ("builders/r/builds", {"steps": [1]}, 400), ("builders/r/builds", {"steps": [{}]}, 400),
    ("builders/r/builds", {"steps": [{"name": "a", "hidden": 1}]}, 400),
    ("builders/r/builds", {"steps": [{"name": "a", "urls": [{"name": "x"}]}]}, 400),
    ("builders/r/builds", {"steps": [{"name": "a", "urls": "x"}]}, 400),
    ("builders/r/builds", {"steps": [{"name": None}]}, 400), ("builders/r/builds", {"properties": []}, 400),
    ("builders/r/builds", {"properties": {"a": 1}}, 400), ("builders/r/builds", {"properties": {"a": [1]}}, 400),
    ("builders/r/builds", {"properties": {"a": [1, None]}}, 400),
    ("builders/r/builds", {"sourcestamps": [{"repo": "x"}]}, 400), ("builders/r/builds", {"data": [{"name": "a"}]}, 400),
    ("builders/r/builds", {"data": [{"name": "a", "value": "x", "base64": "eA=="}]}, 400),
    ("builders/r/builds", {"data": [{"name": "a", "base64": "eA="}]}, 400),
    ("builders/r/builds", {"data": [{"name": "a", "base64": "e?=="}]}, 400),
    ("builders/r/builds", {"complete_at": 5}, 400), ("builders/r/builds", {"started_at": "now"}, 400),
    ("builders/r/builds", {"locks_duration_s": -1}, 400), ("builders/r/builds?limit=1", {}, 400),
    ("builders", {"name": ""}, 400), ("builders", {"name": 1}, 400), ("builders", {}, 400),
    ("workers", {"name": "w" * 51}, 400), ("builds/1/steps", {"name": "s" * 51, "x": 1}, 400), ("builds/1/finish", {}, 400),
    ("builds/1/finish", {"results": None}, 400), ("builds/1/locks_duration", {"duration_s": 1.5}, 400),
]


class TestRefused(OwnCase):
    def test_what_makes_no_sense_writes_nothing(self):
        build = self.start("there")
        before = [self.records(kind) for kind in ("builds", "builders", "workers", "sourcestamps")]
        for path, body, status in REFUSED:
            with self.subTest(path=path, body=str(body)[:60]):
                sent = body if isinstance(body, bytes) else json.dumps(body).encode()
                answer = self.daemon.ask(path, "POST", JSON, sent)
                self.assertEqual(answer.status, status, answer.body[:300])
                self.assertTrue(answer.json["error"])
        self.assertEqual([self.records(kind) for kind in ("builds", "builders", "workers", "sourcestamps")],
                         before)
        self.assertEqual(self.records(f"builds/{build}/steps"), [])

    def test_json_has_its_limit_and_so_has_a_value(self):
        answer = self.daemon.write("POST", "builders/long/builds", {"reason": "x" * (9 << 20)})
        self.assertEqual(answer.status, 413)
        self.assertIn("value", answer.json["error"])
        with self.daemon.connect() as client:
            client.sendall(b"PUT /api/v2/builds/1/data/x/value HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Type: application/octet-stream\r\nContent-Length: 67108865\r\n\r\n")
            self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 413"))

    def test_a_write_says_what_it_sends(self):
        for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
                        {"Content-Type": "application/jsonx"}, BYTES):
            self.assertEqual(self.daemon.ask("builders/t/builds", "POST", headers, b"{}").status, 415)
        self.assertEqual(self.daemon.ask("builds/1/data/x/value", "PUT", JSON, b"{}").status, 415)
        for kind in ("application/json; charset=utf-8", "Application/JSON"):
            self.did("POST", "builders/t/builds", {}, 201, Content_Type=kind)

    def test_other_methods_are_405_and_the_answer_says_which_there_are(self):
        for method, path, allowed in (("PUT", "builds/1", "GET, HEAD, PATCH"), ("POST", "builds", "GET, HEAD"),
                                      ("DELETE", "builds/1/data/x/value", None),
                                      ("POST", "builds/1/data/x/value", "GET, HEAD, PUT, DELETE"),
                                      ("GET", "steps/1/finish", "POST")):
            answer = self.daemon.ask(path, method, JSON, b"{}" if method in ("PUT", "POST") else None)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, allowed) if allowed else (404, None))

    def test_a_body_is_no_second_request(self):
        inner = b"GET /api/v2/builds/1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        head = (b"%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
                b"Content-Length: %d\r\n\r\n")
        last = b"GET /api/v2/nosuch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        build = self.start("inner")
        for target, status in ((b"PUT /api/v2/builds/%d/data/inner/value" % build, b"200"),
                               (b"PUT /api/v2/builds/%d/data/inner/value?x=1" % build, b"400"),
                               (b"PUT /api/v2/nosuch", b"404"), (b"PATCH /api/v2/builds/1", b"415")):
            got = self.daemon.send(head % (target, len(inner)) + inner + last)
            self.assertEqual(got.count(b"HTTP/1.1 "), 2, got)
            self.assertEqual(got.split()[1], status)
            self.assertIn(b"HTTP/1.1 404", got)
        self.assertEqual(self.daemon.ask(f"builds/{build}/data/inner/value").body, inner)

    def test_a_foreign_page_writes_nothing(self):
        for headers in ({"Origin": "https://example.org"}, {"Host": "example.org"}, {"X-Forwarded-For": "192.0.2.1"}):
            answer = self.daemon.write("POST", "builders/foreign/builds", {}, **headers)
            self.assertEqual(answer.status, 403)
        self.get("builders/foreign", 404)

    def test_a_read_only_daemon_takes_no_writes(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--read-only")
        self.assertIn("read-only", daemon.greeting)
        answer = daemon.write("POST", "builders/readonly/builds", {})
        self.assertEqual((answer.status, answer.headers["Allow"]), (403, None))
        self.assertIn("--read-only", answer.json["error"])
        answer = daemon.write("POST", "builds/1/finish", {"results": 0})
        self.assertEqual((answer.status, answer.headers["Allow"]), (403, None))
        answer = daemon.write("PUT", "builders/readonly/builds", {})
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"))
        answer = daemon.ask("builds/1/finish")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, ""))
        self.assertEqual(daemon.ask("builders/readonly").status, 404)
        self.assertEqual(daemon.stop(), (0, ""))


class TestMasters(DaemonCase):
    """A database that a master wrote."""

    def test_without_writes_in_its_url_everything_is_409(self):
        for method, path, value in (("POST", "builders/x/builds", {}), ("PATCH", "builds/1", {"state_string": "x"}),
                                    ("POST", "builders", {"name": "x"})):
            self.assertEqual(self.daemon.write(method, path, value).status, 409)

    def test_with_existing_what_is_there_is_changed_and_nothing_added(self):
        daemon = Daemon(f"sqlite:///{self.db}?writes=existing&master=stopped", "--listen", "127.0.0.1:0")
        self.assertEqual(daemon.write("PATCH", "builds/1", {"state_string": "by hand"}).status, 200)
        self.assertEqual(daemon.ask("builds/1").json["builds"][0]["state_string"], "by hand")
        for path, value in (("builders/x/builds", {}), ("builds/1/steps", {"name": "x"}), ("builders", {"name": "x"})):
            self.assertEqual(daemon.write("POST", path, value).status, 409)
        keyed = daemon.write("PATCH", "builds/1", {"state_string": "x"}, Idempotency_Key="k")
        self.assertEqual(keyed.status, 409)
        self.assertEqual(daemon.stop(), (0, ""))


class TestKilled(OwnCase):
    def test_what_was_answered_survives_a_kill_and_comes_once_when_sent_again(self):
        answered = []

        def work():
            try:
                for i in range(1000):
                    answer = daemon.write("POST", "builders/killed/builds", {"results": 0}, Idempotency_Key=str(i))
                    answered.append(answer.json["number"])
            except OSError:
                pass
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
        worker = threading.Thread(target=work)
        worker.start()
        while len(answered) < 20:
            time.sleep(0.005)
        daemon.process.kill()
        daemon.process.communicate()
        worker.join()
        for i in range(len(answered) + 1):
            self.did("POST", "builders/killed/builds", {"results": 0}, 201, Idempotency_Key=str(i))
        numbers = [b["number"] for b in self.records("builders/killed/builds?order=number")]
        self.assertEqual(numbers, list(range(1, len(answered) + 2)))
        self.assertEqual(answered, numbers[:len(answered)])


if __name__ == "__main__":
    sys.exit(main(__name__))
