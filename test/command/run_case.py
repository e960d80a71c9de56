"""What the tests of `daybook run` share: a folder for each case, its store read with Python's
sqlite3, and a terminal to run on. Where a case waits for something, it waits for it to be seen, not
for a time. Not a test itself.
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import termios
import time
import unittest

from harness import DEADLINE_S, PROGRAM, environment

SUCCESS, FAILURE, SKIPPED, EXCEPTION, CANCELLED = 0, 2, 3, 4, 6


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


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None


def is_running(pid):
    return state_of(pid) not in (None, "Z", "X")


class Done:
    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err.decode("utf-8"), seconds


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-run-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.path = os.path.join(self.folder, "daybook.sqlite")
        self.state = tempfile.mkdtemp(prefix="daybook-state-")
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)
        self.spool = os.path.join(self.state, "daybook", "spool")

    def file(self, name):
        return os.path.join(self.folder, name)

    def lasting(self):
        """A command that prints "begun", and then lasts. A shell would not do where SIGINT is sent:
        dash loses one that comes while it starts a command."""
        with open(self.file("text"), "w", encoding="ascii") as file:
            file.write("begun\n")
        return ["tail", "-f", "text"]

    def open_gate(self):
        """Lets what reads from the FIFO "gate" go on."""
        with open(self.file("gate"), "w", encoding="ascii") as gate:
            gate.write("go\n")

    def environment(self, **changes):
        return environment(**{"XDG_STATE_HOME": self.state, **changes})

    def run_it(self, *words, **more):
        """daybook run WORDS, without a controlling terminal."""
        return self.daybook("run", *words, **more)

    def daybook(self, *words, stdin=b"", cwd=None, before=None, **env):
        began = time.monotonic()
        done = subprocess.run([PROGRAM, *words], cwd=cwd or self.folder, input=stdin,
                              env=self.environment(**env), capture_output=True, timeout=DEADLINE_S,
                              start_new_session=True, preexec_fn=before, check=False)
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def start(self, *words, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        child = subprocess.Popen([PROGRAM, "run", *words], cwd=self.folder, env=self.environment(),
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
