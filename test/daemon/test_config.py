#!/usr/bin/env python3
"""A file of settings for `daybook serve`, and its man page, which is made from the same table as the help."""

import os
import re
import shutil
import subprocess
import sys
import unittest

from harness import DEADLINE_S, PROGRAM, environment, main, run
from server import Daemon, DaemonCase


class TestConfig(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "run", "--db", cls.db, "--builder", "b", "true")
        cls.tokens = os.path.join(cls.folder, "tokens")
        cls.token = run(cls.folder, "token", "add", "me", "--tokens", cls.tokens).out.strip()

    def write(self, text):
        path = os.path.join(self.folder, "settings")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def refused(self, text, *words):
        done = run(self.folder, "serve", "--config", self.write(text), *words)
        self.assertEqual((done.code, done.out), (2, ""), text)
        return done.err

    def test_every_setting_may_stand_in_the_file(self):
        told = run(self.folder, "serve", "--help").out
        names = set(re.findall(r"--([a-z-]+)", told.partition("Options:")[2])) - {"config", "help", "color", "version"}
        self.assertTrue({"listen", "tokens", "db", "read-only"} < names)
        for name in names:
            self.assertIn("line 2: there is no such setting", self.refused(f"{name} = no\nnothing = 1\n"), name)

    def test_it_serves_as_the_file_says(self):
        path = self.write(f"# a comment\n\n  db = {self.db}  \nlisten=127.0.0.1:0\r\ntokens =\t{self.tokens}\n"
                          "read-only = yes\naccess = public-read\nrate = 1000")
        daemon = Daemon(None, "--config", path)
        self.addCleanup(daemon.stop)
        self.assertIn("read-only", daemon.greeting)
        self.assertEqual(daemon.ask("builders/b").status, 200)
        headers = {"Authorization": "Bearer " + self.token}
        self.assertEqual(daemon.ask("session", headers=headers).json["name"], "me")

    def test_the_command_line_counts_more(self):
        path = self.write(f"db = missing.sqlite\nlisten = nowhere\ntokens = {self.tokens}\nread-only = no\n")
        daemon = Daemon(self.db, "--config", path, "--listen", "127.0.0.1:0")
        self.addCleanup(daemon.stop)
        self.assertNotIn("read-only", daemon.greeting)
        self.assertEqual(daemon.ask("builders/b").status, 401)

    def test_of_what_may_be_given_several_times_the_command_lines_come_first(self):
        said = self.refused(f"db = {self.db}\nnotify-command = true\nexpect = of the file\n", "--expect", "of the line")
        self.assertIn("of the line", said)

    def test_what_is_wrong_is_refused_by_its_line(self):
        for text, said in (("listen = 127.0.0.1:0\n\nlisen = 1\n", "line 3: there is no such setting, perhaps: listen"),
                           ("# x\nread-only\n", "line 2: neither NAME = VALUE"), ("\nread-only = maybe\n", "line 2: this is yes or no"),
                           ("config = other\n", "line 1: there is no such setting"), ("= 1\n", "line 1: there is no such"),
                           ("--listen = x\n", "line 1: there is no such setting"), ("json = yes\n", "line 1: there is no such"),
                           ("a\0b\n", "this is no text")):
            self.assertIn(said, self.refused(text))
        self.assertIn("--rate", self.refused("rate = fast\n"))
        self.assertIn("ADDRESS:PORT", self.refused("listen = nowhere\n", "--db", self.db))

    def test_a_file_that_cannot_be_read_is_refused(self):
        for path in ("missing", self.folder):
            self.assertEqual(run(self.folder, "serve", "--config", path).code, 2)


class TestManual(unittest.TestCase):
    def test_it_has_every_option_of_the_help(self):
        for name in ("serve", "token", "run"):
            page = run(".", "help", "--man", name).out.replace("\\-", "-")
            options = re.findall(r"(?m)^ +(?:-., )?--([a-z-]+)", run(".", name, "--help").out)
            self.assertTrue(options)
            for option in options:
                self.assertIn(f"\\fB--{option}\\fR", page)

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_roff_takes_it_without_a_warning(self):
        page = subprocess.run([PROGRAM, "help", "--man", "serve"], env=environment(), capture_output=True, check=True,
                              timeout=DEADLINE_S).stdout
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8"], input=page, capture_output=True, timeout=DEADLINE_S,
                              check=True)
        self.assertEqual(done.stderr, b"")
        text = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout.decode())
        self.assertIn("NAME = VALUE", text)


if __name__ == "__main__":
    sys.exit(main(__name__))
