"""What the tests of the Python package share: a store in a folder of its own, in Twisted's real reactor.

PYTHONPATH leads to the package. main() ends with the lines that tools/test-report counts. Not a test itself.
"""

import os
import shutil
import subprocess
import sys
import tempfile

from twisted.internet import defer
from twisted.trial import reporter, runner, unittest

import daybook

DEADLINE_S = 120
HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.environ.get("SOURCE_DIR", os.path.join(HERE, "..", ".."))


class FolderCase(unittest.TestCase):
    """A test with a folder of its own."""

    timeout = DEADLINE_S

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-python-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name="daybook.sqlite"):
        return os.path.join(self.folder, name)

    def open(self, name="daybook.sqlite", **options):
        """A store that is closed when the test ends."""
        options.setdefault("is_created", True)
        store = daybook.Store(self.path(name), **options)
        self.addCleanup(store.close)
        return store

    def run_script(self, text, *words, code=0, **env):
        """Runs Python in a process of its own; gives what it printed. Nothing may come on its stderr."""
        done = subprocess.run([sys.executable, "-c", text, self.path(), *words], cwd=self.folder,
                              env={**os.environ, **env}, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=DEADLINE_S, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (code, ""), done.stdout)
        return done.stdout


class Parents:
    """A builder, a worker, a master and a request, for builds to hang on."""

    @classmethod
    async def add(cls, store):
        self = cls()
        self.builderid = await store.find_builder_id("b", True)
        self.workerid = await store.find_worker_id("w", True)
        self.masterid = await store.find_master_id("m", True)
        self.sourcestampid = await store.find_sourcestamp_id(repository="r", is_added=True)
        self.buildsetid = await store.add_buildset("why", sourcestampids=[self.sourcestampid])
        self.buildrequestid = await store.add_buildrequest(self.buildsetid, self.builderid)
        return self

    def add_build(self, store, state_string="starting", **more):
        return store.add_build(self.builderid, self.buildrequestid, self.workerid, self.masterid,
                               state_string, **more)


def in_reactor(method):
    """A coroutine as a test."""

    def run(self):
        return defer.ensureDeferred(method(self))

    run.__name__, run.__doc__ = method.__name__, method.__doc__
    return run


def main(name):
    """Runs the tests of the module of that name. Result: the exit status."""
    suite = runner.TestLoader().loadModule(sys.modules[name])
    place = tempfile.mkdtemp(prefix="daybook-trial-")
    try:
        result = runner.TrialRunner(reporter.VerboseTextReporter, workingDirectory=os.path.join(place, "trial"),
                                    stream=sys.stdout).run(suite)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    bad = len(result.failures) + len(result.errors)
    print(f"[  PASSED  ] {result.successes} test(s).")
    if result.skips:
        print(f"[  SKIPPED ] {len(result.skips)} test(s).")
    if bad or not result.testsRun:
        print(f"[  FAILED  ] {bad} test(s).")
    return 1 if bad or not result.testsRun else 0
