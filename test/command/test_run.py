#!/usr/bin/env python3
"""`daybook run` from outside: what it passes on, what it records, how it ends.

The environment names the program (DAYBOOK). Each case has a folder of its own; the store is read with
Python's sqlite3. Where a case waits for something, it waits for it to be seen, not for a time. Ends
with the line that tools/test-report counts. Arguments, like Output or Output.test_x, choose cases.
"""

import contextlib
import fcntl
import json
import os
import pty
import random
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

PROGRAM = os.environ.get("DAYBOOK", "build/daybook")
DEADLINE_S = 60
SUCCESS, FAILURE, SKIPPED, EXCEPTION, CANCELLED = 0, 2, 3, 4, 6


def environment(**changes):
    unwanted = ("DAYBOOK_DB", "DAYBOOK_BUILD", "DAYBOOK_STEP")
    env = {k: v for k, v in os.environ.items() if k not in unwanted and not k.startswith("GIT_")}
    env.update(LANG="C.UTF-8", TZ="UTC", TERM="xterm", GIT_CEILING_DIRECTORIES="/")
    env.update(changes)
    return env


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE_S
    reason = ""
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
        except sqlite3.OperationalError as error:
            reason = f": {error}"  # a store that is just being made has no tables yet, or no file
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}{reason}")


class Done:
    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err.decode("utf-8"), seconds


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-run-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.path = os.path.join(self.folder, "daybook.sqlite")

    def file(self, name):
        return os.path.join(self.folder, name)

    def run_it(self, *words, stdin=b"", cwd=None, **env):
        """daybook run WORDS, without a controlling terminal."""
        began = time.monotonic()
        done = subprocess.run([PROGRAM, "run", *words], cwd=cwd or self.folder, input=stdin,
                              env=environment(**env), capture_output=True, timeout=DEADLINE_S,
                              start_new_session=True, check=False)
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def start(self, *words, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        child = subprocess.Popen([PROGRAM, "run", *words], cwd=self.folder, env=environment(),
                                 stdin=subprocess.DEVNULL, start_new_session=True, **options)
        self.addCleanup(self.end, child)
        return child

    @staticmethod
    def end(child):
        if child.poll() is None:
            child.kill()
        with contextlib.suppress(ValueError, OSError):
            child.communicate(timeout=DEADLINE_S)

    def shell(self, script, *options, **env):
        return self.run_it(*options, "--", "sh", "-c", script, **env)

    def query(self, sql, *values):
        name = f"file:{self.path}?mode=rw"
        with contextlib.closing(sqlite3.connect(name, 10, uri=True)) as database:
            database.row_factory = sqlite3.Row
            return database.execute(sql, values).fetchall()

    def builds(self):
        return self.query("SELECT b.*, r.name AS builder FROM builds b "
                          "JOIN builders r ON r.id = b.builderid ORDER BY b.id")

    def build(self):
        return self.builds()[-1]

    def steps(self):
        return self.query("SELECT * FROM steps ORDER BY buildid, number")

    def log(self, name):
        rows = self.query("SELECT value, length FROM build_data WHERE name = ?", "log/" + name)
        if not rows:
            return None
        self.assertEqual(rows[-1]["length"], len(rows[-1]["value"]))
        return bytes(rows[-1]["value"])

    def properties(self):
        rows = self.query("SELECT name, value, source FROM build_properties")
        self.assertEqual({row["source"] for row in rows}, {"daybook run"})
        return {row["name"]: json.loads(row["value"]) for row in rows}


class Record(Case):
    def test_one_command_is_a_build_with_a_step(self):
        began = int(time.time())
        done = self.run_it("--builder", "nightly", "--", "echo", "hello")
        self.assertEqual((done.code, done.out), (0, b"hello\n"))
        build, (step,) = self.build(), self.steps()
        self.assertEqual((build["builder"], build["number"], build["results"]),
                         ("nightly", 1, SUCCESS))
        self.assertEqual((step["name"], step["number"], step["results"], step["state_string"]),
                         ("echo", 0, SUCCESS, "finished"))
        self.assertEqual(self.log("echo"), b"hello\n")
        for row in (build, step):
            self.assertLessEqual(began, row["started_at"])
            self.assertLessEqual(row["started_at"], row["complete_at"])
            self.assertLessEqual(row["complete_at"], time.time())
        self.assertEqual(step["locks_acquired_at"], step["started_at"])

    def test_the_parents_are_there_once(self):
        for _ in range(2):
            self.run_it("--", "true")
        for table, count in (("builders", 1), ("workers", 1), ("masters", 1), ("sourcestamps", 1),
                             ("buildsets", 2), ("buildrequests", 2), ("builds", 2)):
            self.assertEqual(self.query(f"SELECT count(*) FROM {table}")[0][0], count, table)
        self.assertEqual(self.query("SELECT name FROM workers")[0][0], os.uname().nodename[:50])
        self.assertEqual(self.query("SELECT reason FROM buildsets")[0][0], "daybook run")
        self.assertEqual([build["number"] for build in self.builds()], [1, 2])

    def test_the_builder_is_named_by_the_folder(self):
        os.mkdir(self.file("thing"))
        self.run_it("--", "true", cwd=self.file("thing"), DAYBOOK_DB=self.path)
        self.assertEqual(self.build()["builder"], "thing")

    def test_the_step_is_named_by_the_option_or_the_command(self):
        self.run_it("--step", "check", "--", "/bin/true")
        self.run_it("/bin/true")
        self.assertEqual([step["name"] for step in self.steps()], ["check", "true"])

    def test_several_steps_run_in_a_shell(self):
        done = self.run_it("--step", "one", "echo $((1 + 1)) | cat", "--step", "two", "echo two >&2")
        self.assertEqual((done.code, done.out), (0, b"2\n"))
        self.assertEqual([(step["name"], step["results"]) for step in self.steps()],
                         [("one", SUCCESS), ("two", SUCCESS)])
        self.assertEqual((self.log("one"), self.log("two")), (b"2\n", b"two\n"))

    def test_steps_of_one_name_have_logs_of_their_own(self):
        self.run_it("--step", "a", "echo 1", "--step", "a", "echo 2")
        self.assertEqual([step["name"] for step in self.steps()], ["a", "a_1"])
        self.assertEqual((self.log("a"), self.log("a_1")), (b"1\n", b"2\n"))

    def test_after_a_failure_the_rest_is_skipped(self):
        done = self.run_it("--step", "a", "exit 3", "--step", "b", "echo b", "--step", "c", "exit 4")
        self.assertEqual((done.code, done.out), (3, b""))
        self.assertEqual([(s["results"], s["state_string"]) for s in self.steps()],
                         [(FAILURE, "exit status 3"), (SKIPPED, "skipped"), (SKIPPED, "skipped")])
        self.assertIsNone(self.steps()[1]["started_at"])
        self.assertIsNotNone(self.steps()[1]["complete_at"])
        self.assertIsNone(self.log("b"))
        self.assertEqual((self.build()["results"], self.build()["state_string"]),
                         (FAILURE, "a: exit status 3"))

    def test_keep_going_runs_the_rest_and_gives_the_first_failure(self):
        done = self.run_it("--keep-going", "--step", "a", "exit 3", "--step", "b", "echo b",
                           "--step", "c", "exit 4")
        self.assertEqual((done.code, done.out), (3, b"b\n"))
        self.assertEqual([step["results"] for step in self.steps()], [FAILURE, SUCCESS, FAILURE])

    def test_the_worst_step_makes_the_result(self):
        self.run_it("-k", "--step", "a", "exit 1", "--step", "b", "kill -9 $$", "--step", "c", "true")
        self.assertEqual([s["results"] for s in self.steps()], [FAILURE, EXCEPTION, SUCCESS])
        self.assertEqual(self.build()["results"], EXCEPTION)

    def test_a_command_ended_by_a_signal_is_an_exception(self):
        self.assertEqual(self.shell("kill -9 $$").code, 128 + 9)
        self.assertEqual((self.steps()[0]["results"], self.steps()[0]["state_string"]),
                         (EXCEPTION, "ended by signal 9 (Killed)"))
        self.assertEqual(self.build()["results"], EXCEPTION)

    def test_a_command_that_cannot_be_executed_is_a_failure(self):
        done = self.run_it("--", "no-such-command")
        self.assertEqual(done.code, 127)
        self.assertIn("cannot run no-such-command: No such file", done.err)
        self.assertEqual(self.steps()[0]["results"], FAILURE)
        self.assertIn(b"No such file", self.log("no-such-command"))
        self.assertEqual(self.run_it("--", "/etc/passwd").code, 126)

    def test_the_last_line_tells_the_end(self):
        done = self.run_it("--builder", "nightly", "--step", "test", "exit 2")
        self.assertRegex(done.err.splitlines()[-1],
                         r"^nightly #1  failure  \d s      test: exit status 2$")
        done = self.run_it("--builder", "nightly", "--", "true")
        self.assertRegex(done.err, r"^nightly #2  success  \d s\n$")

    def test_a_new_database_is_told_once(self):
        self.assertIn("created ./daybook.sqlite\n", self.run_it("--", "true").err)
        self.assertNotIn("created", self.run_it("--", "true").err)

    def test_a_step_that_printed_nothing_has_an_empty_log(self):
        self.run_it("--", "true")
        self.assertEqual(self.log("true"), b"")

    def test_the_record_is_there_while_the_command_runs(self):
        os.mkfifo(self.file("gate"))
        child = self.start("--", "sh", "-c", "echo begun; read x < gate")
        self.assertEqual(child.stdout.readline(), b"begun\n")
        step = wait_until(lambda: [s for s in self.steps() if s["started_at"]], "the step")[0]
        self.assertEqual((step["state_string"], step["results"]), ("running", None))
        self.assertIsNone(self.build()["complete_at"])
        with open(self.file("gate"), "w", encoding="ascii") as gate:
            gate.write("go\n")
        self.assertEqual(child.wait(DEADLINE_S), 0)
        self.assertEqual(self.build()["results"], SUCCESS)

    def test_the_log_of_a_long_step_outlives_a_crash(self):
        child = self.start("--", "sh", "-c", "echo begun; exec sleep 60")
        wait_until(lambda: self.builds() and self.log("sh"), "the log")
        child.kill()
        self.assertEqual(self.log("sh"), b"begun\n")


class Properties(Case):
    def test_what_is_known_is_recorded(self):
        self.run_it("--property", 'a={"b": [1, null]}', "-p", "c=1.50", "--", "echo", "it's", "a b", "")
        self.assertEqual(self.properties(), {
            "a": {"b": [1, None]}, "c": 1.5, "host": os.uname().nodename,
            "user": subprocess.check_output(["id", "-un"], text=True).strip(),
            "directory": self.folder, "command": "echo 'it'\\''s' 'a b' ''"})
        text = self.query("SELECT value FROM build_properties WHERE name = 'c'")[0][0]
        self.assertEqual(text, "1.50")

    def test_the_commands_of_steps_are_a_list(self):
        self.run_it("--step", "a", "echo 'x'", "--step", "b", "true")
        self.assertEqual(self.properties()["command"], ["echo 'x'", "true"])

    def test_no_command_keeps_the_command_out(self):
        self.run_it("--no-command", "--", "echo", "secret-word")
        self.assertNotIn("command", self.properties())
        self.assertNotIn("secret-word", str(self.properties()))

    def test_one_that_is_given_replaces_one_that_is_found(self):
        self.run_it("-p", 'host="elsewhere"', "--", "true")
        self.assertEqual(self.properties()["host"], "elsewhere")

    def test_what_is_no_json_is_refused_before_anything_runs(self):
        for given, hint in (("a=text", "needs quotes"), ("a=", "needs quotes"), ("a", "NAME=JSON"),
                            ("=1", "name"), ("x" * 257 + "=1", "256"), ("a=01", "JSON")):
            done = self.run_it("--property", given, "--", "touch", "ran")
            self.assertEqual(done.code, 2, given)
            self.assertIn(hint, done.err)
        self.assertEqual(os.listdir(self.folder), [])

    def test_bytes_that_are_no_text_do_not_stop_the_record(self):
        folder = os.fsencode(self.folder) + b"/n\xff"
        os.mkdir(folder)
        done = subprocess.run([PROGRAM, "run", "--", "echo", b"\xfe"], cwd=folder, check=False,
                              capture_output=True, env=environment(DAYBOOK_DB=self.path))
        self.assertEqual((done.returncode, done.stdout), (0, b"\xfe\n"))
        self.assertEqual(self.build()["builder"], "n\ufffd")
        self.assertEqual(self.properties()["command"], "echo '\ufffd'")
        self.assertEqual(self.log("echo"), b"\xfe\n")


@unittest.skipUnless(shutil.which("git"), "git is not installed")
class Git(Case):
    def setUp(self):
        super().setUp()
        self.tree = self.file("tree")
        os.mkdir(self.tree)
        self.git("init", "-q", "-b", "trunk")

    def git(self, *words):
        done = subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
                              cwd=self.tree, env=environment(), check=True, capture_output=True)
        return done.stdout.decode().strip()

    def run_here(self):
        self.run_it("--", "true", cwd=self.tree, DAYBOOK_DB=self.path)
        stamp = self.query("SELECT s.* FROM sourcestamps s JOIN buildset_sourcestamps l "
                           "ON l.sourcestampid = s.id ORDER BY l.buildsetid DESC")[0]
        return stamp["repository"], stamp["branch"], stamp["revision"]

    def test_repository_branch_and_revision_are_recorded(self):
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        self.git("remote", "add", "origin", "https://me:s3cret@host.example/a.git")
        expected = ("https://host.example/a.git", "trunk", self.git("rev-parse", "HEAD"))
        self.assertEqual(self.run_here(), expected)
        found = self.properties()
        self.assertEqual((found["repository"], found["branch"], found["revision"]), expected)
        with open(self.path, "rb") as file:
            self.assertNotIn(b"s3cret", file.read())

    def test_without_a_remote_or_a_commit_there_is_less(self):
        self.assertEqual(self.run_here(), (os.path.realpath(self.tree), "trunk", None))
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        self.git("checkout", "-q", "--detach")
        self.assertEqual(self.run_here()[1:], (None, self.git("rev-parse", "HEAD")))

    def test_outside_a_work_tree_there_is_nothing(self):
        self.tree = self.folder
        self.assertEqual(self.run_here(), ("", None, None))

    def test_credentials_are_taken_out(self):
        self.git("remote", "add", "origin", "x")
        for url, stripped in (("https://TOKEN@h/a", "https://h/a"), ("git@h:a/b", "git@h:a/b"),
                              ("ssh://git:pw@h:22/a", "ssh://git@h:22/a"),
                              ("https://u:p@w@h/a", "https://h/a"),
                              ("https://u:p/w@h/a", "https://h/a"),
                              ("https://h:8080/a?token=x", "https://h:8080/a"),
                              ("https://h/@scope/a", "https://h/@scope/a")):
            self.git("remote", "set-url", "origin", url)
            self.assertEqual(self.run_here()[0], stripped)

    def test_another_remote_serves_as_well(self):
        self.git("remote", "add", "up", "https://u:p@h/a")
        self.assertEqual(self.run_here()[0], "https://h/a")


class Output(Case):
    def test_fifty_megabytes_pass_byte_for_byte(self):
        data = random.Random(1).randbytes(50_000_000)
        with open(self.file("data"), "wb") as file:
            file.write(data)
        self.assertEqual(self.run_it("--", "cat", "data").out, data)
        with open(self.file("copy"), "wb") as copy:
            self.assertEqual(self.start("--", "cat", "data", stdout=copy).wait(DEADLINE_S), 0)
        with open(self.file("copy"), "rb") as copy:
            self.assertEqual(copy.read(), data)
        value = self.log("cat")
        self.assertLessEqual(len(value), 1 << 20)
        self.assertGreater(len(value), (1 << 20) - 100)
        head, gap, tail = value.partition(b"\n[daybook: ")
        left_out, _, tail = tail.partition(b" bytes left out]\n")
        self.assertTrue(data.startswith(head) and gap and data.endswith(tail))
        self.assertEqual(int(left_out), len(data) - len(head) - len(tail))
        self.assertLess(abs(len(head) - len(tail)), 100)

    def test_log_max_sets_what_is_kept(self):
        script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done"
        full = b"".join(b"line %d\n" % i for i in range(3000))
        self.assertEqual(self.shell(script, "--log-max", "2K").out, full)
        value = self.log("sh")
        self.assertLessEqual(len(value), 2048)
        self.assertRegex(value, rb"\Aline 0\n(?s:.*)\n\[daybook: \d+ bytes left out\]\n(?s:.*)"
                                rb"line 2999\n\Z")
        self.shell(script, "--log-max", str(len(full)))
        self.assertEqual(self.log("sh"), full)
        self.shell(script, "--log-max", str(len(full) - 1))
        self.assertIn(b" bytes left out]\n", self.log("sh"))

    def test_log_max_zero_keeps_nothing(self):
        self.assertEqual(self.shell("echo x", "--log-max", "0").out, b"x\n")
        self.assertIsNone(self.log("sh"))
        self.assertEqual(self.build()["results"], SUCCESS)

    def test_a_log_max_that_is_none_is_refused(self):
        for size in ("x", "-1", "10", "2G", "1Q"):
            self.assertEqual(self.shell("echo x", "--log-max", size).code, 2, size)

    def test_stdout_and_stderr_stay_apart(self):
        done = self.shell("echo one; echo two >&2; echo three")
        self.assertEqual(done.out, b"one\nthree\n")
        self.assertTrue(done.err.startswith("two\n") or "\ntwo\n" in done.err)
        self.assertEqual(sorted(self.log("sh").split()), [b"one", b"three", b"two"])

    def test_in_one_place_they_keep_their_order(self):
        child = self.start("--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done",
                           stderr=subprocess.STDOUT)
        order = b"".join(b"o%d\ne%d\n" % (i, i) for i in range(1, 10))
        self.assertIn(order, child.communicate(timeout=DEADLINE_S)[0])
        self.assertEqual(self.log("sh"), order)

    def test_output_is_not_held_back(self):
        os.mkfifo(self.file("gate"))
        child = self.start("--", "sh", "-c", "printf 'no newline'; read x < gate")
        self.assertEqual(os.read(child.stdout.fileno(), 100), b"no newline")
        with open(self.file("gate"), "w", encoding="ascii") as gate:
            gate.write("go\n")
        self.assertEqual(child.wait(DEADLINE_S), 0)

    def test_stdin_is_the_commands(self):
        self.assertEqual(self.run_it("--", "cat", stdin=b"given\0\xff").out, b"given\0\xff")

    def test_a_reader_that_goes_away_ends_the_command_as_ever(self):
        reader, writer = os.pipe()
        child = self.start("--", "yes", stdout=writer)
        os.close(writer)
        os.read(reader, 10)
        os.close(reader)
        self.assertEqual(child.wait(DEADLINE_S), 128 + signal.SIGPIPE)
        self.assertEqual(self.steps()[0]["state_string"], "ended by signal 13 (Broken pipe)")

    def test_a_slow_reader_gets_all(self):
        child = self.start("--", "seq", "1", "100000")
        wait_until(lambda: os.path.exists(self.path) and self.builds(), "the build")
        out = child.communicate(timeout=DEADLINE_S)[0]
        self.assertEqual(out, b"".join(b"%d\n" % i for i in range(1, 100001)))

    def test_closed_descriptors_are_no_harm(self):
        for closing in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            done = subprocess.run(["sh", "-c", f'"$0" run --step s "echo out; echo err >&2" {closing}',
                                   PROGRAM], cwd=self.folder, env=environment(), check=False,
                                  capture_output=True, timeout=DEADLINE_S)
            self.assertEqual(done.returncode, 0, closing)
            self.assertEqual(sorted(self.log("s").split()), [b"err", b"out"], closing)
        self.assertEqual(self.query("PRAGMA integrity_check")[0][0], "ok")

    def test_a_full_disk_behind_stdout_is_told_and_no_harm(self):
        with open("/dev/full", "wb") as full:
            child = self.start("--", "sh", "-c", "echo x; echo y", stdout=full)
        self.assertIn(b"No space left", child.communicate(timeout=DEADLINE_S)[1])
        self.assertEqual(child.returncode, 0)
        self.assertEqual(self.log("sh"), b"x\ny\n")

    def test_what_stays_in_the_background_holds_nobody_up(self):
        done = self.shell("sleep 30 & echo $!")
        self.assertEqual(done.code, 0)
        self.assertLess(done.seconds, 10)
        self.assertEqual(self.log("sh"), done.out)
        os.kill(int(done.out), signal.SIGKILL)

    def test_what_chatters_in_the_background_holds_nobody_up(self):
        done = self.shell("(while :; do echo x; sleep 0.02; done) & echo begun")
        self.assertEqual(done.code, 0)
        self.assertLess(done.seconds, 10)
        self.assertIn(b"begun\n", done.out)

    def test_what_was_printed_last_is_there(self):
        for _ in range(5):
            done = self.shell("sleep 30 & head -c 60000 /dev/zero; echo $!")
            self.assertEqual(len(done.out.strip(b"\0").strip()) > 0, True)
            self.assertEqual(done.out.count(b"\0"), 60000)
            os.kill(int(done.out.strip(b"\0")), signal.SIGKILL)


class Surroundings(Case):
    def test_the_command_knows_its_build(self):
        done = self.shell("echo $DAYBOOK_DB $DAYBOOK_BUILD $DAYBOOK_STEP", DAYBOOK_BUILD="77",
                          DAYBOOK_STEP="78")
        step = self.steps()[0]
        self.assertEqual(done.out.decode().split(),
                         [os.path.realpath(self.path), str(step["buildid"]), str(step["id"])])

    def test_without_a_record_it_knows_none(self):
        done = self.shell("echo $DAYBOOK_BUILD.$DAYBOOK_STEP", "--db", "/no/such/place.sqlite",
                          DAYBOOK_BUILD="77", DAYBOOK_STEP="78")
        self.assertEqual((done.code, done.out), (0, b".\n"))

    def test_it_has_three_descriptors_and_those_of_the_caller(self):
        # The shell opens the folder to list it, which makes one more.
        show = "cd /proc/self/fd; echo *"
        direct = subprocess.run(["sh", "-c", show], stdin=subprocess.DEVNULL, capture_output=True,
                                check=True).stdout
        self.assertEqual(self.shell(show).out, direct)
        reader, writer = os.pipe()
        child = self.start("--", "sh", "-c", f"echo kept >&{writer}", pass_fds=[writer])
        os.close(writer)
        self.assertEqual(os.read(reader, 10), b"kept\n")
        self.assertEqual(child.wait(DEADLINE_S), 0)
        os.close(reader)

    def test_its_signals_are_as_the_callers(self):
        show = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"
        direct = subprocess.run(["sh", "-c", show], capture_output=True, check=True).stdout
        self.assertEqual(self.shell(show).out, direct)
        ignoring = subprocess.run(["sh", "-c", f"trap '' HUP PIPE; \"$0\" run -- sh -c \"{show}\"",
                                   PROGRAM], cwd=self.folder, env=environment(), check=True,
                                  capture_output=True).stdout
        ignored = int(ignoring.split()[3], 16)
        self.assertEqual(ignored & 1 << signal.SIGHUP - 1, 1 << signal.SIGHUP - 1)
        self.assertEqual(ignored & 1 << signal.SIGPIPE - 1, 1 << signal.SIGPIPE - 1)

    def test_sigchld_may_be_ignored_by_the_caller(self):
        child = self.start("--", "sh", "-c", "exit 7",
                           preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertEqual(child.wait(DEADLINE_S), 7)


class Store(Case):
    """The command runs whatever is wrong with the store."""

    def expect_unrecorded(self, done, reason):
        self.assertEqual((done.code, done.out), (5, b"ran\n"))
        lines = done.err.splitlines()
        self.assertEqual(len(lines), 1, done.err)
        self.assertRegex(lines[0], "^daybook: .*not recorded: .*" + reason)

    def test_a_missing_folder(self):
        done = self.shell("echo ran; exit 5", "--db", self.file("no/such.sqlite"))
        self.expect_unrecorded(done, "")

    def test_a_file_that_is_no_database(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("this is no database, but a text of some length" * 100)
        self.expect_unrecorded(self.shell("echo ran; exit 5"), "")

    def test_a_url_that_is_none(self):
        self.expect_unrecorded(self.shell("echo ran; exit 5", "--db", "foo://bar"), "")

    def test_a_store_that_is_read_only(self):
        self.run_it("--", "true")
        done = self.shell("echo ran; exit 5", "--db", f"sqlite:///{self.path}?mode=ro")
        self.expect_unrecorded(done, "")
        self.assertEqual(len(self.builds()), 1)

    def test_one_that_is_locked_all_the_time(self):
        self.run_it("--", "true")
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            done = self.shell("echo ran; exit 5")
        self.expect_unrecorded(done, "")
        self.assertLess(done.seconds, 9)
        self.assertEqual(len(self.builds()), 1)

    def test_one_that_is_locked_for_a_while(self):
        self.run_it("--", "true")
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.time()
            child = self.start("--step", "a", "echo ran", "--step", "b", "echo ran too; exit 5")
            self.assertEqual(child.stdout.readline(), b"ran\n")
            self.assertEqual(child.stdout.readline(), b"ran too\n")
            ended = time.time()
            time.sleep(2.5)
            other.execute("ROLLBACK")
        self.assertEqual(child.wait(DEADLINE_S), 5)
        a, b = self.steps()[-2:]
        self.assertEqual((a["results"], b["results"]), (SUCCESS, FAILURE))
        self.assertEqual((self.log("a"), self.log("b")), (b"ran\n", b"ran too\n"))
        # What came late into the store has the time when it happened.
        for row in (a, b, self.build()):
            self.assertLessEqual(int(began), row["started_at"])
            self.assertLessEqual(row["complete_at"], ended)


class Signals(Case):
    def begin(self, script, *options, before="", **popen):
        """Starts a script, and waits until it is under way."""
        child = self.start(*options, "--", "sh", "-c", before + "echo begun; " + script, **popen)
        self.assertEqual(child.stdout.readline(), b"begun\n")
        return child

    def expect_cancelled(self, child, signo):
        self.assertEqual(child.wait(DEADLINE_S), -signo)
        self.assertEqual(self.build()["results"], CANCELLED)
        self.assertIn(f"signal {signo:d}", self.build()["state_string"])
        self.assertEqual(self.steps()[0]["results"], EXCEPTION)
        self.assertIn(f"ended by signal {signo:d}", self.steps()[0]["state_string"])

    def test_the_command_gets_it_and_the_build_is_cancelled(self):
        for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            child = self.begin("sleep 60; echo not reached")
            child.send_signal(signo)
            self.expect_cancelled(child, signo)
            os.unlink(self.path)
            for leftover in os.listdir(self.folder):
                os.unlink(self.file(leftover))

    def test_it_reaches_all_that_the_command_started(self):
        child = self.begin("sleep 60 & echo $!; wait")
        grandchild = int(child.stdout.readline())
        child.send_signal(signal.SIGTERM)
        self.expect_cancelled(child, signal.SIGTERM)
        self.assertFalse(is_running(grandchild))

    def test_who_does_not_listen_is_killed(self):
        child = self.begin("sleep 60 & echo $!; wait; sleep 60", before="trap '' TERM; ")
        grandchild = int(child.stdout.readline())
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(DEADLINE_S), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(self.steps()[0]["state_string"], "ended by signal 9 (Killed)")
        self.assertEqual(self.build()["results"], CANCELLED)
        self.assertFalse(is_running(grandchild))

    def test_a_command_may_tidy_up(self):
        child = self.begin("while :; do :; done", before="trap 'echo tidy; exit 3' TERM; ")
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.stdout.read(), b"tidy\n")
        self.expect_cancelled(child, signal.SIGTERM)
        self.assertIn("exit status 3", self.steps()[0]["state_string"])
        self.assertEqual(self.log("sh"), b"begun\ntidy\n")

    def test_the_remaining_steps_are_skipped(self):
        child = self.start("--keep-going", "--step", "a", "echo begun; sleep 60", "--step", "b", "echo b")
        self.assertEqual(child.stdout.readline(), b"begun\n")
        child.send_signal(signal.SIGTERM)
        self.expect_cancelled(child, signal.SIGTERM)
        self.assertEqual(self.steps()[1]["results"], SKIPPED)
        self.assertEqual(child.stdout.read(), b"")

    def test_one_that_the_caller_ignores_stays_ignored(self):
        os.mkfifo(self.file("gate"))
        child = self.begin("read x < gate; echo ended",
                           preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        child.send_signal(signal.SIGHUP)
        with open(self.file("gate"), "w", encoding="ascii") as gate:
            gate.write("go\n")
        self.assertEqual(child.stdout.read(), b"ended\n")
        self.assertEqual(child.wait(DEADLINE_S), 0)

    def test_stop_and_continue(self):
        child = self.begin("echo $$; exec sleep 60")
        command = int(child.stdout.readline())
        child.send_signal(signal.SIGTSTP)
        wait_until(lambda: state_of(child.pid) == "T" and state_of(command) == "T", "the stop")
        child.send_signal(signal.SIGCONT)
        wait_until(lambda: state_of(child.pid) != "T" and state_of(command) != "T", "the end of it")
        child.send_signal(signal.SIGTERM)
        child.stdout.read()
        self.expect_cancelled(child, signal.SIGTERM)


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None


def is_running(pid):
    return state_of(pid) not in (None, "Z", "X")


class Screen:
    """A program in a session of its own on a terminal."""

    def __init__(self, words, folder, before=None, size=(24, 80)):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(folder)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
                if before:
                    before()
                os.execve(words[0], words, environment(PS1="prompt> "))
            finally:
                os._exit(99)
        self.text = b""
        self.seen = 0
        self.code = None

    def read(self):
        """Reads once; gives whether there may be more."""
        if not select.select([self.fd], [], [], DEADLINE_S)[0]:
            raise AssertionError(f"the screen stays at {self.text!r}")
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            piece = b""
        self.text += piece
        return bool(piece)

    def expect(self, text):
        """Waits until the text comes, after what was waited for before."""
        text = text.encode()
        while text not in self.text[self.seen:]:
            if not self.read():
                raise AssertionError(f"{text!r} is not in {self.text!r}")
        self.seen = self.text.index(text, self.seen) + len(text)

    def send(self, text):
        os.write(self.fd, text.encode())

    def modes(self):
        return termios.tcgetattr(self.fd)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self):
        while self.read():
            pass
        return self.close()

    def close(self):
        if self.code is None:
            os.close(self.fd)
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code


class Terminal(Case):
    def screen(self, *words, **options):
        screen = Screen([PROGRAM, "run", *words], self.folder, **options)
        self.addCleanup(screen.close)
        return screen

    def test_the_command_is_on_a_terminal(self):
        screen = self.screen("--", "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size",
                             size=(33, 77))
        self.assertEqual(screen.end(), 0)
        self.assertIn(b"33 77\r\n", screen.text)
        self.assertIn(b" #1  success", screen.text)

    def test_what_it_prints_is_kept_as_it_wrote_it(self):
        screen = self.screen("--", "printf", r"one\ntwo\r\n\rthree\033[1m")
        self.assertEqual(screen.end(), 0)
        self.assertIn(b"one\r\ntwo\r\r\n\rthree\x1b[1m\r\n", screen.text)
        self.assertEqual(self.log("printf"), b"one\ntwo\r\n\rthree\x1b[1m")

    def test_much_output_comes_whole(self):
        screen = self.screen("--", "seq", "1", "100000")
        self.assertEqual(screen.end(), 0)
        lines = b"".join(b"%d\r\n" % i for i in range(1, 100001))
        self.assertIn(lines, screen.text)

    def test_keys_go_to_the_command(self):
        screen = self.screen("--", "sh", "-c", "echo ask; read x; echo got $x; cat; echo end")
        screen.expect("ask")
        screen.send("yes\n")
        screen.expect("got yes")
        screen.send("line\n")
        screen.expect("line\r\nline")
        screen.send("\x04")
        self.assertEqual(screen.end(), 0)
        self.assertIn(b"got yes\nline\nline\nend\n", self.log("sh"))

    def test_ctrl_c_cancels(self):
        screen = self.screen("-k", "--step", "a", "echo begun; sleep 60", "--step", "b", "echo more")
        modes = screen.modes()
        screen.expect("begun")
        screen.send("\x03")
        self.assertEqual(screen.end(), -signal.SIGINT)
        self.assertNotIn(b"more", screen.text)
        self.assertEqual([s["results"] for s in self.steps()], [EXCEPTION, SKIPPED])
        self.assertEqual(self.build()["results"], CANCELLED)
        self.assertEqual(modes[3], Screen.modes(self.screen("--", "true"))[3])

    def test_a_command_may_take_ctrl_c_for_itself(self):
        screen = self.screen("--", "sh", "-c", "trap 'echo caught; exit 0' INT; echo begun; "
                             "while :; do sleep 0.05; done")
        screen.expect("begun")
        screen.send("\x03")
        self.assertEqual(screen.end(), 0)
        self.assertEqual(self.build()["results"], SUCCESS)

    def test_the_size_follows(self):
        screen = self.screen("--", "sh", "-c", "trap 'stty size' WINCH; echo begun; "
                             "while :; do sleep 0.05; done")
        screen.expect("begun")
        screen.resize(11, 22)
        screen.expect("11 22")
        screen.send("\x03")
        screen.end()

    def test_stdin_may_be_another_thing(self):
        with open(self.file("in"), "w", encoding="ascii") as file:
            file.write("from a file\n")
        screen = self.screen("--", "sh", "-c", "cat; test -t 1 && echo terminal",
                             before=lambda: os.dup2(os.open("in", os.O_RDONLY), 0))
        self.assertEqual(screen.end(), 0)
        self.assertIn(b"from a file\r\nterminal\r\n", screen.text)
        self.assertNotIn(b"\r\r\n", screen.text)

    def test_stderr_may_be_another_thing(self):
        screen = self.screen("--", "sh", "-c", "echo out; echo err >&2",
                             before=lambda: os.dup2(os.open("err", os.O_WRONLY | os.O_CREAT), 2))
        self.assertEqual(screen.end(), 0)
        self.assertEqual(screen.text, b"out\r\n")
        with open(self.file("err"), encoding="ascii") as file:
            self.assertTrue(file.read().startswith("daybook: created ./daybook.sqlite\nerr\n"))

    def test_what_stays_in_the_background_lives_on(self):
        screen = self.screen("--", "sh", "-c", "(sleep 0.5; echo lived > proof) & echo begun")
        self.assertEqual(screen.end(), 0)
        wait_until(lambda: os.path.exists(self.file("proof")), "the proof")

    def test_a_terminal_that_goes_away_ends_the_command(self):
        screen = self.screen("--", "sh", "-c", "echo $$ begun; exec sleep 60")
        screen.expect(" begun")
        command = int(screen.text.split()[-2])
        self.assertEqual(screen.close(), -signal.SIGHUP)
        wait_until(lambda: not is_running(command), "its end")
        self.assertEqual(self.build()["results"], CANCELLED)

    def test_a_killed_recorder_takes_the_command_along(self):
        screen = self.screen("--", "sh", "-c", "echo $$ begun; exec sleep 60")
        screen.expect(" begun")
        command = int(screen.text.split()[-2])
        os.kill(screen.pid, signal.SIGKILL)
        wait_until(lambda: not is_running(command), "its end")


class Shell(Case):
    """Under a shell with job control."""

    def setUp(self):
        super().setUp()
        bash = shutil.which("bash")
        if not bash:
            self.skipTest("bash is not installed")
        self.screen = Screen([bash, "--norc", "--noprofile", "-i"], self.folder)
        self.addCleanup(self.screen.close)
        self.screen.send("bind 'set enable-bracketed-paste off'\n")
        self.say(f"daybook() {{ {PROGRAM} \"$@\"; }}")

    def say(self, line):
        self.screen.send(line + "; echo ready''-\n")
        self.screen.expect("ready-")

    def leave(self):
        self.screen.send("exit\n")
        self.screen.end()

    def stop_and_go_on(self, line):
        os.mkfifo(self.file("gate"))
        self.say("stty -g > before")
        self.screen.send(line + "\n")
        self.screen.expect("begun")
        self.screen.send("\x1a")
        self.screen.expect("Stopped")
        self.say("stty -g > after")
        self.screen.send("fg\n")
        self.screen.expect("run")
        with open(self.file("gate"), "w", encoding="ascii") as gate:
            gate.write("go\n")
        wait_until(lambda: self.build()["complete_at"], "the end")
        self.leave()
        with open(self.file("before"), "rb") as before, open(self.file("after"), "rb") as after:
            self.assertEqual(before.read(), after.read())
        self.assertEqual(self.build()["results"], SUCCESS)

    def test_ctrl_z_and_fg_with_a_terminal(self):
        self.stop_and_go_on(f"{PROGRAM} run -- sh -c 'echo be''gun; read x < gate; echo went on'")
        self.assertEqual(self.log("sh").replace(b"^Z", b""), b"begun\nwent on\n")

    def test_ctrl_z_and_fg_with_pipes(self):
        self.stop_and_go_on(f"{PROGRAM} run -- sh -c 'echo be''gun; read x < gate; echo went on'"
                            " | cat")
        self.assertEqual(self.log("sh"), b"begun\nwent on\n")

    def test_ctrl_c_with_pipes_cancels(self):
        self.screen.send(f"{PROGRAM} run -- sh -c 'echo be''gun; sleep 60' | cat\n")
        self.screen.expect("begun")
        self.screen.send("\x03")
        wait_until(lambda: self.build()["complete_at"], "the end")
        self.assertEqual(self.build()["results"], CANCELLED)
        self.leave()

    def test_ctrl_c_with_pipes_may_be_taken_by_the_command(self):
        self.screen.send(f"{PROGRAM} run -- sh -c 'trap \"echo caught; exit 0\" INT; echo be''gun; "
                         "while :; do sleep 0.05; done' > out\n")
        wait_until(lambda: os.path.exists(self.file("out")) and os.path.getsize(self.file("out")), "it")
        self.screen.send("\x03")
        wait_until(lambda: self.build()["complete_at"], "the end")
        self.assertEqual(self.build()["results"], SUCCESS)
        self.leave()

    def test_in_the_background_it_leaves_the_terminal_alone(self):
        self.say("stty -g > before")
        os.mkfifo(self.file("gate"))
        self.screen.send(f"{PROGRAM} run -- sh -c 'echo be''gun; read x < gate' &\n")
        self.screen.expect("begun")
        self.say("stty -g > after")
        with open(self.file("gate"), "w", encoding="ascii") as gate:
            gate.write("go\n")
        self.screen.expect("success")
        self.leave()
        with open(self.file("before"), "rb") as before, open(self.file("after"), "rb") as after:
            self.assertEqual(before.read(), after.read())

    def test_commands_that_ask_the_terminal_are_not_stopped(self):
        self.screen.send(f"{PROGRAM} run -- sh -c 'echo be''gun; read x < /dev/tty; echo got $x' "
                         "< /dev/null > out\n")
        wait_until(lambda: os.path.exists(self.file("out")) and os.path.getsize(self.file("out")), "it")
        self.screen.send("an answer\n")
        wait_until(lambda: self.build()["complete_at"], "the end")
        self.leave()
        self.assertEqual(self.log("sh"), b"begun\ngot an answer\n")


class Use(Case):
    def test_a_wrong_use_runs_nothing(self):
        for words in (["--"], [], ["--step", "a", "true", "--", "touch", "ran"], ["--step", "a"],
                      ["--step", "a", "--step", "b", "touch ran"], ["--step", "x" * 51, "touch ran"],
                      ["--step", "", "touch ran"], ["--builder", "", "--", "touch", "ran"],
                      ["--nonsense", "--", "touch", "ran"], ["--", ""],
                      ["--step", "a", "touch ran", "more"]):
            done = self.run_it(*words)
            self.assertEqual(done.code, 2, words)
            self.assertIn("daybook run --help", done.err)
        self.assertEqual(os.listdir(self.folder), [])

    def test_options_end_at_the_command(self):
        self.assertEqual(self.run_it("echo", "--step", "-k", "--").out, b"--step -k --\n")

    def test_help(self):
        done = self.run_it("--help")
        self.assertEqual((done.code, done.err), (0, ""))
        for option in (b"--builder", b"--step", b"--property", b"--keep-going", b"--log-max",
                       b"--no-command", b"--db"):
            self.assertIn(option, done.out)


def main():
    loader, module = unittest.defaultTestLoader, sys.modules[__name__]
    chosen = sys.argv[1:]
    suite = loader.loadTestsFromNames(chosen, module) if chosen else loader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"[  PASSED  ] {result.testsRun - bad - len(result.skipped)} test(s).")
    if result.skipped:
        print(f"[  SKIPPED ] {len(result.skipped)} test(s).")
    if bad:
        print(f"[  FAILED  ] {bad} test(s).")
    return 1 if bad else 0


if __name__ == "__main__":
    PROGRAM = os.path.abspath(PROGRAM)
    sys.exit(main())
