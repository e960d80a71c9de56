"""A real master with a local worker, from the first checkout that BUILDBOT_SOURCE names, without and with the drop-in.

DAYBOOK_BUILDS says how many builds it runs (default 30), DAYBOOK_AWAY_S how long the server is away (default 60).
"""

import json
import os
import re
import signal
import subprocess
import sys
import time

from harness import FolderCase, main
from servers import File, Server

CHECKOUT = os.environ["BUILDBOT_SOURCE"].split(":")[0]
BUILDS = int(os.environ.get("DAYBOOK_BUILDS", "30"))
AWAY_S = float(os.environ.get("DAYBOOK_AWAY_S", "60"))

# A checkout that was never built lacks the file that says its version.
VERSION = """
import sys, types
try:
    import buildbot
except ModuleNotFoundError:
    sys.modules["buildbot._version"] = types.ModuleType("buildbot._version")
    sys.modules["buildbot._version"].version = "latest"
try:
    import buildbot_worker
except ModuleNotFoundError:
    sys.modules["buildbot_worker._version"] = types.ModuleType("buildbot_worker._version")
    sys.modules["buildbot_worker._version"].version = "latest"
import buildbot_worker
if not hasattr(buildbot_worker, "version"):  # a newer one asks for the package that is installed
    buildbot_worker.version = "latest"
"""

TAC = VERSION + """
import os
from twisted.application import service
DROP_IN
from buildbot.master import BuildMaster
basedir = os.path.dirname(os.path.abspath(__file__))
application = service.Application('buildmaster')
m = BuildMaster(basedir, "master.cfg", None)
m.setServiceParent(application)
"""
DROP_IN = "import daybook.buildbot\ndaybook.buildbot.install()\n"

CONFIG = """
import os
from twisted.internet import defer, reactor
from buildbot.config import BuilderConfig
from buildbot.process.buildstep import BuildStep
from buildbot.process.factory import BuildFactory
from buildbot.schedulers.base import BaseScheduler
from buildbot.schedulers.triggerable import Triggerable
from buildbot.steps.master import SetProperty
from buildbot.steps.shell import ShellCommand
from buildbot.steps.trigger import Trigger
from buildbot.worker.local import LocalWorker

BUILDS = int(os.environ["BUILDS"])


class Many(BaseScheduler):
    '''Asks for all the builds once, however often the master starts.'''

    @defer.inlineCallbacks
    def activate(self):
        yield super().activate()
        asked = yield self.master.data.get(("buildsets",))
        for i in range(len(asked), BUILDS) if not asked else ():
            yield self.addBuildsetForSourceStampsWithDefaults(
                reason=f"number {i}", sourcestamps=[{"codebase": ""}],
                properties=None, waited_for=False)


class Keep(BuildStep):
    name = "keep"

    @defer.inlineCallbacks
    def run(self):
        yield self.master.data.updates.setBuildData(
            self.build.buildid, "number", str(self.build.number).encode(), "test")
        yield self.addURL("home", "http://localhost/")
        return 0


def factory(*steps):
    return BuildFactory(list(steps))


c = BuildmasterConfig = {
    "workers": [LocalWorker("local", max_builds=2)],
    "schedulers": [Many(name="many", builderNames=["main"]),
                   Triggerable(name="children", builderNames=["child"])],
    "builders": [
        BuilderConfig(name="main", workernames=["local"], collapseRequests=False, factory=factory(
            SetProperty(property="who", value="test"),
            ShellCommand(name="shell", command=["true"]),
            ShellCommand(name="shell", command=["sh", "-c", "exit 1"], flunkOnFailure=False,
                         warnOnFailure=True),
            Keep(),
            Trigger(schedulerNames=["children"], waitForFinish=False))),
        BuilderConfig(name="child", workernames=["local"], collapseRequests=False,
                      factory=factory(ShellCommand(name="child", command=["true"]))),
    ],
    "db": {"db_url": os.environ["DB_URL"]},
    "protocols": {"null": {}},
    "buildbotNetUsageData": None,
    "title": "test",
    "titleURL": "http://localhost/",
    "buildbotURL": "http://localhost/",
}
"""

UPGRADE = VERSION + """
from buildbot.scripts import runner
sys.argv = ["buildbot", "upgrade-master", "--quiet", "."]
runner.run()
"""


class Master:
    """A master in a folder of its own, in a process of its own."""

    def __init__(self, folder, is_dropped_in, database, builds=BUILDS):
        self.folder = folder
        self.database = database
        os.mkdir(folder)
        with open(os.path.join(folder, "buildbot.tac"), "w", encoding="utf-8") as file:
            file.write(TAC.replace("DROP_IN", DROP_IN if is_dropped_in else ""))
        with open(os.path.join(folder, "master.cfg"), "w", encoding="utf-8") as file:
            file.write(CONFIG)
        self.env = {**os.environ, "BUILDS": str(builds), "DB_URL": database.master_url, "PYTHONPATH": os.pathsep.join(
            [os.environ["PYTHONPATH"], f"{CHECKOUT}/master", f"{CHECKOUT}/worker"])}
        done = subprocess.run([sys.executable, "-c", UPGRADE], cwd=folder, env=self.env, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        if done.returncode:
            raise AssertionError(done.stdout)
        self.process = None

    def start(self):
        self.log = open(os.path.join(self.folder, "out"), "ab")
        self.process = subprocess.Popen([sys.executable, "-c", "from twisted.scripts.twistd import run; run()",
                                         "-n", "-y", "buildbot.tac", "-l", "twistd.log", "--pidfile="],
                                        cwd=self.folder, env=self.env, stdout=self.log,
                                        stderr=subprocess.STDOUT)

    def end(self, number=signal.SIGINT):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)
        self.log.close()

    def sql(self, statement):
        return self.database.sql(statement)

    def wait(self, finished, deadline_s=300):
        """Waits until so many builds have ended for good, as long as one more does before each deadline."""
        count, end = 0, time.monotonic() + deadline_s
        while time.monotonic() < end and self.process.poll() is None:
            before, count = count, self.sql("SELECT count(*) FROM buildrequests WHERE complete = 1")[0][0]
            if count >= finished:
                return
            if count > before:
                end = time.monotonic() + deadline_s
            time.sleep(0.3)
        raise AssertionError("the builds did not end: " + self.text()[-4000:])

    def complaints(self):
        """Its log without the deadlocks among Buildbot's own statements (on MariaDB: of logs), which its pool runs again."""
        return re.sub(r"(?m)^\S+ \[[^]\n]*\] retrying [^\n]*\(1213,[^\n]*\n(?:\t[^\n]*\n)*", "", self.text())

    def text(self):
        """Its log, the parts that were put aside (.1 the newest) first."""
        names = [name for name in os.listdir(self.folder) if name.startswith("twistd.log")]
        names.sort(key=lambda name: -int(name.rpartition(".")[2]) if name[-1].isdigit() else 1)
        parts = []
        for name in names:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                parts.append(file.read())
        return "".join(parts)

    def records(self):
        """All that the master recorded, but for times and ids; builds in the order of their numbers."""
        builds = []
        for buildid, *build in self.sql(
                "SELECT b.id, r.name, b.number, b.state_string, b.results, b.complete_at IS NULL FROM builds b"
                " JOIN builders r ON r.id = b.builderid ORDER BY r.name, b.number"):
            steps = self.sql("SELECT number, name, state_string, results, hidden, urls_json, started_at IS NULL,"
                             f" complete_at IS NULL FROM steps WHERE buildid = {buildid} ORDER BY number")
            properties = self.sql("SELECT name, source FROM build_properties"
                                  f" WHERE buildid = {buildid} ORDER BY name")
            data = self.sql(f"SELECT name, value, length, source FROM build_data WHERE buildid = {buildid}")
            # The address of a triggered build holds ids.
            steps = [step[:5] + (sorted(url["name"] for url in json.loads(step[5]) if url["name"] == "home"),)
                     + step[6:] for step in steps]
            builds.append((build, steps, properties, data))
        return builds


class MasterCases:
    """What holds on every engine."""

    timeout = 3600

    def run_master(self, name, is_dropped_in, kill_after=None):
        master = self.start_master(name, is_dropped_in, BUILDS)
        begin, cpu = time.monotonic(), os.times()
        if kill_after:
            master.wait(kill_after)
            master.end(signal.SIGKILL)
            master.start()
        master.wait(2 * BUILDS)
        wall = time.monotonic() - begin
        master.end()
        used = os.times()
        print(f"\n{name}: {2 * BUILDS} builds in {wall:.1f} s, "
              f"{used.children_user + used.children_system - cpu.children_user - cpu.children_system:.1f} s of CPU")
        return master

    def start_master(self, name, is_dropped_in, builds, is_adopted=False):
        master = Master(self.path(name), is_dropped_in, self.database(name), builds)
        self.addCleanup(lambda: master.end(signal.SIGKILL))
        if is_adopted:
            subprocess.run([os.environ["DAYBOOK"], "adopt", "--force", "--db", master.database.url], check=True,
                           stdout=subprocess.DEVNULL)
        master.start()
        return master

    def test_the_same_records_without_and_with_daybook(self):
        theirs = self.run_master("without", False)
        ours = self.run_master("with", True)
        self.assertIn("go through daybook", ours.text())
        self.assertNotIn("Traceback", ours.complaints())
        self.assertEqual(len(ours.records()), 2 * BUILDS)
        self.assertEqual(ours.records(), theirs.records())

    def test_a_killed_master_goes_on_where_it_was(self):
        master = self.run_master("killed", True, kill_after=BUILDS // 3)
        self.assertEqual(master.text().count("go through daybook"), 2)
        for name, in master.sql("SELECT name FROM builders"):
            numbers = [row[0] for row in master.sql("SELECT number FROM builds b JOIN builders r ON"
                                                    f" r.id = b.builderid WHERE r.name = '{name}' ORDER BY 1")]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
            self.assertGreaterEqual(len(numbers), BUILDS)
        self.assertEqual(master.sql("SELECT count(*) FROM builds WHERE complete_at IS NULL AND results IS NULL"
                                    " AND number = 1"), [(0,)])


class TestMasterOnFile(MasterCases, FolderCase):
    def database(self, name):
        return File(self.path(name + ".sqlite"))

    def test_a_killed_master_goes_on_where_it_was(self):
        super().test_a_killed_master_goes_on_where_it_was()
        self.assertEqual(self.database("killed").sql("PRAGMA integrity_check"), [("ok",)])


class TestMasterOnPostgres(MasterCases, FolderCase):
    kind = "postgresql"

    def setUp(self):
        super().setUp()
        self.server = Server(self.kind)
        self.addCleanup(self.server.end)

    def database(self, name):
        return self.server.database()

    def test_a_server_that_is_away_for_a_minute_costs_no_build(self):
        builds = 10  # and as many that they trigger
        # Adopted: otherwise nobody can tell what became of a COMMIT that was cut off.
        master = self.start_master("away", True, builds, is_adopted=True)
        master.wait(5)
        self.server.stop()
        time.sleep(AWAY_S)
        self.server.start()
        master.wait(2 * builds)
        master.end()
        self.assertEqual(len(master.records()), 2 * builds)
        undisturbed = self.start_master("undisturbed", True, builds)
        undisturbed.wait(2 * builds)
        undisturbed.end()
        self.assertEqual(master.records(), undisturbed.records())
        self.assertNotIn("Traceback", master.complaints())


class TestMasterOnMariaDB(TestMasterOnPostgres):
    kind = "mariadb"


if __name__ == "__main__":
    sys.exit(main(__name__))
