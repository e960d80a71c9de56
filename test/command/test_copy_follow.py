"""`daybook copy --follow`: a store that others write goes to another database, and nothing is lost."""

import contextlib
import os
import re
import shutil
import sqlite3
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from harness import DEADLINE_S, PROGRAM, environment, main, run
from servers import Server

WRITER = os.environ["TEST_WRITER"]
A_SECOND = 50  # writes of each of the two
WINDOW_MS = 5000


class Writer:
    """A process that writes, and what it says."""

    def __init__(self, url, name):
        self.lines = []
        self.process = subprocess.Popen([WRITER, url, name, str(A_SECOND)], env=environment(),
                                        stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()

    def wait(self):
        """Until it is refused, or failed. Result: its last line."""
        self.process.wait(timeout=DEADLINE_S)
        self.thread.join()
        return self.lines[-1]


class FollowCase(unittest.TestCase):
    servers = {}

    @classmethod
    def tearDownClass(cls):
        for server in cls.servers.values():
            server.end()
        cls.servers.clear()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-follow-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.writers = []
        self.addCleanup(lambda: [writer.end() for writer in self.writers])

    def place(self, kind, name):
        if kind == "sqlite":
            return os.path.join(self.folder, name + ".sqlite")
        if kind not in self.servers:
            self.servers[kind] = Server(kind)
        return self.servers[kind].database().url

    def daybook(self, *words, code=0):
        done = run(self.folder, *words)
        self.assertEqual(done.code, code, f"{words}: {done.out}{done.err}")
        return done

    def begin_writers(self, url, at=()):
        """Two: at the URL, or at those two that lead to the same place."""
        self.daybook("init", "--db", url)
        self.writers += [Writer(place, name) for place, name in zip(at or (url, url), ("one", "two"))]
        self.wait_for(lambda: all(len(writer.lines) > 20 for writer in self.writers), "writers")

    def wait_for(self, condition, what):
        end = time.monotonic() + DEADLINE_S
        while not condition():
            self.assertLess(time.monotonic(), end, f"waited in vain for {what}")
            time.sleep(0.05)

    def positions(self, url, after):
        """The positions of the events behind one, as a reader has them."""
        done = self.daybook("events", "--db", url, "--after", str(after), "-n", "all", "--json")
        return [row["id"] for row in done.json]

    def expect_nothing_lost(self, source, target):
        there = {
            "build": sql(target, "SELECT id FROM builds"),
            "step": sql(target, "SELECT id FROM steps"),
            "property": sql(target, "SELECT buildid, name FROM build_properties"),
            "data": sql(target, "SELECT buildid, name FROM build_data"),
        }
        for writer in self.writers:
            for line in writer.lines[:-1]:
                kind, _, what = line.partition(" ")
                self.assertIn(what, there[kind], line)
        # And what was refused is in neither: the two are the same.
        self.assertEqual(self.daybook("copy", "--verify", source, target).out, "nothing was found\n")
        self.assertEqual(self.daybook("check", "--db", target).out, "nothing was found\n")

    def follow(self, source, target, at=()):
        self.begin_writers(source, at)
        read = self.positions(source, 0)
        done = self.daybook("copy", "--follow", "--json", source, target)
        self.assertTrue(done.json["is_whole"])
        self.assertLess(done.json["read_only_ms"], WINDOW_MS)
        print(f"read-only for {done.json['read_only_ms']} ms,"
              f" {sum(len(writer.lines) for writer in self.writers)} writes")
        for writer in self.writers:
            self.assertRegex(writer.wait(), r"^moved the store was moved to .*, and is read-only here: write there$")
        self.expect_nothing_lost(source, target)
        self.expect_refused_ids_are_no_difference(source, target)
        # A reader of events goes on there.
        self.daybook("run", "--db", target, "-b", "after", "--", "true")
        read += self.positions(target, read[-1])
        self.assertEqual(read, list(range(1, read[-1] + 1)))
        self.assertGreater(read[-1], max(self.positions(source, 0)))

    def expect_refused_ids_are_no_difference(self, source, target):
        """A server counts an id up before a trigger refuses its row."""
        if source.endswith(".sqlite"):
            return
        for _ in range(3):
            with self.assertRaises(subprocess.CalledProcessError):
                sql(source, "INSERT INTO buildsets (submitted_at) VALUES (1)")
        self.assertEqual(self.daybook("copy", "--verify", source, target).out, "nothing was found\n")


def count_copied(target):
    """The rows of a copy into a file that is under way; 0: none, or there is none."""
    try:
        return int(*sql(target, "SELECT coalesce(sum(copied), 0) FROM daybook_copy"))
    except sqlite3.OperationalError:
        return 0


def sql(url, statement):
    """All rows, by the client of the place's kind, as texts."""
    if url.startswith("postgresql:"):
        words = ["psql", url, "-qAtX", "-F", " ", "-c", statement]
    elif url.startswith("mariadb:") and "unix_socket" not in url:
        user, password, host, port, database = re.fullmatch(r"mariadb://(\w+):(\w+)@([\d.]+):(\d+).*/(\w+)", url).groups()
        words = ["mariadb", "-h", host, "-P", port, "-u", user, f"-p{password}", "-N", "-B", database, "-e",
                 "SET wsrep_sync_wait = 15; " + statement]
    elif url.startswith("mariadb:"):
        user, database, socket = re.fullmatch(r"mariadb://(\w+)@/(\w+)\?unix_socket=(.*)", url).groups()
        words = ["mariadb", "-S", socket, "-u", user, "-N", "-B", database, "-e", statement]
    else:
        connection = sqlite3.connect(f"file:{url}?mode=ro", uri=True, timeout=DEADLINE_S)
        with contextlib.closing(connection):
            return {" ".join(map(str, row)) for row in connection.execute(statement)}
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return {line.replace("\t", " ") for line in done.stdout.splitlines()}


class TestFollow(FollowCase):
    def test_cut_off_it_leaves_the_source_written_and_goes_on(self):
        source, target = self.place("sqlite", "from"), self.place("sqlite", "to")
        self.begin_writers(source)
        for after_s in (0.02, 0.05, 0.1, 0.15):
            with subprocess.Popen([PROGRAM, "copy", "--follow", source, target], env=environment(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
                try:
                    child.wait(timeout=after_s)
                except subprocess.TimeoutExpired:
                    child.kill()
            if sql(source, "SELECT count(*) FROM sqlite_master WHERE name = 'daybook_gate'") == {"0"}:
                counts = [len(writer.lines) for writer in self.writers]
                self.wait_for(lambda: all(len(writer.lines) > count + 2
                                          for writer, count in zip(self.writers, counts)), "writes")
        done = run(self.folder, "copy", "--follow", source, target)
        self.assertTrue(done.code == 0 or "a copy that has ended is complete" in done.err, done.err)
        for writer in self.writers:
            self.assertTrue(writer.wait().startswith("moved "), writer.lines[-1])
        self.expect_nothing_lost(source, target)

    def test_a_moved_store_is_read_and_says_where_to_write_until_it_is_let_go(self):
        source, target = self.place("sqlite", "from"), self.place("sqlite", "to")
        self.daybook("run", "--db", source, "-b", "a", "--", "true")
        before = sql(source, "SELECT type, name, sql FROM sqlite_master")
        done = self.daybook("copy", "--follow", source, target)
        self.assertRegex(done.out, r"\nFROM is read-only: it was moved. Nobody could write for \d+\.\d s\n$")
        self.assertIn("a/1", self.daybook("builds", "--db", source).out)
        done = self.daybook("properties", "set", "a/1", "mood", "1", "--db", source, code=6)
        self.assertIn(f"was moved to {target}", done.err)
        self.daybook("copy", "--follow", source, self.place("sqlite", "other"), code=4)
        self.daybook("copy", "--unmove", source)
        self.assertEqual(sql(source, "SELECT type, name, sql FROM sqlite_master"), before)
        self.daybook("properties", "set", "a/1", "mood", "1", "--db", source)

    def test_a_copy_whose_source_was_let_go_meanwhile_is_refused(self):
        source = self.place("sqlite", "from")
        self.daybook("run", "--db", source, "-b", "a", "--", "true")
        for turn in range(100):
            target = self.place("sqlite", f"to{turn}")
            with subprocess.Popen([PROGRAM, "copy", "--follow", source, target], env=environment(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
                self.wait_for(lambda: count_copied(target) or child.poll() is not None, "rows")
                child.kill()
            self.daybook("copy", "--unmove", source)
            if count_copied(target):
                break
        self.assertIn("let go", self.daybook("copy", "--follow", source, target, code=4).err)

    def test_what_goes_together_with_nothing_is_2(self):
        self.daybook("copy", "--follow", "--verify", "a", "b", code=2)
        self.daybook("copy", "--unmove", "a", "b", code=2)

    def test_a_file_to_postgresql(self):
        self.follow(self.place("sqlite", "from"), self.place("postgresql", "to"))

    def test_postgresql_to_mariadb(self):
        self.follow(self.place("postgresql", "from"), self.place("mariadb", "to"))

    def test_mariadb_to_a_file(self):
        self.follow(self.place("mariadb", "from"), self.place("sqlite", "to"))


if __name__ == "__main__":
    sys.exit(main(__name__))
