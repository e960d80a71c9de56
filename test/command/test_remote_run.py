#!/usr/bin/env python3
"""`daybook run` and `push` with a daemon in the place of a database: recorded as there, and while the daemon is
away or killed kept and recorded later, once.
"""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from harness import DEADLINE_S, PROGRAM, environment, main, run
from run_case import EXCEPTION, FAILURE, SUCCESS, Case, wait_until
from server import Daemon

CLIENTS, RUNS = 3, 20


class RemoteCase(Case):
    WORDS = ()

    def setUp(self):
        super().setUp()
        run(self.folder, "init", self.path)
        self.daemon = None
        self.port = 0
        self.words = self.WORDS
        self.serve()
        self.addCleanup(self.away)

    def serve(self):
        """Starts the daemon, at the port that it had before."""
        self.daemon = Daemon(self.path, "--listen", f"127.0.0.1:{self.port}", *self.words)
        self.assertIsNotNone(self.daemon.port, self.daemon.greeting)
        self.port = self.daemon.port

    def away(self, signo=signal.SIGTERM):
        if self.daemon:
            self.daemon.stop(signo)
        self.daemon = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def run_it(self, *words, **more):
        return super().run_it("--db", self.url, *words, **more)

    def kept(self):
        names = os.listdir(self.spool) if os.path.isdir(self.spool) else []
        return collections.Counter(name.partition(".")[2] for name in names)

    def push(self, code=0, **more):
        done = self.daybook("push", "--db", self.url, **more)
        self.assertEqual(done.code, code, done.err)
        return done


class TestRun(RemoteCase):
    def test_a_run_is_recorded_as_in_a_database(self):
        words = ("--builder", "a/b %", "--keep-going", "--property", 'text="\\u00e9\\n"', "--property", "list=[1, null]",
                 "--step", "first?", "echo out", "--step", "fails/x", "printf 'a\\0b'; exit 3", "--step", "first?", "true")
        there = self.run_it(*words)
        here = super().run_it("--db", self.file("other.sqlite"), *words)
        self.assertEqual((there.code, there.out), (3, here.out))
        said = [re.sub(r"  (<|[0-9]).* s  ", "", done.err).splitlines() for done in (here, there)]
        self.assertEqual([line for line in said[0] if "created" not in line], said[1])
        shown = []
        for path in (self.path, self.file("other.sqlite")):
            build = json.loads(self.daybook("build", "a/b %", "--json", "--db", path).out)
            for part in (build, *build["steps"], *build["sourcestamps"]):
                for name in ("started_at", "locks_acquired_at", "complete_at", "created_at"):
                    self.assertTrue(part.pop(name, 1))
            logs = [self.daybook("log", "a/b %", str(step), "--raw", "--db", path).out for step in range(3)]
            shown.append((build, logs))
        self.assertEqual(shown[0], shown[1])
        self.assertEqual([step["results"] for step in shown[0][0]["steps"]], [SUCCESS, FAILURE, SUCCESS])
        self.assertEqual(self.kept(), {})

    def test_a_command_of_it_finds_the_daemon_and_its_build(self):
        done = self.run_it("--step", "one", f"printf 7 | {PROGRAM} data put size && {PROGRAM} properties set n 1 && "
                                            f"{PROGRAM} steps url page http://example.org/ && echo $DAYBOOK_DB")
        self.assertEqual((done.code, done.out.decode()), (0, self.url + "\n"), done.err)
        self.assertEqual(self.query("SELECT value FROM build_data WHERE name = 'size'")[0][0], b"7")
        self.assertEqual(self.query("SELECT value FROM build_properties WHERE name = 'n'")[0][0], "1")
        self.assertIn("example.org", self.steps()[0]["urls_json"])

    def test_a_running_build_is_seen_with_what_it_printed_at_its_end(self):
        os.mkfifo(self.file("gate"))
        child = self.start("--db", self.url, "--", "sh", "-c", "echo begun; read line < gate; echo end")
        wait_until(self.steps, "the step")
        self.assertIsNone(self.build()["results"])
        self.open_gate()
        child.communicate(timeout=DEADLINE_S)
        self.assertEqual((child.returncode, self.build()["results"], self.log("sh")), (0, SUCCESS, b"begun\nend\n"))

    def test_the_token_is_masked_in_what_is_printed(self):
        done = self.shell("echo $DAYBOOK_TOKEN", DAYBOOK_TOKEN="dbk_secret")
        self.assertEqual((done.code, done.out), (0, b"***\n"))
        self.assertEqual(self.log("sh"), b"***\n")

    def test_a_builder_of_digits_alone_is_a_name_and_no_id(self):
        self.assertEqual(self.run_it("--builder", "first", "--", "true").code, 0)
        for number in (1, 2):
            for name in ("1", "2024"):
                done = self.run_it("--builder", name, "--", "true")
                self.assertRegex(done.err, rf"{name} #{number}  success")
        counts = self.query("SELECT r.name, count(*) FROM builds b JOIN builders r ON r.id = b.builderid GROUP BY 1 ORDER BY 1")
        self.assertEqual([tuple(row) for row in counts], [("1", 2), ("2024", 2), ("first", 1)])

    def test_more_output_than_a_daemon_takes_is_refused_before_anything_runs(self):
        done = self.run_it("--log-max", "65M", "--", "touch", "ran")
        self.assertEqual((done.code, os.path.exists(self.file("ran"))), (2, False))
        self.assertEqual(self.run_it("--log-max", "64M", "--", "true").code, 0)


class TestKept(RemoteCase):
    def expect_kept(self, done, reason):
        self.assertEqual((done.code, done.out), (5, b"ran\n"), done.err)
        self.assertRegex(done.err, "^daybook: .*recorded.*" + reason + ".*; it is kept, and the next `daybook run` or "
                                   "`daybook push` records it\n$")
        self.assertLess(done.seconds, 5.9)
        self.assertEqual(self.kept(), {"run": 1, "json": 1, "out": 1})

    def test_without_a_daemon_a_run_is_kept_and_pushed_with_its_own_times(self):
        self.away()
        began = int(time.time())
        self.expect_kept(self.shell("echo ran; sleep 1; exit 5"), "cannot be reached")
        ended = int(time.time())
        self.assertEqual(self.push(code=13).out, b"")
        wait_until(lambda: time.time() > ended + 2, "another second")
        self.serve()
        self.assertIn(b"recorded in " + self.url.encode(), self.push().out)
        build, step = self.build(), self.steps()[0]
        self.assertEqual((build["results"], build["number"], self.log("sh")), (FAILURE, 1, b"ran\n"))
        for part in (build, step):
            self.assertLessEqual(began, part["started_at"])
            self.assertLess(part["started_at"], part["complete_at"])
            self.assertLessEqual(part["complete_at"], ended)
        self.assertEqual(self.kept(), {})
        self.assertEqual(self.push().out, b"nothing is kept for later\n")

    def test_the_next_run_records_what_was_kept(self):
        self.away()
        self.expect_kept(self.shell("echo ran; exit 5"), "cannot be reached")
        self.serve()
        done = self.shell("true")
        self.assertIn("an earlier run was recorded now", done.err)
        self.assertEqual([build["results"] for build in self.builds()].count(FAILURE), 1)
        self.assertEqual((len(self.builds()), self.kept()), (2, {}))

    def test_a_daemon_that_hangs_costs_no_more_than_five_seconds(self):
        os.kill(self.daemon.process.pid, signal.SIGSTOP)
        try:
            self.expect_kept(self.shell("echo ran; exit 5"), "")
        finally:
            os.kill(self.daemon.process.pid, signal.SIGCONT)
        self.push()
        self.assertEqual([build["results"] for build in self.builds()], [FAILURE])

    def test_a_daemon_killed_and_started_again_during_a_run_has_all_of_it_once(self):
        os.mkfifo(self.file("gate"))
        child = self.start("--db", self.url, "--step", "one", "echo 1; read line < gate", "--step", "two", "echo 2")
        wait_until(self.steps, "the step")
        self.away(signal.SIGKILL)
        self.open_gate()
        self.serve()
        child.communicate(timeout=DEADLINE_S)
        if self.kept():
            self.push()
        self.assertEqual(child.returncode, 0)
        self.assertEqual([build["results"] for build in self.builds()], [SUCCESS])
        self.assertEqual([(step["name"], step["results"]) for step in self.steps()], [("one", SUCCESS), ("two", SUCCESS)])
        self.assertEqual((self.log("one"), self.log("two")), (b"1\n", b"2\n"))

    def test_a_daemon_lost_during_a_run_gets_the_rest_of_it_later(self):
        os.mkfifo(self.file("gate"))
        child = self.start("--db", self.url, "--step", "one", "echo 1; read line < gate", "--step", "two", "echo 2")
        wait_until(self.steps, "the step")
        self.away(signal.SIGKILL)
        self.open_gate()
        said = child.communicate(timeout=DEADLINE_S)[1]
        self.assertIn(b"recorded only in part", said)
        self.assertIsNone(self.build()["results"])
        self.serve()
        self.push()
        self.assertEqual([build["results"] for build in self.builds()], [SUCCESS])
        self.assertEqual([(step["name"], step["results"]) for step in self.steps()], [("one", SUCCESS), ("two", SUCCESS)])
        self.assertEqual((self.log("one"), self.log("two")), (b"1\n", b"2\n"))

    def test_a_run_that_was_killed_is_found_and_ended(self):
        child = self.start("--db", self.url, "--", *self.lasting())
        wait_until(self.steps, "the step")
        child.kill()
        child.communicate(timeout=DEADLINE_S)
        self.assertIn(b"it was killed", self.push().out)
        self.assertEqual([(build["results"], build["state_string"]) for build in self.builds()],
                         [(EXCEPTION, "lost: daybook run was killed")])

    def test_a_slash_at_the_end_of_the_address_makes_no_other_daemon(self):
        self.away()
        self.expect_kept(self.shell("echo ran; exit 5"), "cannot be reached")
        self.serve()
        self.assertIn(b"recorded", self.daybook("push", "--db", self.url + "//api/v2/").out)
        self.assertEqual(len(self.builds()), 1)


class TestTokens(RemoteCase):
    def setUp(self):
        super().setUp()
        self.away()
        self.tokens = self.file("tokens")
        self.words = ("--tokens", self.tokens)
        self.given = {name: run(self.folder, "token", "add", name, "--right", right, "--tokens", self.tokens).out.strip()
                      for name, right in (("reader", "read"), ("writer", "write"))}
        self.serve()

    def test_a_run_without_the_right_is_kept_and_recorded_with_it(self):
        for env in ({}, {"DAYBOOK_TOKEN": self.given["reader"]}):
            done = self.shell("echo ran; exit 5", **env)
            self.assertEqual((done.code, done.out), (5, b"ran\n"))
            self.assertIn("is kept", done.err)
        self.assertEqual(self.kept()["json"], 2)
        self.push(code=17)
        self.push(DAYBOOK_TOKEN=self.given["writer"])
        self.assertEqual((len(self.builds()), self.kept()), (2, {}))
        for token in self.given.values():
            self.assertNotIn(token, done.err)

    def test_three_machines_record_each_of_their_runs_once_while_the_daemon_is_killed(self):
        """Each client has the address, a token and a spool of its own, and nothing else."""
        said = []

        def record(client):
            env = environment(DAYBOOK_DB=self.url, DAYBOOK_TOKEN=self.given["writer"],
                              XDG_STATE_HOME=self.file(f"state-{client}"))
            for number in range(RUNS):
                done = subprocess.run([PROGRAM, "run", "--builder", f"client-{client}", "--step", "one",
                                       f"echo {client} {number}", "--step", "two", "true"], cwd=self.folder, env=env,
                                      capture_output=True, timeout=DEADLINE_S, check=False)
                said.append((client, number, done.returncode, done.stdout))

        threads = [threading.Thread(target=record, args=(client,)) for client in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for done in (6, 25):
            wait_until(lambda enough=done: len(said) >= enough, "runs")
            self.away(signal.SIGKILL)
            wait_until(lambda enough=len(said) + 3: len(said) >= enough, "runs without a daemon")
            self.serve()
        for thread in threads:
            thread.join()
        for client in range(CLIENTS):
            self.push(DAYBOOK_TOKEN=self.given["writer"], XDG_STATE_HOME=self.file(f"state-{client}"))
        self.assertEqual(sorted(said), [(client, number, 0, f"{client} {number}\n".encode())
                                        for client in range(CLIENTS) for number in range(RUNS)])
        builds = collections.defaultdict(list)
        for build in self.builds():
            builds[build["builder"]].append((build["number"], build["results"]))
        self.assertEqual(builds, {f"client-{client}": [(number + 1, SUCCESS) for number in range(RUNS)]
                                  for client in range(CLIENTS)})
        logs = self.query("SELECT value FROM build_data WHERE name = 'log/one'")
        self.assertEqual(sorted(bytes(row[0]) for row in logs),
                         sorted(f"{client} {number}\n".encode() for client in range(CLIENTS) for number in range(RUNS)))
        steps = collections.Counter((step["name"], step["results"]) for step in self.steps())
        self.assertEqual(steps, {("one", SUCCESS): CLIENTS * RUNS, ("two", SUCCESS): CLIENTS * RUNS})


if __name__ == "__main__":
    sys.exit(main(__name__))
