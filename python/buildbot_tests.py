"""Runs Buildbot's tests, which have to be importable, with the drop-in on; see run-buildbot-tests.

Buildbot's own bodies of the methods are made to raise, and daybook's are counted: what a test was answered, daybook
answered. Ends with 0 when all tests passed, each method that a test calls answered, and none raised.
"""

import collections
import inspect
import sys
import types

sys.path.pop(0)  # this folder, whose package lacks its extension

from twisted.python import log  # noqa: E402
from twisted.trial import reporter, runner  # noqa: E402

TESTS = ["buildbot.test.unit.db.test_builds", "buildbot.test.unit.db.test_steps",
         "buildbot.test.unit.db.test_build_data", "buildbot.test.unit.data.test_builds",
         "buildbot.test.unit.data.test_steps", "buildbot.test.unit.data.test_build_data",
         "buildbot.test.unit.data.test_properties"]


def name_version():
    """A checkout that was never built lacks the file that says its version."""
    try:
        import buildbot  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "buildbot._version":
            raise
        sys.modules["buildbot._version"] = types.ModuleType("buildbot._version")
        sys.modules["buildbot._version"].version = "latest"


def make_whole_databases():
    """Until 4.1 a test makes only the tables that Buildbot's own bodies need, and no master has such a
    database. It gets them all."""
    from buildbot.db.model import Model
    from buildbot.test.util import db

    mixin = getattr(db, "RealDatabaseMixin", None)
    if mixin is None:
        return
    set_up = mixin.setUpRealDatabase

    def set_up_whole(self, table_names=None, *args, **kwargs):
        names = list(Model.metadata.tables) if table_names else table_names
        return set_up(self, names, *args, **kwargs)

    mixin.setUpRealDatabase = set_up_whole


def is_call(name, method):
    return inspect.isfunction(method) and not name.startswith("_") and name != "properties_of"


def count(cls, calls):
    """Counts the calls of a component, and makes Buildbot's bodies raise."""
    own = cls.__bases__[0]
    for name, method in list(vars(cls).items()):
        if not is_call(name, method):
            continue

        def counted(self, *args, _name=name, _method=method, **kwargs):
            calls[_name] += 1
            return _method(self, *args, **kwargs)

        def raising(self, *args, _name=name, **kwargs):
            raise AssertionError(f"Buildbot's own {_name} was called")

        counted.__signature__ = inspect.signature(method)
        counted.__wrapped__ = method
        calls[name] += 0
        setattr(cls, name, counted)
        setattr(own, name, raising)


def main(names):
    name_version()
    import daybook.buildbot

    said = set()
    log.addObserver(lambda event: said.update(line for line in event["message"]
                                              if str(line).startswith("daybook")))
    make_whole_databases()
    if not daybook.buildbot.install():
        print(*said, sep="\n")
        return 1
    from daybook.buildbot.components import BuildData, Builds, Steps

    calls = collections.Counter()
    for cls in (Builds, Steps, BuildData):
        count(cls, calls)
    suite = runner.TestLoader().loadByNames(names or TESTS, recurse=True)
    result = runner.TrialRunner(reporter.VerboseTextReporter, workingDirectory="trial",
                                stream=sys.stdout).run(suite)
    print(*sorted(said), sep="\n")
    print("answered by daybook: " + ", ".join(f"{name} {calls[name]}" for name in sorted(calls)))
    bad = len(result.failures) + len(result.errors)
    print(f"{result.successes} passed, {bad} failed"
          + (f", {len(result.skips)} skipped" if result.skips else ""))
    return 0 if result.wasSuccessful() and result.testsRun and sum(calls.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
