"""The clients of test_soak.py: each kind does one thing over and over until it is told to stop. What they were told
by the daemon is kept, to be compared with what is there in the end. Not a test itself.
"""

import contextlib
import json
import os
import random
import signal
import socket
import struct
import threading
import time

from harness import DEADLINE_S
from server import PREFIX

BUILDERS = ("a", "b", "c/d")
LARGE_LEN = 8 << 20
TOPICS = ((), ("builds/*",), ("builds/*/finished",))
BAD = (
    b"GET /api/v2/builds HTTP/1.1\r\n\r\n",
    b"GET /api/v2/builds/\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/v2/builds?limit=-1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/v2/builds?nonsense__gt=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"BREW /api/v2/builds HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /api/v2/builders/a/builds HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /api/v2/builders/a/builds HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST /api/v2/builders/a/builds HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    b"GET /api/v2/builds HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
)


class Soak:
    """What all clients share."""

    def __init__(self, daemon, token):
        self.daemon, self.token = daemon, token
        self.stop = threading.Event()
        self.errors, self.counts = [], {}
        self.whole, self.pieces = {}, {}  # of each build that was acknowledged: its name here, its id
        self.lock = threading.Lock()

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def head(self, method, path, **headers):
        lines = [f"{method} {PREFIX}{path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.token}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def run(self, clients, seconds):
        """Lets clients work for a while, and sees them end."""
        self.stop.clear()
        threads = [threading.Thread(target=self.guard, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        self.stop.wait(seconds)
        self.stop.set()
        for thread in threads:
            thread.join(2 * DEADLINE_S)
            if thread.is_alive():
                self.errors.append("a client hangs")

    def guard(self, client):
        try:
            while not self.stop.is_set():
                client.work()
            client.close()
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(f"{type(client).__name__}: {error!r}")
            self.stop.set()


class Client:
    def __init__(self, soak, seed):
        self.soak, self.random, self.name = soak, random.Random(seed), f"{type(self).__name__}-{seed}"
        self.channel = None

    def close(self):
        if self.channel:
            self.channel.close()
        self.channel = None

    def ask(self, method, path, value=None, **headers):
        """One request over a connection that is kept. Result: its status and its body."""
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        headers["Authorization"] = "Bearer " + self.soak.token
        body = value
        if value is not None and not isinstance(value, bytes):
            headers["Content-Type"], body = "application/json", json.dumps(value).encode()
        self.channel = self.channel or self.soak.daemon.channel()
        self.channel.request(method, path if path.startswith("/") else PREFIX + path, body, headers)
        reply = self.channel.getresponse()
        return reply.status, reply.read()

    def cut(self, request):
        """Sends a part of a request, or all of it, and is gone: at once, or with its end."""
        with self.soak.daemon.connect() as client:
            with contextlib.suppress(ConnectionError):
                client.sendall(request[:self.random.choice((len(request), self.random.randrange(len(request)) + 1))])
                if self.random.random() < 0.5:
                    client.settimeout(self.random.random() / 20)
                    with contextlib.suppress(TimeoutError):
                        client.recv(self.random.choice((1, 100, 100000)))
            if self.random.random() < 0.5:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.soak.count("cut")


class Reader(Client):
    """All routes that only read, of builds that are and are not there."""

    def __init__(self, soak, seed):
        super().__init__(soak, seed)
        described = json.loads(self.ask("GET", "openapi.json")[1])["paths"]
        self.paths = {path: any(parameter["name"] == "limit" for parameter in item["get"].get("parameters", ()))
                      for path, item in described.items() if "get" in item and not path.endswith("/events")}

    def work(self):
        path, is_list = self.random.choice(tuple(self.paths.items()))
        while "{" in path:
            before, _, rest = path.partition("{")
            name, _, after = rest.partition("}")
            value = self.random.choice(("a", "b", "1", "2")) if name in ("builder", "worker", "master") else \
                self.random.choice(("d", "soak")) if name == "name" else str(self.random.randrange(1, 200))
            path = before + value + after
        # Never all that there are: an answer is not to grow with what was recorded.
        path += self.random.choice(("?limit=20", "?limit=500", "?limit=50&offset=3", "?limit=5&nothing=1") if is_list else
                                   ("", "", "?field=nothing"))
        if path.endswith("/builds?limit=20"):
            path += "&order=-number&property=*"
        status, body = self.ask("GET", path)
        if status not in (200, 304, 400, 404, 413):
            raise AssertionError(f"{path}: {status} {body[:200]}")
        self.soak.count(f"read {status}")


class WholeWriter(Client):
    """Builds in one request each, under a key: some are sent again, and some by who had gone before the answer."""

    done = 0

    def work(self):
        name = f"{self.name}-{self.done}"
        value = {"results": 0, "properties": {"soak": [name, "test"]}, "steps": [{"name": "s", "results": 0}],
                 "data": [{"name": "d", "value": name}]}
        path = f"builders/{self.random.choice(BUILDERS).replace('/', '%2F')}/builds"
        body = json.dumps(value).encode()
        while self.random.random() < 0.2:
            self.cut(self.soak.head("POST", path, Content_Type="application/json", Content_Length=len(body),
                                    Idempotency_Key=name) + body)
        ids = set()
        while not ids or self.random.random() < 0.2:
            status, answer = self.ask("POST", path, value, Idempotency_Key=name)
            if status not in (200, 201):
                raise AssertionError(f"{status} {answer[:200]}")
            ids.add(json.loads(answer)["buildid"])
        if len(ids) > 1:
            raise AssertionError(f"{name} is {ids}")
        self.soak.whole[name] = ids.pop()
        self.done += 1
        self.soak.count("whole build")


class PieceWriter(Client):
    """Builds piece by piece, with keys and without."""

    done = 0

    def tell(self, method, path, value, has_key):
        headers = {}
        if has_key:
            headers["Idempotency_Key"] = f"{self.name}-{self.done}-{method}-{path}"
            body = json.dumps(value).encode()
            while self.random.random() < 0.1:
                self.cut(self.soak.head(method, path, Content_Type="application/json", Content_Length=len(body),
                                        **headers) + body)
        if isinstance(value, bytes):
            headers["Content_Type"] = "application/octet-stream"
        status, answer = self.ask(method, path, value, **headers)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {answer[:200]}")
        return json.loads(answer) if answer else None

    def work(self):
        name, has_key = f"{self.name}-{self.done}", self.random.random() < 0.5
        build = self.tell("POST", "builders/a/builds", {"state_string": "starting"}, has_key)["buildid"]
        step = self.tell("POST", f"builds/{build}/steps", {"name": "s"}, has_key)["stepid"]
        self.tell("POST", f"steps/{step}/start", {}, has_key)
        self.tell("POST", f"steps/{step}/urls", {"name": "n", "url": "https://example.org/"}, has_key)
        self.tell("PUT", f"builds/{build}/properties/soak", {"value": name, "source": "test"}, has_key)
        self.tell("PUT", f"builds/{build}/data/d/value", name.encode(), False)
        self.tell("POST", f"steps/{step}/finish", {"results": 0}, has_key)
        self.tell("POST", f"builds/{build}/finish", {"results": 0}, has_key)
        self.soak.pieces[name] = build
        self.done += 1
        self.soak.count("build in pieces")


class Listener(Client):
    """A stream that comes and goes, and each time goes on where it was."""

    def __init__(self, soak, seed):
        super().__init__(soak, seed)
        self.topics = TOPICS[seed % len(TOPICS)]
        self.last, self.seen = 0, []

    def listen(self, until):
        """Takes events until the time, until the daemon ends the stream, or until until() is true of one."""
        query = "&".join("topic=" + topic for topic in self.topics)
        with self.soak.daemon.connect() as client:
            client.sendall(self.soak.head("GET", "events?" + query, Last_Event_ID=self.last))
            client.settimeout(0.5)
            rest, event = b"", {}
            while not until(None):
                try:
                    piece = client.recv(65536)
                except TimeoutError:
                    continue
                if not piece:
                    return
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if not line.strip() and "data" in event and self.take(event, until):
                        return
                    event = event if line.strip() else {}
                    key, _, value = line.decode("utf-8", "replace").rstrip("\r").partition(": ")
                    event[key] = value

    def take(self, event, until):
        position = int(event["id"])
        if event.get("event") == "reload" or position <= self.last:
            raise AssertionError(f"{event} after {self.last}")
        self.last = position
        data = json.loads(event["data"])
        self.seen.append((position, "/".join(data["key"])))
        self.soak.count("event")
        return until(data["key"])

    def work(self):
        end = time.monotonic() + self.random.uniform(0.1, 5)
        with contextlib.suppress(ConnectionError):
            self.listen(lambda key: time.monotonic() > end or self.soak.stop.is_set())
        self.soak.count("stream")

    def catch_up(self, build):
        """Goes on until a build's end."""
        end = time.monotonic() + 2 * DEADLINE_S
        while not (self.seen and self.seen[-1][1] == f"builds/{build}/finished"):
            if time.monotonic() > end:
                raise AssertionError(f"stopped at {self.seen[-1:]}")
            self.listen(lambda key: time.monotonic() > end or key == ["builds", str(build), "finished"])


class SlowReader(Client):
    """Takes a part of a large answer, slowly; or of a stream nothing at all."""

    def work(self):
        path = self.random.choice(("builds/1/data/large/value", "events", "builds?property=*&limit=1000"))
        with self.soak.daemon.connect() as client:
            client.sendall(self.soak.head("GET", path, **({"Last_Event_ID": 0} if path == "events" else {})))
            end = time.monotonic() + self.random.uniform(0.5, 10)
            with contextlib.suppress(ConnectionError, TimeoutError):
                while time.monotonic() < end and not self.soak.stop.wait(0.1):
                    if path != "events":
                        client.settimeout(0.5)
                        client.recv(100000)
        self.soak.count("slow")


class Leaver(Client):
    """Is gone in the middle of requests and of answers."""

    def work(self):
        path = self.random.choice(("builds/1", "builds?property=*&limit=1000", "builds/1/data/large/value", "metrics", "events"))
        self.cut(self.soak.head("GET", path))
        self.cut(self.soak.head("PUT", "builds/1/data/cut/value", Content_Type="application/octet-stream",
                                Content_Length=2000000) + b"x" * 1000000)
        self.soak.stop.wait(0.02)


class Nuisance(Client):
    """Sends what is no request, or no good one."""

    def work(self):
        with self.soak.daemon.connect() as client, contextlib.suppress(ConnectionError):
            client.sendall(self.random.choice(BAD))
            line = client.recv(12)
            if line and not line.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")):
                raise AssertionError(line)
        self.soak.count("bad")
        self.soak.stop.wait(0.02)


class Hangup(Client):
    """Has the daemon read its tokens again, which ends the streams."""

    def work(self):
        os.kill(self.soak.daemon.process.pid, signal.SIGHUP)
        self.soak.count("hangup")
        self.soak.stop.wait(5)
