"""What the black-box tests of the command share: running it, also on a terminal, and a store for a class.

The environment names the program (DAYBOOK). main() ends with the line that tools/test-report counts.
Not a test itself.
"""

import atexit
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import unittest

PROGRAM = os.path.abspath(os.environ.get("DAYBOOK", "build/daybook"))
DEADLINE_S = 60

# What `daybook run` notes of its runs goes here, not to the home of whoever runs the tests.
STATE = tempfile.mkdtemp(prefix="daybook-state-")
atexit.register(shutil.rmtree, STATE, ignore_errors=True)


class Run:
    """What a run of the program gave."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


def environment(**changes):
    unwanted = ("DAYBOOK_DB", "DAYBOOK_BUILD", "DAYBOOK_STEP", "NO_COLOR", "LC_ALL")
    env = {k: v for k, v in os.environ.items() if k not in unwanted and not k.startswith("GIT_")}
    env.update(LANG="C.UTF-8", TZ="UTC", TERM="xterm", XDG_STATE_HOME=STATE, GIT_CEILING_DIRECTORIES="/")
    env.update(changes)
    return env


def run_bytes(folder, *words, stdin=b"", **env):
    done = subprocess.run([PROGRAM, *words], cwd=folder, env=environment(**env), input=stdin,
                          capture_output=True, timeout=DEADLINE_S, check=False)
    return Run(done.returncode, done.stdout, done.stderr)


def run(folder, *words, stdin=b"", **env):
    done = run_bytes(folder, *words, stdin=stdin, **env)
    return Run(done.code, done.out.decode("utf-8"), done.err.decode("utf-8"))


def run_on_terminal(folder, *words, columns=80, **env):
    """Runs the program with its stdout and stderr on a terminal; gives what the terminal got."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([PROGRAM, *words], cwd=folder, env=environment(**env), stdout=slave,
                          stderr=slave, stdin=subprocess.DEVNULL) as child:
        os.close(slave)
        got = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            got += piece
        os.close(master)
        code = child.wait(DEADLINE_S)
    return Run(code, got.replace(b"\r\n", b"\n").decode("utf-8"), "")


class StoreCase(unittest.TestCase):
    """A folder with a store in it, made once for a class by record()."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="daybook-command-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.record()

    @classmethod
    def record(cls):
        """Fills the store."""

    def daybook(self, *words, code=0, **more):
        done = run(self.folder, *words, **more)
        self.assertEqual(done.code, code, f"{words}: {done.out}{done.err}")
        return done

    @classmethod
    def build(cls, builder, *steps, options=()):
        """Records a build of (name, command) steps."""
        words = [word for name, command in steps for word in ("--step", name, command)]
        done = run(cls.folder, "run", "--builder", builder, *options, *words)
        if "daybook.sqlite" not in os.listdir(cls.folder):
            raise AssertionError(f"nothing was recorded: {done.out}{done.err}")

    @classmethod
    def sql(cls, statement, *values):
        with sqlite3.connect(os.path.join(cls.folder, "daybook.sqlite")) as connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def table(self, text):
        """A table's rows; cells are at least two spaces apart."""
        return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


def main(name):
    """Runs the tests of the module of that name. Result: the exit status."""
    # What is started here is to die of signals, also when whoever started the tests ignores some (nohup).
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[name])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"[  PASSED  ] {result.testsRun - bad - len(result.skipped)} test(s).")
    if result.skipped:
        print(f"[  SKIPPED ] {len(result.skipped)} test(s).")
    if bad:
        print(f"[  FAILED  ] {bad} test(s).")
    return 1 if bad else 0

