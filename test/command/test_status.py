#!/usr/bin/env python3
"""`daybook status`: it answers in time whatever the database does, and ends with 0 only when that is usable.

The databases that hang are real ones: a lock that somebody holds, and a file system (FUSE) whose server
took the request and never answers it.
"""

import ctypes
import gzip
import os
import shutil
import sqlite3
import struct
import sys
import tempfile
import threading
import time
import unittest

from harness import StoreCase, main, run

DEADLINE_S = 2
FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/buildbot-4.3.sqlite.gz")


class Case(StoreCase):
    def status(self, *words, code=0, **more):
        """Runs `daybook status --json`, which must be in time."""
        began = time.monotonic()
        done = self.daybook("status", "--json", *words, code=code, **more)
        self.assertLess(time.monotonic() - began, DEADLINE_S, words)
        self.assertEqual(done.err, "")
        self.assertEqual(done.json["usable"], code == 0)
        self.assertEqual(done.json["error"] is None, code == 0)
        return done.json

    def file(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def buildbot(self, name):
        with gzip.open(FIXTURE) as packed:
            return self.file(name, packed.read())


class TestUsable(Case):
    @classmethod
    def record(cls):
        cls.build("done", ("s", "true"))

    def test_a_store_is_described(self):
        found = self.status()
        self.assertEqual(found["kind"], "own")
        self.assertEqual(found["path"], self.file("daybook.sqlite"))
        self.assertEqual(found["size"], os.path.getsize(self.file("daybook.sqlite")))
        self.assertEqual(found["journal_mode"], "wal")
        self.assertEqual(found["engine_version"], sqlite3.sqlite_version)
        self.assertGreater(found["disk_free"], 0)
        if found["disk_free"] > 200 << 20:
            self.assertEqual(found["reserve_size"], 16 << 20)
        self.assertEqual(found["build_count"], 1)
        self.assertTrue(found["open_builds_known"])
        self.assertIsNone(found["oldest_open_build"])

    def test_the_open_build_that_began_first_is_named(self):
        run(self.folder, "run", "--builder", "late", "--", "true")
        run(self.folder, "run", "--builder", "early", "--", "true")
        self.sql("UPDATE builds SET complete_at = NULL, results = NULL, started_at = 1000 + id"
                 " WHERE builderid IN (SELECT id FROM builders WHERE name IN ('early', 'late'))")
        self.sql("UPDATE builds SET started_at = 77 WHERE builderid ="
                 " (SELECT id FROM builders WHERE name = 'early')")
        found = self.status()["oldest_open_build"]
        self.assertEqual((found["builder"], found["number"], found["started_at"]), ("early", 1, 77))
        self.assertIn("early/1", self.daybook("status").out)
        self.sql("UPDATE builds SET complete_at = 2000, results = 0 WHERE complete_at IS NULL")

    def test_looking_writes_no_record(self):
        before = self.sql("SELECT (SELECT count(*) FROM daybook_events), (SELECT total(id) FROM builds)")
        self.status()
        self.assertEqual(before, self.sql(
            "SELECT (SELECT count(*) FROM daybook_events), (SELECT total(id) FROM builds)"))

    def test_a_buildbot_database_has_its_revision_and_stays_as_it_is(self):
        path = self.buildbot("state.sqlite")
        with open(path, "rb") as file:
            before = file.read()
        found = self.status("--db", path)
        self.assertEqual((found["kind"], found["read_only"]), ("buildbot", True))
        self.assertEqual(found["buildbot_version"], self.revision(path))
        self.assertGreater(found["build_count"], 0)
        self.assertIsNone(found["reserve_size"])
        self.status("--db", f"sqlite:///{path}?writes=existing")
        self.assertNotIn("state.sqlite-daybook-reserve", os.listdir(self.folder))
        with open(path, "rb") as file:
            self.assertEqual(before, file.read())

    @staticmethod
    def revision(path):
        connection = sqlite3.connect(path)
        try:
            return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        finally:
            connection.close()


class TestUnusable(Case):
    @classmethod
    def record(cls):
        cls.build("done", ("s", "true"))

    def test_a_missing_one_is_3_and_names_the_way(self):
        found = self.status("--db", "nowhere.sqlite", code=3)
        self.assertEqual(found["status"], "DBK_NOT_FOUND")
        self.assertIn("daybook init", found["error"])
        self.assertFalse(found["reachable"])
        self.assertNotIn("nowhere.sqlite", os.listdir(self.folder))

    def test_a_fifo_and_a_folder_are_2(self):
        os.mkfifo(self.file("fifo"))
        self.status("--db", "fifo", code=2)
        self.status("--db", self.folder, code=2)

    def test_what_is_no_database_is_15(self):
        self.file("text", b"no database at all\n" * 1000)
        found = self.status("--db", "text", code=15)
        self.assertIn("text", found["error"])
        self.assertEqual(found["size"], 19000)

    def test_a_damaged_one_is_told(self):
        with open(self.file("daybook.sqlite"), "rb") as file:
            whole = file.read()
        torn = bytearray(whole)
        torn[100:4096] = b"\xa5" * (4096 - 100)
        self.file("torn.sqlite", bytes(torn))
        found = run(self.folder, "status", "--json", "--db", "torn.sqlite")
        self.assertIn(found.code, (15, 16))
        self.assertIn("torn.sqlite", found.json["error"])

    def test_a_database_locked_by_another_program_is_told_with_its_process(self):
        path = self.buildbot("locked.sqlite")
        with_lock = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(with_lock.close)
        with_lock.execute("BEGIN EXCLUSIVE")
        found = self.status("--db", path, code=9)
        self.assertEqual(found["locker_pid"], os.getpid())
        self.assertIn("locked", found["error"])
        self.assertGreater(found["size"], 0)
        with_lock.execute("ROLLBACK")
        self.assertIsNone(self.status("--db", path)["locker_pid"])

    def test_a_writer_that_does_not_end_is_told_and_reading_goes_on(self):
        writer = sqlite3.connect(self.file("daybook.sqlite"), isolation_level=None)
        self.addCleanup(writer.close)
        writer.execute("BEGIN IMMEDIATE")
        found = self.status(code=9)
        self.assertTrue(found["reachable"])
        self.assertEqual(found["build_count"], 1)
        writer.execute("ROLLBACK")
        self.status()

    def test_a_password_is_not_shown(self):
        done = run(self.folder, "status", "--db", "oracle://root:hunter2@127.0.0.1/x")
        self.assertEqual(done.code, 2)
        self.assertNotIn("hunter2", done.out + done.err)
        self.assertIn("oracle://root@127.0.0.1/x", done.out)


class Hanging:
    """A FUSE file system whose server takes every request and never answers."""

    CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x4000, 1 << 18, 2
    INIT = 26

    def __init__(self, folder):
        self.folder = folder.encode()
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.asked = threading.Event()
        # In a mount namespace of its own it goes with this process, whatever becomes of it.
        self.call(self.libc.unshare(self.CLONE_NEWNS))
        self.call(self.libc.mount(b"none", b"/", None, self.MS_REC | self.MS_PRIVATE, None))
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        self.call(self.libc.mount(b"hangs", self.folder, b"fuse", 0, options.encode()))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    @staticmethod
    def call(result):
        if result:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def serve(self):
        while True:
            try:
                request = os.read(self.fd, 1 << 18)
            except OSError:
                return  # it is unmounted
            _, opcode, unique = struct.unpack_from("IIQ", request)
            if opcode == self.INIT:
                answer = struct.pack("IIIIHHII", 7, 23, 65536, 0, 8, 6, 65536, 1) + bytes(36)
                os.write(self.fd, struct.pack("IiQ", 16 + len(answer), 0, unique) + answer)
            else:
                self.asked.set()

    def end(self):
        self.libc.umount2(self.folder, 1)  # MNT_FORCE: whoever hangs there is let go
        self.libc.umount2(self.folder, self.MNT_DETACH)
        self.thread.join(10)
        os.close(self.fd)


class TestHanging(Case):
    def test_a_file_system_that_does_not_answer_is_told_in_time(self):
        place = tempfile.mkdtemp(prefix="daybook-hangs-")
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        try:
            hanging = Hanging(place)
        except OSError as error:
            if os.environ.get("CI"):
                raise
            self.skipTest(f"a FUSE file system cannot be mounted here: {error}")
        try:
            found = self.status("--db", os.path.join(place, "daybook.sqlite"), code=9)
        finally:
            hanging.end()
        self.assertTrue(hanging.asked.is_set())
        self.assertIn("the file system did not answer", found["error"])


if __name__ == "__main__":
    sys.exit(main(__name__))
