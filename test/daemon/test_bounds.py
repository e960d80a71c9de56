#!/usr/bin/env python3
"""Tokens that are limited to builders: what they see and change, and that everything else is 403."""

import json
import os
import sys

from harness import main, run
from server import DaemonCase

OTHERS = "docs"


class TestBounds(DaemonCase):
    @classmethod
    def record(cls):
        for builder in ("nightly-a", OTHERS, "nightly-b", "odd, 100% [x]"):
            run(cls.folder, "run", "--db", cls.db, "--builder", builder, "--step", "s", "echo said")
        cls.file = os.path.join(cls.folder, "tokens")
        cls.bounded = cls.add("nightly", "--builder", "nightly-*", "--builder", "never")
        cls.none = cls.add("none", "--builder", "no such builder")
        cls.odd = cls.add("odd", "--builder", "odd, 100% [[]x]")
        cls.all = cls.add("all")
        cls.WORDS = ("--tokens", cls.file)

    @classmethod
    def add(cls, name, *words):
        return run(cls.folder, "token", "add", name, "--right", "write", *words, "--tokens", cls.file).out.strip()

    def ask(self, path, method="GET", token=None, value=None):
        headers = {"Authorization": "Bearer " + (token or self.bounded)}
        if value is None:
            return self.daemon.ask(path, method, headers)
        return self.daemon.write(method, path, value, **headers)

    def names(self, token):
        return [builder["name"] for builder in self.ask("builders?order=name", token=token).json["builders"]]

    def test_list_shows_what_a_token_is_limited_to(self):
        listed = run(self.folder, "token", "list", "--json", "--tokens", self.file).json
        self.assertEqual([token["builders"] for token in listed],
                         [["nightly-*", "never"], ["no such builder"], ["odd, 100% [[]x]"], None])
        self.assertRegex(run(self.folder, "token", "list", "--tokens", self.file).out, r"nightly.* nightly-\*, never")

    def test_a_pattern_that_is_none_is_refused(self):
        for words in (("--builder", ""), ("--builder", "x" * 257), ("--builder", "x") * 17):
            self.assertEqual(run(self.folder, "token", "add", "x", *words, "--tokens", self.file).code, 2)

    def test_lists_hold_its_builders_alone(self):
        self.assertEqual(self.names(self.bounded),
                         [name for name in self.names(self.all) if name.startswith("nightly-")])
        self.assertEqual(self.names(self.bounded)[:2], ["nightly-a", "nightly-b"])
        self.assertEqual(self.names(self.odd), ["odd, 100% [x]"])
        self.assertEqual(self.names(self.none), [])
        theirs = {builder["builderid"] for builder in self.ask("builders").json["builders"]}
        builds = self.ask("builds").json
        self.assertEqual({build["builderid"] for build in builds["builds"]}, theirs)
        self.assertEqual(len(builds["builds"]), builds["meta"]["total"])
        self.assertEqual(self.ask("builds?builderid=2").json["builds"], [])
        self.assertEqual(self.ask("builders?name=docs").json["builders"], [])
        self.assertEqual(self.ask("builds", token=self.none).json["builds"], [])

    def test_a_filter_by_property_and_included_parts_reach_no_others(self):
        for build in (1, 2):
            self.assertEqual(self.ask(f"builds/{build}/properties/mark", "PUT", self.all, {"value": 1}).status, 200)
        builds = self.ask("builds?property.mark=1&include=steps,properties").json["builds"]
        self.assertEqual([build["buildid"] for build in builds], [1])
        self.assertEqual(len(self.ask("builds?property.mark=1", token=self.all).json["builds"]), 2)

    READS = ("builders/{builder}", "builders/{name}", "builders/{name}/builds", "builders/{builder}/builds/1",
             "builds/{build}", "builds/{build}/steps", "builders/{name}/builds/1/steps/s", "steps/{step}",
             "builds/{build}/properties", "builds/{build}/property_list", "builds/{build}/data",
             "builds/{build}/data/log%2Fs", "builds/{build}/data/log%2Fs/value",
             "builders/{builder}/builds/1/data/log%2Fs/value", "builders/{name}/builds/last",
             "builders/{builder}/builds/last/steps", "builders/{name}/badge.svg")
    WRITES = (("PATCH", "builds/{build}", {"state_string": "x"}), ("POST", "builders/{name}/builds", {"results": 0}),
              ("POST", "builders/{builder}/builds", {"results": 0}), ("POST", "builds/{build}/steps", {"name": "t"}),
              ("PATCH", "builders/{name}/builds/1", {"state_string": "x"}), ("POST", "steps/{step}/start", {}),
              ("PUT", "builds/{build}/properties/p", {"value": 1}), ("POST", "builds/{build}/finish", {"results": 0}),
              ("POST", "steps/{step}/urls", {"name": "n", "url": "http://x/"}))

    def test_its_builders_are_read_and_written_by_every_path_and_others_are_403(self):
        for place, status in (({"builder": 1, "name": "nightly-a", "build": 1, "step": 1}, 200),
                              ({"builder": 2, "name": OTHERS, "build": 2, "step": 2}, 403)):
            for path in self.READS:
                path = path.format(**place)
                self.assertEqual(self.ask(path).status, status, path)
            before = self.ask("builds?order=buildid", token=self.all).body
            for method, path, value in self.WRITES:
                path = path.format(**place)
                self.assertEqual(self.ask(path, method, value=value).status // 100, status // 100, path)
            if status == 403:
                self.assertEqual(self.ask("builds/2/data/log%2Fs/value", "DELETE").status, 403)
                self.assertEqual(self.ask("builds?order=buildid", token=self.all).body, before)

    def test_what_is_not_there_is_404_and_tells_nothing(self):
        for path in ("builds/999", "builds/999/steps", "steps/999"):
            self.assertEqual(self.ask(path).status, 404)
        for path in ("builders/999", "builders/unknown/builds", "builders/unknown/builds/1"):
            self.assertEqual(self.ask(path).status, 403)

    def test_a_builder_is_added_by_its_first_build_if_its_name_is_within(self):
        self.assertEqual(self.ask("builders/nightly-new/builds", "POST", value={}).status, 201)
        self.assertEqual(self.ask("builders/new-nightly/builds", "POST", value={}).status, 403)
        self.assertEqual(self.ask("builders", "POST", value={"name": "nightly-other"}).status, 403)
        names = self.names(self.all)
        self.assertIn("nightly-new", names)
        self.assertNotIn("new-nightly", names)
        self.assertNotIn("nightly-other", names)

    def test_other_kinds_of_records_are_403(self):
        for path in ("workers", "workers/1", "workers/1/builds", "masters", "buildrequests", "buildrequests/1/builds",
                     "buildsets", "changes", "sourcestamps", "builds/1/triggered_builds", "builders/1/buildrequests",
                     "/metrics", "/cc.xml"):
            self.assertEqual(self.ask(path).status, 403, path)
            self.assertEqual(self.ask(path, token=self.all).status, 200, path)
        for path in ("workers", "masters"):
            self.assertEqual(self.ask(path, "POST", value={"name": "x"}).status, 403)

    def test_a_sign_in_is_as_limited_as_its_token(self):
        answer = self.daemon.write("POST", "session", {"token": self.bounded})
        cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        self.assertEqual(self.daemon.ask("builds/1", headers=cookie).status, 200)
        self.assertEqual(self.daemon.ask("builds/2", headers=cookie).status, 403)

    def listen(self, last=None):
        client = self.daemon.connect()
        self.addCleanup(client.close)
        head = f"Authorization: Bearer {self.bounded}\r\n" + (f"Last-Event-ID: {last}\r\n" if last else "")
        client.sendall(f"GET /api/v2/events HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        return client

    def read_until(self, client, word):
        got = b""
        while word not in got:
            piece = client.recv(65536)
            if not piece:
                break
            got += piece
        return got

    def test_events_are_those_of_its_builders_also_of_ones_that_come_later(self):
        client = self.listen()
        self.read_until(client, b"retry:")
        self.assertEqual(self.ask("builders/docs/builds", "POST", self.all, {"reason": "secret"}).status, 201)
        mine = self.ask("builders/nightly-b/builds", "POST", value={}).json["buildid"]
        got = self.read_until(client, b'["builds", "%d", "new"]' % mine)
        self.assertIn(b'["builds", "%d", "new"]' % mine, got)
        keys = [json.loads(line[6:])["message"]["builderid"] for line in got.decode().splitlines()
                if line.startswith("data: ") and '"builds"' in line]
        self.assertEqual(set(keys), {3})
        last = [line[4:] for line in got.decode().splitlines() if line.startswith("id: ")][-1]
        late = b'["builds", "%d", "new"]' % self.ask("builders/nightly-late/builds", "POST", value={}).json["buildid"]
        self.assertNotIn(late, self.read_until(client, late)) # it ends, and comes again as EventSource does
        self.assertIn(late, self.read_until(self.listen(last), late))


if __name__ == "__main__":
    sys.exit(main(__name__))
