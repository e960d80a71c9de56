#!/usr/bin/env python3
"""The description of the API, held against the daemon: all routes are in it, they answer, and none without its right."""

import json
import os
import re
import sys
import time

from harness import main, run
from server import Daemon, DaemonCase

ROUTES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "daemon", "routes.c")
PREFIX = "/api/v2/"
OF_BUILD = ("builds/{build}/", "builders/{builder}/builds/{number}/")
# What stands in each hole of a path, in the database below.
HOLES = {"builder": "x", "worker": "w", "master": "daybook", "build": "1", "number": "1", "id": "1", "step": "s", "name": "d"}


def routes_of_the_source():
    """(method, path) of each line of the table in routes.c."""
    with open(ROUTES, encoding="utf-8") as file:
        table = file.read().split("routes[] = {")[1].split("\n};")[0]
    found = set()
    for line in re.findall(r"^    (\w+\(.*?\)),$", table, re.M | re.S):
        kind, method, path = re.match(r'(\w+)\((?:([A-Z]+),\s*)?"([^"]+)"', line).groups()
        for begin in OF_BUILD if kind.endswith("OF_BUILD") else ("",):
            path_here = (begin + path).replace("{new ", "{")
            found.add(((method or "GET").lower(), path_here if path_here[0] == "/" else PREFIX + path_here))
    return found


class OpenApiCase(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write = cls.daemon.write("POST", "builders/x/builds", {
            "worker": "w", "results": "success", "properties": {"d": [1, "t"]}, "data": [{"name": "d", "value": "v"}],
            "steps": [{"name": "s", "results": "success"}],
            "sourcestamps": [{"repository": "r", "branch": "b", "revision": "1", "codebase": "", "project": ""}]})
        assert write.status == 201, write.body
        cls.document = cls.daemon.ask("openapi.json").json

    def operations(self, document=None):
        for path, methods in (document or self.document)["paths"].items():
            for method, operation in methods.items():
                yield method, path, operation

    @staticmethod
    def fill(path):
        return re.sub(r"\{(\w+)\}", lambda hole: HOLES[hole.group(1)], path)


class TestDocument(OpenApiCase):
    def test_every_route_of_the_daemon_is_in_it_and_no_other(self):
        routes = routes_of_the_source()
        self.assertGreater(len(routes), 70)
        self.assertEqual({(method, path) for method, path, _ in self.operations()}, routes)

    def test_it_is_in_one_piece(self):
        self.assertEqual(self.document["openapi"], "3.1.0")
        names = [operation["operationId"] for _, _, operation in self.operations()]
        self.assertEqual(len(names), len(set(names)))
        for ref in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(self.document)):
            self.assertIn(ref.removeprefix("#/components/schemas/"), self.document["components"]["schemas"])
        for method, path, operation in self.operations():
            holes = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            self.assertEqual(sorted(holes), sorted(re.findall(r"\{(\w+)\}", path)), path)
            several = [(p["in"], p["name"]) for p in operation["parameters"]]
            self.assertEqual(len(several), len(set(several)), path)
            self.assertEqual("requestBody" in operation, method != "get" and (method, path[-7:]) not in (
                ("delete", "session"), ("delete", "a/value"), ("delete", "}/value")), (method, path))

    def test_a_read_only_daemon_has_no_writes_in_it(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--read-only")
        described = daemon.ask("openapi.json").json
        writes = {path for method, path, _ in self.operations(described) if method != "get"}
        self.assertEqual(writes, {PREFIX + "session"})
        daemon.stop()


class TestRoutes(OpenApiCase):
    def test_every_read_in_it_answers_in_the_type_and_shape_that_it_says(self):
        count = 0
        for method, path, operation in self.operations():
            if method != "get" or path == PREFIX + "events" or path.startswith((PREFIX + "changes/", PREFIX + "session")):
                continue
            answer = self.daemon.ask(self.fill(path))
            self.assertEqual(answer.status, 200, path)
            (kind, content), = operation["responses"]["200"]["content"].items()
            self.assertEqual(answer.headers["Content-Type"].split(";")[0], kind, path)
            if "schema" not in content:
                continue
            schema = self.document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
            for name, part in schema.get("properties", {}).items():
                self.assertIn(name, answer.json, path)
                for record in answer.json[name] if part["type"] == "array" else []:
                    if part["items"]["properties"]:
                        self.assertEqual(set(record), set(part["items"]["required"]), path)
                        self.assertLessEqual(set(record), set(part["items"]["properties"]), path)
            count += 1
        self.assertGreater(count, 35)

    def test_every_query_parameter_in_it_is_taken(self):
        samples = {"integer": "1", "string": "name", "boolean": "1"}
        special = {"order": None, "field": None, "cursor": "", "total": "none", "include": "steps", "property": "d", "limit": "1", "offset": "1"}
        for method, path, operation in self.operations():
            for parameter in operation["parameters"]:
                if parameter["in"] != "query":
                    continue
                name, schema = parameter["name"], parameter["schema"]
                value = special.get(name, samples[schema.get("items", schema)["type"]])
                headers, body = ({}, None) if method == "get" else ({"Content-Type": "application/octet-stream"}, b"v")
                if value is not None:
                    answer = self.daemon.ask(f"{self.fill(path)}?{name}={value}", method.upper(), headers, body)
                    self.assertIn(answer.status, (200, 404), (path, name))

    def test_every_write_in_it_is_there(self):
        for method, path, operation in self.operations():
            if method == "get" or path == PREFIX + "session":
                continue
            body = operation.get("requestBody", {"content": {"": None}})
            headers = {"Content-Type": next(iter(body["content"]))} if "requestBody" in operation else {}
            answer = self.daemon.ask(self.fill(path), method.upper(), headers, b"{}" if headers else None)
            self.assertIn(answer.status, (200, 201, 400), (method, path, answer.body))


    def schema_of(self, operation):
        content = operation["requestBody"]["content"]["application/json"]
        return self.document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]

    def test_every_body_in_it_has_the_members_that_the_daemon_takes_and_no_others(self):
        count = 0
        for method, path, operation in self.operations():
            if "application/json" not in operation.get("requestBody", {}).get("content", {}) or path == PREFIX + "session":
                continue
            schema = self.schema_of(operation)
            names = list(schema.get("properties", {}))
            for name in names + ["another"]:
                answer = self.daemon.write(method.upper(), self.fill(path), {name: [[1]]})
                said = answer.body.decode()
                if name in names:
                    self.assertNotIn("no member", said, (path, name))
                    count += 1
                else:
                    self.assertEqual(answer.status, 400, (path, said))
            for name in schema.get("required", []):
                known = {other: "1" for other in schema["required"] if other != name}
                self.assertIn(f"{name} is missing", self.daemon.write(method.upper(), self.fill(path), known).body.decode())
        self.assertGreater(count, 30)

    def test_a_time_that_is_years_ahead_is_refused_in_every_body(self):
        ahead = int(time.time()) + 2 * 86400
        for method, path, body in (("POST", "builders/x/builds", {"results": 0, "complete_at": ahead}),
                                   ("POST", "builders/x/builds", {"steps": [{"name": "s", "started_at": ahead}]}),
                                   ("POST", "builds/1/finish", {"results": 0, "complete_at": ahead}),
                                   ("POST", "steps/1/start", {"started_at": ahead}),
                                   ("POST", "steps/1/locks_acquired", {"locks_acquired_at": ahead}),
                                   ("POST", "steps/1/finish", {"results": 0, "complete_at": ahead})):
            answer = self.daemon.write(method, path, body)
            self.assertEqual(answer.status, 400, path)
            self.assertIn("a day ahead", answer.json["error"])


class TestAccess(OpenApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        file = os.path.join(cls.folder, "tokens")
        cls.tokens = {right: run(cls.folder, "token", "add", right, "--right", right, "--tokens", file).out.strip()
                      for right in ("read", "write")}
        cls.guarded = Daemon(cls.db, "--listen", "127.0.0.1:0", "--tokens", file)
        cls.addClassCleanup(cls.guarded.stop)

    def bearer(self, right):
        return {"Authorization": "Bearer " + self.tokens[right]}

    def send(self, method, path, operation, headers):
        body = None
        if "requestBody" in operation:
            body, headers = b"{}", {"Content-Type": next(iter(operation["requestBody"]["content"])), **headers}
        return self.guarded.ask(self.fill(path), method.upper(), headers, body)

    def described(self):
        return self.guarded.ask("openapi.json", "GET", self.bearer("read")).json

    def test_no_route_answers_without_its_right(self):
        open_paths = set()
        for method, path, operation in self.operations(self.described()):
            if operation.get("security") == []:
                open_paths.add(path)
                continue
            for headers in ({}, {"Authorization": "Bearer x"}, {"Cookie": "daybook=x"}):
                answer = self.send(method, path, operation, headers)
                self.assertEqual((answer.status, list(answer.json)), (401, ["error"]), (method, path))
            if method != "get":
                self.assertEqual(self.send(method, path, operation, self.bearer("read")).status, 403, (method, path))
        self.assertEqual(open_paths, {"/healthz", "/readyz", PREFIX + "session"})

    def test_it_says_that_a_token_is_needed_where_one_is(self):
        self.assertEqual(self.described()["security"], [{"token": []}])
        self.assertNotIn("security", self.document)
        self.assertEqual(self.guarded.ask("openapi.json").status, 401)


if __name__ == "__main__":
    sys.exit(main(__name__))
