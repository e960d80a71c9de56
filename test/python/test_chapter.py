"""docs/master.md as an operator does it: its commands, in their order, on a real master with a local worker.

The commands are taken from the document, and what it promises of them is looked for. The master begins as
the last checkout that BUILDBOT_SOURCE names, and is upgraded to the first.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.request

from harness import SOURCE_DIR, FolderCase, main
from servers import File
from test_master import CONFIG, VERSION

import daybook

NEWER, *_, OLDER = os.environ["BUILDBOT_SOURCE"].split(":") * 2
PACKAGE = os.path.dirname(os.path.abspath(daybook.__file__))
WAIT_S = 300

# Builds for as long as the master runs, which trigger none: Buildbot's own log has a traceback when it stops
# before a triggered build has ended.
AGAIN = """
from buildbot.schedulers.timed import Periodic
c["builders"][0].factory.steps.pop()
c["schedulers"][0] = Periodic(name="again", builderNames=["main"], periodicBuildTimer=3)
"""


def chapter():
    """The shell's commands of the document: {heading: [commands of a block]}."""
    with open(os.path.join(SOURCE_DIR, "docs", "master.md"), encoding="utf-8") as file:
        sections = re.split(r"^## (.*)\n", file.read(), flags=re.M)
    found = {}
    for heading, text in zip(sections[1::2], sections[2::2]):
        blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
        if blocks:
            found[heading] = blocks
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Shell:
    """The operator's shell, which keeps what it started; it ends at the first command that fails."""

    def __init__(self, folder, env):
        self.process = subprocess.Popen(["bash", "-e"], cwd=folder, env=env, stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.process.stdin.write("trap 'echo \"<failed>\"' EXIT\n")

    def run(self, commands):
        """Result: what they printed, and what ran beside them."""
        self.process.stdin.write(f"{commands}\necho '<done>'\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line == "<done>\n":
                return "".join(lines)
            if line == "<failed>\n":
                break
            lines.append(line)
        raise AssertionError(f"it failed:\n{commands}\n{''.join(lines)}")

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.communicate()


class Place:
    """A machine as the operator has it: a Python with Buildbot, the command, the wheel, and a master that runs."""

    def __init__(self, folder):
        self.venv = os.path.join(folder, "venv")
        done = subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", self.venv], check=False,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise unittest.SkipTest(f"Python makes no environment of its own: {done.stdout}")
        self.site = subprocess.run([f"{self.venv}/bin/python3", "-c", "import sysconfig as s; print(s.get_path('purelib'))"],
                                   check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        with open(os.path.join(self.site, "checkout_version.py"), "w", encoding="utf-8") as file:
            file.write(VERSION)
        with open(f"{self.venv}/bin/buildbot", "w", encoding="utf-8") as file:
            file.write(f"#!{self.venv}/bin/python3\nfrom buildbot.scripts import runner\nrunner.run()\n")
        os.chmod(f"{self.venv}/bin/buildbot", 0o755)
        os.symlink(os.environ["DAYBOOK"], f"{self.venv}/bin/daybook")
        self.env = {**os.environ, "PATH": f"{self.venv}/bin:{os.environ['PATH']}", "PIP_NO_INDEX": "1",
                    "PIP_NO_CACHE_DIR": "1", "START_TIMEOUT": str(WAIT_S), "BUILDS": "0",
                    "DB_URL": "sqlite:///state.sqlite"}
        del self.env["PYTHONPATH"]

    def install_buildbot(self, checkout):
        """What `pip install --editable` leaves."""
        with open(os.path.join(self.site, "buildbots.pth"), "w", encoding="utf-8") as file:
            file.write(f"{checkout}/master\n{checkout}/worker\nimport checkout_version\n")

    def make_master(self, folder):
        self.run("buildbot", "create-master", folder)
        with open(os.path.join(folder, "master.cfg"), "w", encoding="utf-8") as file:
            file.write(CONFIG + AGAIN)
        subprocess.run([sys.executable, os.path.join(SOURCE_DIR, "python", "build-wheel"), PACKAGE,
                        daybook.__version__, folder], check=True, stdout=subprocess.DEVNULL)

    def run(self, *words):
        done = subprocess.run(words, env=self.env, check=False, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WAIT_S)
        if done.returncode:
            raise AssertionError(f"{words}: {done.stdout}")


class TestChapter(FolderCase):
    timeout = 3600

    def setUp(self):
        super().setUp()
        self.place = Place(self.folder)
        self.place.install_buildbot(OLDER)
        for name in ("master", "untouched"):
            self.place.make_master(self.path(name))
        self.database = File(self.path("master/state.sqlite"))
        self.port = free_port()
        self.shell = Shell(self.path("master"), self.place.env)
        self.addCleanup(self.shell.end)
        self.addCleanup(self.end_master)

    def end_master(self):
        try:
            with open(self.path("master/twistd.pid"), encoding="ascii") as file:
                os.kill(int(file.read()), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass

    def run_block(self, text):
        said = self.shell.run(text.replace("8011", str(self.port)))
        print(f"\n{text}{said}", flush=True)
        return said

    def sql(self, statement):
        return self.database.sql(statement)

    def log(self):
        with open(self.path("master/twistd.log"), encoding="utf-8") as file:
            return file.read()

    def schema(self, name="master"):
        return File(self.path(f"{name}/state.sqlite")).sql(
            "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")

    def tables_of_ours(self):
        return [name for name, in self.sql("SELECT name FROM sqlite_master WHERE name LIKE 'daybook%' ORDER BY 1")]

    def wait(self, what, is_so):
        end = time.monotonic() + WAIT_S
        while not is_so():
            self.assertLess(time.monotonic(), end, f"{what} did not come; {self.log()[-4000:]}")
            time.sleep(0.3)

    def see_builds(self, count=2):
        """Waits until so many more builds than now have ended, and looks whether they did well."""
        ended = "SELECT count(*) FROM builds WHERE results IS NOT NULL AND complete_at IS NOT NULL"
        before = self.sql(ended)[0][0]
        self.wait("a build", lambda: self.sql(ended)[0][0] >= before + count)
        self.assertEqual(self.sql("SELECT DISTINCT results FROM builds WHERE complete_at IS NOT NULL AND results > 1"), [])
        self.assertNotIn("Traceback", self.log())

    def ask(self, path):
        """An answer of the daemon's, once it listens."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.URLError:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.3)

    def look_beside(self, blocks):
        before = self.schema()
        self.run_block(blocks[0])
        newest = self.ask("api/v2/builds?order=-buildid&limit=1")["builds"][0]["buildid"]
        self.wait("a newer build", lambda: self.ask(
            "api/v2/builds?order=-buildid&limit=1")["builds"][0]["buildid"] > newest)
        self.run_block(blocks[1])
        self.assertEqual(self.schema(), before)

    def put_in(self, blocks):
        install, adopt, start = blocks
        said = self.run_block(install)
        self.assertIn("Successfully installed daybook", said)
        self.assertRegex(said, r"get_prev_successful_build +[0-9.]+ +[0-9.]+")
        self.assertEqual(self.tables_of_ours(), [], "its copy was measured, not the database")
        self.run_block(adopt)
        self.assertIn("daybook_events", self.tables_of_ours())
        builds = self.sql("SELECT max(id) FROM builds")[0][0]
        self.run_block(start)
        with open(self.path("master/buildbot.tac"), encoding="utf-8") as file:
            self.assertIn("\nimport daybook.buildbot\ndaybook.buildbot.install()\nm = BuildMaster(", file.read())
        self.see_builds()
        self.assertIn(".steps and .build_data of sqlite:////", self.log())
        self.assertEqual(self.log().count("go through daybook"), 1)
        self.assertNotIn("not adopted", self.log())
        self.assertEqual(self.sql(f"SELECT count(*) FROM builds b WHERE id > {builds} AND NOT EXISTS"
                                  " (SELECT * FROM daybook_events e WHERE e.buildid = b.id)"), [(0,)])

    def upgrade(self, blocks):
        tables = self.tables_of_ours()
        revision = "SELECT version_num FROM alembic_version"
        before = self.sql(revision)
        self.place.install_buildbot(NEWER)
        self.run_block(blocks[0])
        print(f"the schema's revision: {before[0][0]}, then {self.sql(revision)[0][0]}")
        self.assertEqual(self.tables_of_ours(), tables)
        self.see_builds()
        self.assertEqual(self.log().count("go through daybook"), 2)

    def take_out(self, blocks):
        self.run_block(blocks[0])
        self.assertEqual(self.tables_of_ours(), [])
        self.place.run("buildbot", "upgrade-master", self.path("untouched"))
        self.assertEqual(self.schema(), self.schema("untouched"))
        self.see_builds()
        self.assertEqual(self.log().count("go through daybook"), 2, "no more than before")
        for name, in self.sql("SELECT name FROM builders"):
            numbers = [row[0] for row in self.sql("SELECT number FROM builds b JOIN builders r ON"
                                                  f" r.id = b.builderid WHERE r.name = '{name}' ORDER BY 1")]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_an_operators_way_in_through_an_upgrade_and_out_again(self):
        way = {"Beside it first": self.look_beside, "Put it in": self.put_in,
               "Upgrade Buildbot": self.upgrade, "Take it out": self.take_out}
        blocks = chapter()
        self.assertEqual(list(blocks), list(way))
        self.place.run("buildbot", "start", self.path("master"))
        self.see_builds()
        for heading, step in way.items():
            step(blocks[heading])
        self.shell.run("buildbot stop --clean .")


if __name__ == "__main__":
    sys.exit(main(__name__))
