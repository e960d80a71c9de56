#!/usr/bin/env python3
"""`daybook run`: what it records, and that the command runs whatever is wrong with the store.

Not how it deals with output and signals (test_run_process.py) and terminals (test_run_terminal.py).
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import unittest

from harness import DEADLINE_S, PROGRAM, environment, main

from run_case import EXCEPTION, FAILURE, SKIPPED, SUCCESS, Case, wait_until


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
        done = self.run_it("--step", "one", "echo $((1 + 1)) | cat",
                           "--step", "two", "echo two >&2")
        self.assertEqual((done.code, done.out), (0, b"2\n"))
        self.assertEqual([(step["name"], step["results"]) for step in self.steps()],
                         [("one", SUCCESS), ("two", SUCCESS)])
        self.assertEqual((self.log("one"), self.log("two")), (b"2\n", b"two\n"))

    def test_steps_of_one_name_have_logs_of_their_own(self):
        self.run_it("--step", "a", "echo 1", "--step", "a", "echo 2")
        self.assertEqual([step["name"] for step in self.steps()], ["a", "a_1"])
        self.assertEqual((self.log("a"), self.log("a_1")), (b"1\n", b"2\n"))

    def test_after_a_failure_the_rest_is_skipped(self):
        done = self.run_it("--step", "a", "exit 3", "--step", "b", "echo b",
                           "--step", "c", "exit 4")
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
        self.run_it("-k", "--step", "a", "exit 1", "--step", "b", "kill -9 $$",
                    "--step", "c", "true")
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
        self.open_gate()
        self.assertEqual(child.wait(DEADLINE_S), 0)
        self.assertEqual(self.build()["results"], SUCCESS)

    def test_the_log_of_a_long_step_outlives_a_crash(self):
        child = self.start("--", "sh", "-c", "echo begun; exec sleep 60")
        wait_until(lambda: self.builds() and self.log("sh"), "the log")
        child.kill()
        self.assertEqual(self.log("sh"), b"begun\n")


class Properties(Case):
    def test_what_is_known_is_recorded(self):
        self.run_it("--property", 'a={"b": [1, null]}', "-p", "c=1.50", "--",
                    "echo", "it's", "a b", "")
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

    def test_what_could_not_be_kept_for_later_is_refused_before_anything_runs(self):
        for value in ("12345678901234567890", "1e999", '"\\u0000"', '"\\ud800"', '{"a": 1, "a": 2}'):
            done = self.run_it("--property", f"x={value}", "--", "touch", "ran")
            self.assertEqual((done.code, os.path.exists(self.file("ran"))), (2, False), value)
            self.assertIn("the value of property x can neither be kept", done.err)

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


class Use(Case):
    def test_more_than_a_build_can_hold_is_refused_before_anything_runs(self):
        # Of properties, four or more are found: host, user, directory and command.
        for words in (["-p", "p%d=1"] * 9997 + ["--", "touch", "ran"],
                      ["--step", "s%d", "touch ran"] * 10001):
            done = self.run_it(*(word % i if "%" in word else word for i, word in enumerate(words)))
            self.assertEqual(done.code, 2)
            self.assertIn("a build has at most 10000", done.err)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_wrong_use_runs_nothing(self):
        for words in (["--"], [], ["--step", "a", "true", "--", "touch", "ran"], ["--step", "a"],
                      ["--step", "a", "--step", "b", "touch ran"],
                      ["--step", "x" * 51, "touch ran"],
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


if __name__ == "__main__":
    sys.exit(main(__name__))
