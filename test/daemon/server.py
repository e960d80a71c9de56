"""What the daemon's tests share: a daemon on a free port, asked in plain words or byte by byte.

Not a test itself.
"""

import contextlib
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.parse

from harness import DEADLINE_S, PROGRAM, environment

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
PREFIX = "/api/v2/"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Daemon:
    """A running `daybook serve`."""

    def __init__(self, db, *words, tls=None):
        """db: None: the words say which."""
        self.tls = tls
        self.process = subprocess.Popen([PROGRAM, "serve", *(("--db", db) if db else ()), *words], env=environment(),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, text=True)
        self.greeting = self.process.stdout.readline()
        self.path = next((word.partition("unix:")[2] for word in words if word.startswith("unix:")), "")
        found = re.search(r"https?://127\.0\.0\.1:(\d+)/\S*api/v2/", self.greeting)
        self.port = int(found.group(1)) if found else None

    def stop(self, signo=signal.SIGTERM):
        """Ends it. Result: its exit status and what it said on stderr, but for slow requests: any may be one on a
        busy machine. Those are in `slow`."""
        if self.process.poll() is None:
            self.process.send_signal(signo)
        try:
            said = self.process.communicate(timeout=DEADLINE_S)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        lines = said.splitlines(True)
        self.slow = [line for line in lines if line.startswith("daybook: slow: ")]
        return self.process.returncode, "".join(line for line in lines if line not in self.slow)

    def channel(self):
        """What http.client asks over."""
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=DEADLINE_S, context=self.tls)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        if self.path:
            connection.connect = lambda: setattr(connection, "sock", self.connect())
        return connection

    def ask(self, path, method="GET", headers=None, body=None):
        """Asks for a path below the API's, or for one that begins with a slash."""
        if not path.startswith("/"):
            path = PREFIX + path
        with contextlib.closing(self.channel()) as connection:
            connection.request(method, urllib.parse.quote(path, safe="/?&=%*-_.+~:,'()"),
                               body, headers or {})
            reply = connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())

    def write(self, method, path, value, **headers):
        """Sends a value as JSON. A header's name has _ for -."""
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        headers.setdefault("Content-Type", "application/json")
        return self.ask(path, method, headers, json.dumps(value).encode())

    def connect(self):
        if self.path:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(DEADLINE_S)
            client.connect(self.path)
            return client
        plain = socket.create_connection(("127.0.0.1", self.port), DEADLINE_S)
        return self.tls.wrap_socket(plain, server_hostname="127.0.0.1") if self.tls else plain

    def send(self, request):
        """Sends bytes, and no more. Result: all that comes until the daemon ends the connection, or
        until it is silent for a while."""
        with self.connect() as client:
            client.sendall(request)
            client.settimeout(DEADLINE_S)
            got = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := client.recv(65536):
                    got += piece
            return got


class DaemonCase(unittest.TestCase):
    """A folder with a database, made by record(), and a daemon on it."""

    WORDS = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="daybook-daemon-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.db = os.path.join(cls.folder, "daybook.sqlite")
        cls.record()
        cls.daemon = Daemon(cls.db, "--listen", "127.0.0.1:0", *cls.WORDS)
        cls.addClassCleanup(cls.daemon.stop)

    @classmethod
    def record(cls):
        """A database that a master wrote."""
        with gzip.open(os.path.join(DATA, "buildbot-4.3.sqlite.gz")) as packed:
            with open(cls.db, "wb") as plain:
                shutil.copyfileobj(packed, plain)

    def get(self, path, status=200):
        answer = self.daemon.ask(path)
        self.assertEqual(answer.status, status, f"{path}: {answer.body[:200]}")
        if status != 200:
            self.assertTrue(answer.json["error"])
        return answer

    def records(self, path):
        answer = self.get(path).json
        return next(value for key, value in answer.items() if key != "meta")
