"""`daybook serve` beside a real master without daybook, from the first checkout that BUILDBOT_SOURCE names.

The times are from the row that is visible in the database to the event that a client of the stream has.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from harness import FolderCase, main
from servers import File, Server
from test_master import Master

SEEN_WITHIN_S = 3
BUILDS = 3


class Serve:
    """A daemon on the master's database."""

    def __init__(self, url):
        self.process = subprocess.Popen([os.environ["DAYBOOK"], "serve", "--db", url, "--listen", "127.0.0.1:0"],
                                        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        greeting = self.process.stdout.readline()
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", greeting).group(1))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process.stdout.close()

    def events(self):
        """Yields (kind, data) as they come; the first one says that it has begun."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with contextlib.closing(connection):
            connection.request("GET", "/api/v2/events?topic=builds/*&topic=steps/*")
            kind = None
            for line in connection.getresponse():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)


class Rows:
    """When rows became visible to anybody."""

    QUERIES = {"builds new": "SELECT id FROM builds",
               "builds finished": "SELECT id FROM builds WHERE complete_at IS NOT NULL",
               "steps started": "SELECT id FROM steps WHERE started_at IS NOT NULL",
               "steps finished": "SELECT id FROM steps WHERE complete_at IS NOT NULL"}

    def __init__(self, database):
        self.database, self.at, self.is_over = database, {}, False
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.is_over:
            for what, query in self.QUERIES.items():
                try:
                    rows = self.database.sql(query)
                except sqlite3.OperationalError:  # while the master makes the log's files
                    continue
                now = time.monotonic()
                for (row,) in rows:
                    self.at.setdefault((what, row), now)
            time.sleep(0.02)

    def end(self):
        self.is_over = True
        self.thread.join()


class Page:
    """A browser on the daemon's page: when each build was first shown, and first shown with its end."""

    def __init__(self, port):
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "page")
        self.process = subprocess.Popen([os.path.join(here, "run"), os.environ["DAYBOOK_NPM"], os.path.join(here, "watcher.mjs"),
                                         f"http://127.0.0.1:{port}/"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.at, self.complaints, self.is_open = {}, [], threading.Event()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            seen, now = json.loads(line), time.monotonic()
            if seen == "open":
                self.is_open.set()
            elif isinstance(seen, dict):
                self.complaints = seen["complaints"]
            else:
                self.at.setdefault(("new", *seen[:2]), now)
                if seen[2] != "running":
                    self.at.setdefault(("finished", *seen[:2]), now)

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.thread.join()
        self.process.stdout.close()


class BesideCases:
    """What holds on every engine."""

    timeout = 1200

    def test_starts_and_ends_are_told_within_three_seconds_and_each_once(self):
        database = self.database("plain")
        master = Master(self.path("plain"), False, database, BUILDS)
        serve = Serve(self.url_to_read(database))
        self.addCleanup(serve.end)
        events = serve.events()
        self.assertEqual(next(events), ("looks", {}))
        rows = Rows(database)
        self.addCleanup(rows.end)
        master.start()
        self.addCleanup(lambda: master.end(signal.SIGKILL))
        seen, finished = {}, 0
        while finished < 2 * BUILDS and master.process.poll() is None:
            kind, data = next(events)
            self.assertEqual(kind, "event")
            name, record, verb = data["key"]
            finished += name == "builds" and verb == "finished"
            if verb != "updated" and verb != "update":
                self.assertNotIn((f"{name} {verb}", int(record)), seen, "it came twice")
            seen[f"{name} {verb}", int(record)] = time.monotonic()
        master.end()
        rows.end()
        builds = [row[0] for row in database.sql("SELECT id FROM builds")]
        for verb in ("new", "finished"):
            self.assertEqual(sorted(row for what, row in seen if what == f"builds {verb}"), sorted(builds))
        delays = {what: [] for what in Rows.QUERIES}
        for what, row in seen:
            if what in delays and (what, row) in rows.at:
                delays[what].append(seen[what, row] - rows.at[what, row])
        for what, all_of in delays.items():
            self.assertTrue(all_of, what)
            print(f"\n{what}: {len(all_of)}, median {sorted(all_of)[len(all_of) // 2]:.2f} s,"
                  f" longest {max(all_of):.2f} s")
            self.assertLess(max(all_of), SEEN_WITHIN_S, what)

    def test_a_browser_shows_starts_and_ends_within_three_seconds(self):
        database = self.database("page")
        master = Master(self.path("page"), False, database, BUILDS)
        serve = Serve(self.url_to_read(database))
        self.addCleanup(serve.end)
        page = Page(serve.port)
        self.addCleanup(lambda: page.process.poll() is None and page.process.kill())
        self.assertTrue(page.is_open.wait(120), "the page did not open")
        rows = Rows(database)
        self.addCleanup(rows.end)
        master.start()
        self.addCleanup(lambda: master.end(signal.SIGKILL))
        deadline = time.monotonic() + 300
        while len([key for key in page.at if key[0] == "finished"]) < 2 * BUILDS and time.monotonic() < deadline:
            time.sleep(0.1)
        master.end()
        rows.end()
        page.end()
        self.assertEqual(page.complaints, [])
        builds = database.sql("SELECT id, builderid, number FROM builds")
        self.assertEqual(len(builds), 2 * BUILDS)
        for verb in ("new", "finished"):
            delays = [page.at[verb, builder, number] - rows.at[f"builds {verb}", row] for row, builder, number in builds]
            print(f"\n{verb} on the page: longest {max(delays):.2f} s")
            self.assertLess(max(delays), SEEN_WITHIN_S, verb)


class TestBesideOnFile(BesideCases, FolderCase):
    def database(self, name):
        return File(self.path(name + ".sqlite"))

    def url_to_read(self, database):
        return database.path


class TestBesideOnPostgres(BesideCases, FolderCase):
    kind = "postgresql"

    def setUp(self):
        super().setUp()
        self.server = Server(self.kind)
        self.addCleanup(self.server.end)

    def database(self, name):
        return self.server.database()

    def url_to_read(self, database):
        return database.url


class TestBesideOnMariaDB(TestBesideOnPostgres):
    kind = "mariadb"


if __name__ == "__main__":
    sys.exit(main(__name__))
