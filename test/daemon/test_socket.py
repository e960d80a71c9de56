#!/usr/bin/env python3
"""A Unix socket instead of an address: who may connect, what is replaced, and what is left behind."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import unittest

from harness import DEADLINE_S, PROGRAM, environment, main, run
from server import Daemon, DaemonCase


class TestSocket(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "run", "--db", cls.db, "--builder", "b", "true")
        cls.path = os.path.join(cls.folder, "first")
        cls.WORDS = ("--listen", "unix:" + cls.path)

    def start(self, name, *words):
        daemon = Daemon(self.db, "--listen", "unix:" + os.path.join(self.folder, name), *words)
        self.addCleanup(daemon.stop)
        return daemon

    def refused(self, place, *words, code=13):
        done = run(self.folder, "serve", "--db", self.db, "--listen", "unix:" + place, *words)
        self.assertEqual((done.code, done.out), (code, ""), place)
        return done.err

    def test_it_reads_and_records_through_the_socket_and_says_where(self):
        self.assertIn(f"at unix:{self.path} (", self.daemon.greeting)
        self.assertEqual(self.daemon.write("POST", "builders/c/builds", {"results": 0}).status, 201)
        self.assertEqual(self.records("builders/c/builds")[0]["results"], 0)

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl_finds_it(self):
        got = subprocess.run(["curl", "-fsS", "--unix-socket", self.path, "http://localhost/api/v2/builders/b"],
                             capture_output=True, timeout=DEADLINE_S, check=True).stdout
        self.assertIn(b'"name": "b"', got)

    def test_the_command_asks_it_and_records_there(self):
        here = run(self.folder, "builders", "--json", "--db", self.db)
        below = self.start("below", "--base-path", "/ci")
        for url in ("unix:" + self.path, f"unix:{self.path}:/api/v2/", f"unix:{below.path}:/ci", f"unix:{below.path}:/ci/api/v2"):
            there = run(self.folder, "builders", "--json", "--db", url)
            self.assertEqual((there.code, there.out), (0, here.out), (url, there.err))
        done = run(self.folder, "run", "--db", f"unix:{below.path}:/ci", "--builder", "by socket", "--", "echo", "heard")
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(run(self.folder, "log", "by socket", "--db", self.db).out, "heard\n")

    def test_the_command_says_which_socket_cannot_be_asked_and_why(self):
        missing = "unix:" + os.path.join(self.folder, "missing")
        done = run(self.folder, "builders", "--db", missing)
        self.assertEqual((done.code, done.out), (13, ""))
        self.assertIn(f"{missing}: the daemon cannot be reached: No such file or directory", done.err)
        for url in ("unix:", "unix:here", "unix:/" + 120 * "x", f"unix:{self.path}:/ci?x=1"):
            self.assertEqual(run(self.folder, "builders", "--db", url).code, 2, url)

    def test_without_tokens_a_foreign_host_is_refused_here_too(self):
        self.assertEqual(self.daemon.ask("builds", headers={"Host": "example.org"}).status, 403)
        self.assertEqual(self.daemon.ask("builds", headers={"X-Forwarded-For": "192.0.2.1"}).status, 403)

    def test_the_owner_and_the_group_may_connect_unless_another_mode_is_given(self):
        before = os.umask(0)
        try:
            for words, mode in (((), 0o660), (("--socket-mode", "0600"), 0o600), (("--socket-mode", "666"), 0o666)):
                daemon = self.start("mode", *words)
                self.assertEqual(stat.S_IMODE(os.stat(daemon.path).st_mode), mode)
                daemon.stop()
        finally:
            os.umask(before)
        for mode in ("", "rw", "0999", "66", "07777", "1777"):
            self.assertIn("--socket-mode", self.refused(os.path.join(self.folder, "m"), "--socket-mode", mode, code=2))

    def test_what_a_dead_daemon_left_is_replaced(self):
        dead = self.start("left")
        dead.stop(signal.SIGKILL)
        self.assertTrue(stat.S_ISSOCK(os.stat(dead.path).st_mode))
        self.assertEqual(self.start("left").ask("builders/b").status, 200)

    def test_a_live_one_is_refused_and_goes_on(self):
        self.assertIn("another program listens there", self.refused(self.path))
        self.get("builders/b")
        silent = os.path.join(self.folder, "silent")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(silent)
            other.listen(0)
            self.assertIn("another program listens there", self.refused(silent))
            self.assertTrue(os.path.exists(silent))

    def test_what_is_no_socket_or_no_place_is_refused_and_left(self):
        path = os.path.join(self.folder, "plain")
        with open(path, "wb") as file:
            file.write(b"mine")
        self.assertIn("no socket", self.refused(path))
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"mine")
        self.assertIn("No such file", self.refused(os.path.join(self.folder, "nowhere", "socket")))
        self.assertIn("1 to 107 bytes", self.refused(""))
        self.assertIn("1 to 107 bytes", self.refused("/" + "x" * 107))

    def test_its_file_goes_with_it_but_not_another_ones(self):
        daemon = self.start("going")
        self.assertEqual(daemon.stop(), (0, ""))
        self.assertFalse(os.path.exists(daemon.path))
        daemon = self.start("going")
        os.unlink(daemon.path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(daemon.path)
            self.assertEqual(daemon.stop(), (0, ""))
            self.assertTrue(os.path.exists(daemon.path))

    def test_of_many_that_begin_at_once_one_serves(self):
        place = "unix:" + os.path.join(self.folder, "race")
        self.start("race").stop(signal.SIGKILL)
        many = [subprocess.Popen([PROGRAM, "serve", "--db", self.db, "--listen", place], env=environment(),
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(6)]
        try:
            serving = [one for one in many if one.stdout.readline()]
            self.assertEqual(len(serving), 1)
            for one in set(many) - set(serving):
                self.assertEqual(one.wait(DEADLINE_S), 13)
            self.refused(os.path.join(self.folder, "race"))
        finally:
            for one in many:
                one.terminate()
                one.communicate(timeout=DEADLINE_S)


if __name__ == "__main__":
    sys.exit(main(__name__))
