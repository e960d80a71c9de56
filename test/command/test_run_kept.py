#!/usr/bin/env python3
"""`daybook run` beside a store that is missing, full, read-only, locked, hanging or Buildbot's: the command
runs at once, and its record comes to the store later, once. And `daybook push`, and runs that were killed.
"""

import contextlib
import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import unittest

from harness import DEADLINE_S, PROGRAM, main

from run_case import (EXCEPTION, FAILURE, SUCCESS, Case, state_of, wait_until)

BUILDBOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "data",
                        "buildbot-4.3.sqlite.gz")
HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def may_mount():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"], check=False,
        capture_output=True).returncode == 0


class Kept(Case):
    """What the tests of this file share."""

    def kept(self):
        """The names in the spool by their endings: {"run": 1, ...}."""
        names = os.listdir(self.spool) if os.path.isdir(self.spool) else []
        count = {}
        for name in names:
            count[name.partition(".")[2]] = count.get(name.partition(".")[2], 0) + 1
        return count

    def expect_kept(self, done, out=b"ran\n", reason=""):
        self.assertEqual((done.code, done.out), (5, out))
        self.assertEqual(len(done.err.splitlines()), 1, done.err)
        self.assertRegex(done.err, "^daybook: .*recorded.*" + reason + ".*; it is kept, and the "
                                   "next `daybook run` or `daybook push` records it\n$")
        self.assertLess(done.seconds, 5.9)
        self.assertEqual(self.kept(), {"run": 1, "json": 1, "out": 1})

    def expect_once(self, before, after):
        """One build, whole, with its own times, and nothing in the spool."""
        build, = [build for build in self.builds() if build["builder"] == "job"]
        step, = [step for step in self.steps() if step["buildid"] == build["id"]]
        self.assertEqual((build["results"], build["state_string"]),
                         (FAILURE, "sh: exit status 5"))
        self.assertEqual((step["name"], step["results"], step["state_string"]),
                         ("sh", FAILURE, "exit status 5"))
        self.assertEqual(self.log("sh"), b"ran\n")
        names = {row["name"] for row in self.query(
            "SELECT name FROM build_properties WHERE buildid = ?", build["id"])}
        self.assertEqual(names, {"command", "directory", "host", "user"})
        for row in (build, step):
            self.assertLessEqual(int(before), row["started_at"])
            self.assertLessEqual(row["started_at"], row["complete_at"])
            self.assertLessEqual(row["complete_at"], after)
        self.assertEqual(self.kept(), {})

    def job(self, *options, script="echo ran; exit 5", **more):
        return self.shell(script, "--builder", "job", *options, **more)

    def hold(self, statement="BEGIN IMMEDIATE"):
        """Another process with a transaction; give it an end of file to end it."""
        child = subprocess.Popen([sys.executable, "-c", HOLDER, self.path, statement],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end, child)
        self.assertEqual(child.stdout.readline(), b"held\n")
        return child

    def keep_one(self):
        """Leaves one record in the spool, for self.path in a folder that is not there yet."""
        self.path = self.file("later/daybook.sqlite")
        self.expect_kept(self.job("--db", self.path))
        os.mkdir(self.file("later"))

    def starts_at_once(self, *options):
        """How long it takes until a command's first output."""
        began = time.monotonic()
        child = self.start(*options, "--builder", "job", "--", "sh", "-c", "echo ran; exit 5")
        self.assertEqual(child.stdout.readline(), b"ran\n")
        took = time.monotonic() - began
        self.assertEqual(child.wait(DEADLINE_S), 5)
        child.communicate(timeout=DEADLINE_S)
        return took


class Causes(Kept):
    def test_a_missing_folder(self):
        before = time.time()
        self.path = self.file("no/such/daybook.sqlite")
        self.expect_kept(self.job("--db", self.path))
        after = time.time()
        time.sleep(1.1)
        os.makedirs(self.file("no/such"))
        done = self.run_it("--builder", "next", "--db", self.path, "--", "true")
        self.assertIn("daybook: an earlier run was recorded now\n", done.err)
        self.expect_once(before, after)

    def test_the_current_folder_is_gone(self):
        before = time.time()
        gone = self.file("gone")
        os.mkdir(gone)
        # Not by a shell, which complains of the folder itself.
        done = self.run_it("--builder", "job", "--step", "sh", "--", sys.executable, "-c",
                           "print('ran'); raise SystemExit(5)", cwd=gone,
                           before=lambda: os.rmdir(gone))
        self.expect_kept(done, reason="No such file")
        after = time.time()
        os.mkdir(gone)
        self.path = os.path.join(gone, "daybook.sqlite")
        self.assertEqual(self.daybook("push").code, 0)
        self.expect_once(before, after)
        directory, = self.query("SELECT value FROM build_properties WHERE name = 'directory'")
        self.assertEqual(json.loads(directory[0]), gone)

    def test_a_store_that_is_locked(self):
        self.run_it("--builder", "first", "--", "true")
        holder, before = self.hold(), time.time()
        done = self.job()
        self.expect_kept(done, reason="before the database was free")
        self.assertLess(self.starts_at_once(), 2)
        holder.communicate(timeout=DEADLINE_S)
        self.assertEqual(self.kept(), {"run": 2, "json": 2, "out": 2})
        self.assertEqual(self.daybook("push").code, 0)
        jobs = [build for build in self.builds() if build["builder"] == "job"]
        self.assertEqual([(b["number"], b["results"]) for b in jobs], [(1, FAILURE), (2, FAILURE)])
        self.assertLessEqual(int(before), jobs[0]["started_at"])
        self.assertEqual(self.kept(), {})

    def test_a_stopped_process_holds_the_whole_file(self):
        self.run_it("--builder", "first", "--", "true")
        holder, before = self.hold("PRAGMA locking_mode = EXCLUSIVE"), time.time()
        holder.communicate(timeout=DEADLINE_S)
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            database.execute("PRAGMA journal_mode = DELETE")
        holder = self.hold("BEGIN EXCLUSIVE")
        holder.send_signal(signal.SIGSTOP)
        wait_until(lambda: state_of(holder.pid) == "T", "the stop")
        self.assertLess(self.starts_at_once("--db", self.path), 2)
        after = time.time()
        self.assertEqual(self.kept(), {"run": 1, "json": 1, "out": 1})
        holder.send_signal(signal.SIGCONT)
        holder.communicate(timeout=DEADLINE_S)
        self.assertEqual(self.daybook("push").code, 0)
        self.expect_once(before, after)

    def test_a_fifo_in_place_of_the_file(self):
        os.mkfifo(self.path)
        before = time.time()
        self.assertLess(self.starts_at_once(), 2)
        after = time.time()
        self.assertEqual(self.kept(), {"run": 1, "json": 1, "out": 1})
        os.unlink(self.path)
        self.assertEqual(self.daybook("push").code, 0)
        self.expect_once(before, after)

    def test_a_file_that_is_no_database(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("this is no database, but a text of some length" * 100)
        before = time.time()
        self.expect_kept(self.job())
        after = time.time()
        self.assertEqual(self.daybook("push").code, 15)
        os.unlink(self.path)
        self.assertEqual(self.daybook("push").code, 0)
        self.expect_once(before, after)

    def test_one_that_is_opened_read_only(self):
        self.run_it("--builder", "first", "--", "true")
        before = time.time()
        self.expect_kept(self.job("--db", f"sqlite:///{self.path}?mode=ro"))
        after = time.time()
        # It is the same file, however it is called.
        self.run_it("--builder", "next", "--", "true")
        self.expect_once(before, after)

    def test_a_buildbot_database_is_left_alone(self):
        with gzip.open(BUILDBOT) as packed, open(self.path, "wb") as file:
            shutil.copyfileobj(packed, file)
        with open(self.path, "rb") as file:
            digest = hashlib.sha256(file.read()).digest()
        done = self.job()
        self.assertEqual((done.code, done.out), (5, b"ran\n"))
        self.assertRegex(done.err, r"^daybook: this run was not recorded: .*Buildbot.*"
                                   r"`daybook init FILE`.*\n$")
        self.assertEqual(len(done.err.splitlines()), 1)
        self.assertEqual(self.kept(), {})
        with open(self.path, "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).digest(), digest)

    def test_a_store_that_has_lost_a_table(self):
        self.run_it("--builder", "first", "--", "true")
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            database.execute("DROP TABLE daybook_operations")
            database.execute("DROP TABLE daybook_events")
        before = time.time()
        self.expect_kept(self.job(), reason="`daybook upgrade` makes it again")
        after = time.time()
        self.assertEqual(self.daybook("push").code, 5)
        self.assertIn("`daybook upgrade`", self.daybook("events").err)
        self.assertEqual(self.daybook("upgrade").code, 0)
        self.assertEqual(self.daybook("push").code, 0)
        self.expect_once(before, after)

    def test_a_url_that_is_none_is_not_kept(self):
        done = self.job("--db", "foo://bar")
        self.assertEqual((done.code, done.out), (5, b"ran\n"))
        self.assertRegex(done.err, "^daybook: this run was not recorded: .*\n$")
        self.assertEqual(self.kept(), {})

    def test_for_a_device_nothing_is_kept(self):
        done = self.job("--db", "/dev/null")
        self.assertEqual((done.code, done.out), (5, b"ran\n"))
        self.assertRegex(done.err, "^daybook: this run was not recorded: .*not a database file\n$")
        self.assertEqual(self.kept(), {})

    def test_no_place_to_keep_it_is_told(self):
        with open(self.file("file"), "wb"):
            done = self.job("--db", "no/such.sqlite", XDG_STATE_HOME=self.file("file"))
        self.assertEqual((done.code, done.out), (5, b"ran\n"))
        self.assertRegex(done.err, "^daybook: this run was not recorded: .*nor could it be kept")

    def test_without_a_place_to_keep_it_a_run_is_recorded_as_ever(self):
        done = self.job(XDG_STATE_HOME="/proc")
        self.assertRegex(done.err.splitlines()[-1], "^job #1  failure")

    def test_a_folder_that_others_may_write_is_not_used(self):
        os.makedirs(self.spool)
        os.chmod(self.spool, 0o777)
        done = self.job("--db", "no/such.sqlite")
        self.assertIn("nor could it be kept", done.err)
        self.assertEqual(self.kept(), {})


@unittest.skipUnless(may_mount(), "mounting takes root")
class Disks(Kept):
    """On a disk of its own, in a mount namespace that ends with the script."""

    def script(self, text):
        """Runs a shell script in the folder, with "disk" to be mounted and "daybook" at hand."""
        os.mkdir(self.file("disk"))
        return subprocess.run(["unshare", "-m", "sh", "-euc",
                               f'daybook() {{ "{PROGRAM}" "$@"; }}\n' + text],
                              cwd=self.folder, env=self.environment(DAYBOOK_DB="disk/a.sqlite"),
                              capture_output=True, timeout=DEADLINE_S, check=False, text=True)

    FAILING = 'daybook run --builder job -- sh -c "echo ran; exit 5" || echo "code $?"\n'

    def expect_later(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        first, _, second = done.stdout.partition("--\n")
        self.assertEqual(first, "ran\ncode 5\n", done.stderr)
        self.assertEqual(len([line for line in done.stderr.splitlines()
                              if "it is kept, and the next" in line]), 1, done.stderr)
        builds = json.loads(second)
        self.assertEqual([(b["number"], b["results"]) for b in builds], [(1, FAILURE)])
        self.assertEqual(self.kept(), {})

    def test_a_full_disk(self):
        self.expect_later(self.script(
            "mount -t tmpfs -o size=4m none disk\n"
            "daybook run --builder first -- true 2> /dev/null\n"
            "cat /dev/zero > disk/ballast 2> /dev/null || :\n" + self.FAILING + "echo --\n"
            "rm disk/ballast\n"
            "daybook run --builder next -- true\n"
            "daybook builds job --json\n"))

    def test_a_full_disk_before_there_is_a_store(self):
        self.expect_later(self.script(
            "mount -t tmpfs -o size=1m none disk\n"
            "cat /dev/zero > disk/ballast 2> /dev/null || :\n" + self.FAILING + "echo --\n"
            "mount -o remount,size=8m disk\n"
            "daybook push > /dev/null\n"
            "daybook builds job --json\n"))

    def test_a_read_only_disk(self):
        self.expect_later(self.script(
            "mount -t tmpfs none disk\n"
            "daybook run --builder first -- true 2> /dev/null\n"
            "mount -o remount,ro disk\n" + self.FAILING + "echo --\n"
            "mount -o remount,rw disk\n"
            "daybook run --builder next -- true\n"
            "daybook builds job --json\n"))

    def test_a_full_disk_for_what_is_kept_leaves_the_result(self):
        done = self.script(
            "mount -t tmpfs -o size=64k none disk\n"
            "export XDG_STATE_HOME=$PWD/disk DAYBOOK_DB=$PWD/no/such.sqlite\n"
            'daybook run --builder job -- sh -c "echo ran; cat /dev/zero > disk/ballast; exit 5"'
            ' || echo "code $?"\n'
            "rm disk/ballast; mkdir no\n"
            "daybook push\n"
            "daybook builds job --json > builds\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("ran\ncode 5\n", done.stdout)
        self.assertIn("nor could it be kept", done.stderr)
        with open(self.file("builds"), encoding="utf-8") as file:
            self.assertEqual([b["results"] for b in json.load(file)], [FAILURE])


class Parts(Kept):
    """A store that is lost in the middle of a run: the build is there once and whole in the end."""

    SCRIPT = "echo begun; read x < gate; echo ended; exit 3"

    def begin(self, *before):
        os.mkfifo(self.file("gate"))
        child = self.start("--builder", "job", "--step", "a", "echo one", *before,
                           "--step", "b", self.SCRIPT)
        wait_until(lambda: [s for s in self.steps() if s["name"] == "b" and s["started_at"]],
                   "the step")
        return child

    def expect_whole(self):
        build, = [build for build in self.builds() if build["builder"] == "job"]
        steps = [step for step in self.steps() if step["buildid"] == build["id"]]
        self.assertEqual((build["results"], build["state_string"]),
                         (FAILURE, "b: exit status 3"))
        self.assertEqual([(s["name"], s["number"], s["results"]) for s in steps],
                         [("a", 0, SUCCESS), ("b", 1, FAILURE)])
        self.assertEqual((self.log("a"), self.log("b")), (b"one\n", b"begun\nended\n"))
        self.assertEqual(self.query("SELECT count(*) FROM buildrequests")[0][0],
                         len(self.builds()))
        self.assertEqual(self.kept(), {})

    def test_locked_until_after_the_end(self):
        child = self.begin()
        holder = self.hold()
        self.open_gate()
        self.assertEqual(child.wait(DEADLINE_S), 3)
        self.assertRegex(child.communicate()[1].decode(),
                         "(?m)^daybook: job #1 was recorded only in part: .*; it is kept, and")
        self.assertIsNone(self.build()["results"])
        holder.communicate(timeout=DEADLINE_S)
        self.assertRegex(self.daybook("push").out, b"^job #1  failure  recorded in ")
        self.expect_whole()

    def test_removed_by_the_job(self):
        child = self.begin()
        for name in os.listdir(self.folder):
            if name.startswith("daybook.sqlite"):
                os.unlink(self.file(name))
        self.open_gate()
        self.assertEqual(child.wait(DEADLINE_S), 3)
        self.assertEqual(self.kept(), {"run": 1, "json": 1, "out": 1})
        self.run_it("--builder", "other", "--", "true")
        self.expect_whole()

    def test_another_store_in_its_place(self):
        child = self.begin()
        for name in os.listdir(self.folder):
            if name.startswith("daybook.sqlite"):
                os.unlink(self.file(name))
        # There, another build has the id.
        self.run_it("--builder", "other", "--", "true")
        self.open_gate()
        self.assertEqual(child.wait(DEADLINE_S), 3)
        self.daybook("push")
        self.expect_whole()
        self.assertEqual([b["builder"] for b in self.builds()], ["other", "job"])

    def test_after_the_operation_keys_are_gone_it_is_found_by_its_id(self):
        child = self.begin()
        holder = self.hold()
        self.open_gate()
        self.assertEqual(child.wait(DEADLINE_S), 3)
        holder.communicate(timeout=DEADLINE_S)
        name, = [n for n in os.listdir(self.spool) if n.endswith(".json")]
        with open(os.path.join(self.spool, name), encoding="utf-8") as file:
            kept = json.load(file)
        kept["started_at"] -= 8 * 86400
        with open(os.path.join(self.spool, name), "w", encoding="utf-8") as file:
            json.dump(kept, file)
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            database.execute("UPDATE builds SET started_at = ?", [kept["started_at"]])
            database.execute("DELETE FROM daybook_operations")
        self.assertEqual(self.daybook("push").code, 0)
        self.expect_whole()

    def test_a_push_that_is_killed_is_gone_on_with(self):
        words = []
        for i in range(40):
            words += ["--step", f"s{i}", f"echo {i}"]
        self.path = self.file("later/daybook.sqlite")
        self.run_it("--builder", "job", *words, "--step", "last", "exit 5", "--db", self.path)
        self.run_it("--builder", "job", *words, "--step", "last", "exit 5", "--db", self.path)
        os.mkdir(self.file("later"))
        rng = random.Random(3)
        killed = 0
        for _ in range(40):
            push = subprocess.Popen([PROGRAM, "push"], cwd=self.folder, env=self.environment(),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                push.wait(rng.uniform(0.005, 0.15))
            push.kill()
            killed += push.wait() == -signal.SIGKILL
            if not self.kept():
                break
        self.assertGreater(killed, 0)
        done = self.daybook("push")
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertEqual(self.kept(), {})
        self.assertEqual([(b["number"], b["results"]) for b in self.builds()],
                         [(1, FAILURE), (2, FAILURE)])
        for build in self.builds():
            steps = [s for s in self.steps() if s["buildid"] == build["id"]]
            self.assertEqual([s["name"] for s in steps], [f"s{i}" for i in range(40)] + ["last"])
            self.assertEqual([s["results"] for s in steps], [SUCCESS] * 40 + [FAILURE])
        rows = self.query("SELECT count(*), count(DISTINCT name || buildid) FROM build_data")[0]
        self.assertEqual(tuple(rows), (82, 82))


class Push(Kept):
    def test_what_is_kept_is_for_its_owner_alone(self):
        self.keep_one()
        self.assertEqual(stat.S_IMODE(os.stat(self.spool).st_mode), 0o700)
        for name in os.listdir(self.spool):
            mode = os.stat(os.path.join(self.spool, name)).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600, name)

    def test_dry_run_says_what_and_does_nothing(self):
        self.keep_one()
        done = self.daybook("push", "--dry-run")
        self.assertEqual(done.code, 0)
        self.assertRegex(done.out.decode(), rf"^job of 20.*  failure  for {self.path}\n$")
        self.assertEqual(self.kept(), {"run": 1, "json": 1, "out": 1})
        self.assertEqual(os.listdir(self.file("later")), [])

    def test_no_password_of_a_database_is_said(self):
        self.run_it("--db", "postgresql://u:hidden@127.0.0.1:1/x", "--", "true")
        for words in (("push", "--dry-run"), ("push",)):
            done = self.daybook(*words)
            self.assertIn("postgresql://u@127.0.0.1:1/x", done.out.decode() + done.err)
            self.assertNotIn("hidden", done.out.decode() + done.err)

    def test_it_says_what_it_recorded(self):
        self.keep_one()
        done = self.daybook("push")
        self.assertEqual((done.code, done.out.decode(), done.err),
                         (0, f"job #1  failure  recorded in {self.path}\n", ""))
        self.assertEqual(self.daybook("push").out, b"nothing is kept for later\n")

    def test_what_cannot_be_recorded_stays(self):
        self.keep_one()
        os.rmdir(self.file("later"))
        done = self.daybook("push")
        self.assertIn(done.code, (3, 13))
        self.assertRegex(done.err, "^daybook: job of 20.* is kept: .*No such file")
        self.assertEqual(self.kept(), {"run": 1, "json": 1, "out": 1})

    def test_another_database_gets_nothing(self):
        self.keep_one()
        self.run_it("--builder", "other", "--db", self.file("other.sqlite"), "--", "true")
        self.daybook("push", "--db", self.file("other.sqlite"))
        self.assertEqual(self.kept(), {"run": 1, "json": 1, "out": 1})
        self.assertEqual(self.daybook("push", "--db", "later/daybook.sqlite").code, 0)
        self.assertEqual(len(self.builds()), 1)

    def test_several_at_once_record_once(self):
        self.path = self.file("later/daybook.sqlite")
        for _ in range(4):
            self.job("--db", self.path)
        os.mkdir(self.file("later"))
        self.assertEqual(self.daybook("init", self.path).code, 0)
        pushes = [subprocess.Popen([PROGRAM, "push"], cwd=self.folder, env=self.environment(),
                                   stdout=subprocess.PIPE) for _ in range(6)]
        told = b"".join(push.communicate(timeout=DEADLINE_S)[0] for push in pushes)
        self.assertEqual([push.returncode for push in pushes], [0] * 6)
        self.assertEqual(told.count(b"recorded in"), 4)
        self.assertEqual([b["number"] for b in self.builds()], [1, 2, 3, 4])
        self.assertEqual(self.kept(), {})

    def test_a_damaged_record_is_set_aside_and_named(self):
        for damage in (b"", b"{\"format\": 1}", b"[]", b"\xff" * 10000, None):
            self.path = self.file("later/daybook.sqlite")
            self.job("--db", self.path)
            name, = [n for n in os.listdir(self.spool) if n.endswith(".json")]
            name = os.path.join(self.spool, name)
            with open(name, "rb") as file:
                whole = file.read()
            with open(name, "wb") as file:
                file.write(whole[:-20] if damage is None else damage)
            os.mkdir(self.file("later"))
            done = self.daybook("push")
            self.assertEqual(done.code, 16)
            self.assertIn(name[:-len("json")] + "*.damaged", done.err)
            # What is known from the start is recorded all the same.
            self.assertEqual((self.build()["builder"], self.build()["results"]),
                             ("job", EXCEPTION))
            self.assertEqual(self.kept(), {"json.damaged": 1, "out.damaged": 1})
            self.assertEqual(self.daybook("push").code, 0)
            shutil.rmtree(self.file("later"))
            shutil.rmtree(self.spool)

    def test_a_damaged_note_is_set_aside_and_named(self):
        os.makedirs(self.spool, mode=0o700)
        name = os.path.join(self.spool, "1795262400-0123456789abcdef")
        with open(name + ".run", "wb") as file:
            file.write(b"{\"key\": [[[[")
        done = self.daybook("push")
        self.assertEqual(done.code, 16)
        self.assertIn(name + ".*.damaged", done.err)
        self.assertEqual(self.kept(), {"run.damaged": 1})
        self.assertEqual(self.daybook("push").code, 0)

    def test_large_output_is_whole(self):
        self.path = self.file("later/daybook.sqlite")
        script = "seq 1 300000; exit 5"
        done = self.job("--log-max", "8M", "--db", self.path, script=script)
        os.mkdir(self.file("later"))
        self.daybook("push")
        self.assertEqual(self.log("sh"), done.out)

    def test_once_much_output_is_kept_more_records_come_without(self):
        self.path = self.file("later/daybook.sqlite")
        os.makedirs(self.spool, 0o700)
        with open(os.path.join(self.spool, "1-0.out"), "wb") as much:
            much.truncate(256 << 20)
        self.job("--db", self.path)
        os.mkdir(self.file("later"))
        self.daybook("push")
        self.assertRegex(self.log("sh"), rb"^\[daybook kept no output: [^\n]* 256 MiB of it\]\n$")


class Killed(Kept):
    def kill_one(self, script="echo begun; exec sleep 60", **popen):
        child = self.start("--builder", "job", "--", "sh", "-c", script, **popen)
        self.assertEqual(child.stdout.readline(), b"begun\n")
        return child

    def expect_lost(self):
        build = [build for build in self.builds() if build["builder"] == "job"][0]
        self.assertEqual((build["results"], build["state_string"]),
                         (EXCEPTION, "lost: daybook run was killed"))
        self.assertLessEqual(build["started_at"], build["complete_at"])
        self.assertEqual(self.kept(), {})

    def test_the_next_run_finds_it_lost(self):
        child = self.kill_one()
        wait_until(lambda: [s for s in self.steps() if s["started_at"]], "the step")
        child.kill()
        child.wait(DEADLINE_S)
        self.assertIsNone(self.build()["results"])
        done = self.run_it("--builder", "other", "--", "true")
        self.assertIn("daybook: an earlier run, which was killed, was recorded now\n", done.err)
        self.expect_lost()
        step = self.steps()[0]
        self.assertEqual((step["results"], step["state_string"]), (EXCEPTION, "lost"))
        self.assertIsNotNone(step["complete_at"])
        self.assertEqual(len(self.builds()), 2)

    def test_its_end_is_the_last_sign_of_life(self):
        child = self.kill_one()
        wait_until(lambda: [s for s in self.steps() if s["started_at"]], "the step")
        child.kill()
        child.wait(DEADLINE_S)
        note, = os.listdir(self.spool)
        at = self.build()["started_at"] + 7
        os.utime(os.path.join(self.spool, note), (at, at))
        self.daybook("push")
        self.assertEqual((self.build()["complete_at"], self.steps()[0]["complete_at"]), (at, at))

    def test_one_that_never_reached_the_store_is_recorded(self):
        self.run_it("--builder", "first", "--", "true")
        holder = self.hold()
        child = self.kill_one()
        child.kill()
        child.wait(DEADLINE_S)
        holder.communicate(timeout=DEADLINE_S)
        self.assertEqual(self.daybook("push").code, 0)
        self.expect_lost()

    def test_one_that_runs_is_left_alone(self):
        os.mkfifo(self.file("gate"))
        child = self.kill_one("echo begun; read x < gate; exit 5")
        self.assertEqual(self.daybook("push").out, b"nothing is kept for later\n")
        self.run_it("--builder", "other", "--", "true")
        self.assertIsNone(self.builds()[0]["results"])
        self.open_gate()
        self.assertEqual(child.wait(DEADLINE_S), 5)
        self.assertEqual(self.builds()[0]["results"], FAILURE)
        self.assertEqual(self.kept(), {})

    def note_of_killed(self, **changes):
        """Changes what the note of a killed run says of the process."""
        child = self.kill_one()
        wait_until(lambda: [s for s in self.steps() if s["started_at"]], "the step")
        child.kill()
        child.wait(DEADLINE_S)
        note = os.path.join(self.spool, os.listdir(self.spool)[0])
        with open(note, encoding="utf-8") as file:
            first, *more = file.read().splitlines()
        first = json.dumps({**json.loads(first), **changes})
        with open(note, "w", encoding="utf-8") as file:
            file.write("\n".join([first, *more]) + "\n")

    def test_after_a_restart_of_the_machine_the_record_says_so(self):
        self.note_of_killed(boot_id="00000000-0000-0000-0000-000000000000")
        self.assertEqual(self.daybook("push").code, 0)
        self.assertEqual((self.build()["results"], self.build()["state_string"]),
                         (EXCEPTION, "lost: the machine was started again while it ran"))

    def test_one_of_another_host_is_left_alone(self):
        self.note_of_killed(host="elsewhere.example")
        self.assertIn("another machine's", self.daybook("push").err)
        self.assertIsNone(self.build()["results"])
        self.assertEqual(self.kept(), {"run": 1})

    def test_a_process_that_is_there_counts_as_running_without_a_lock(self):
        with open("/proc/self/stat", encoding="utf-8") as file:
            started = int(file.read().rpartition(")")[2].split()[19])
        self.note_of_killed(pid=os.getpid(), pid_started=started)
        self.assertEqual(self.daybook("push").code, 0)
        self.assertIsNone(self.build()["results"])
        self.assertEqual(self.kept(), {"run": 1})


if __name__ == "__main__":
    sys.exit(main(__name__))
