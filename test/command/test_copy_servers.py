"""`daybook copy` between files and servers: killed at any moment, it goes on to the same contents."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from harness import PROGRAM, environment, main, run
from servers import Server

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
SEEDS = (
    ("INSERT INTO builds {} SELECT 1000 + i, 1000 + i, 1, 1, 1, 1, 1700000000 + i, 1700000009 + i, 0, 'x', 2 FROM n", 4000),
    ("INSERT INTO steps {} SELECT 10000 + i, i % 10, 'step ' || (i % 10), 1001 + (i - 1) / 10, 1, 2, 3, 'finished', 0,"
     " '[]', 0 FROM n", 40000),
    ("INSERT INTO build_properties {} SELECT 1001 + (i - 1) / 4, 'name ' || (i % 4), '\"value\"', 'test', i FROM n", 16000),
)


class ServerCase(unittest.TestCase):
    """A store in a file, and databases of one kind of server."""

    kind = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.kind)
        cls.addClassCleanup(cls.server.end)
        cls.server.database()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-copy-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.source = os.path.join(self.folder, "from.sqlite")
        for builder in ("a", "b"):
            self.daybook("run", "--db", self.source, "-b", builder, "--", "true")
        connection = sqlite3.connect(self.source)
        for statement, count in SEEDS:
            connection.execute(statement.format(NUMBERS), (count,))
        connection.commit()
        connection.close()

    def daybook(self, *words, code=0):
        done = run(self.folder, *words)
        self.assertEqual(done.code, code, f"{words}: {done.out}{done.err}")
        return done

    def is_killed(self, source, target, after_s):
        with subprocess.Popen([PROGRAM, "copy", source, target], cwd=self.folder, env=environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            try:
                _, err = child.communicate(timeout=after_s)
                # It may have ended before it was killed the last time.
                self.assertTrue((child.returncode, err) == (0, "") or "a copy that has ended is complete" in err, err)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
                return True
        return False

    def copy_with_kills(self, source, new_target, wanted):
        """Kills copies at moments drawn by chance, until so many were cut off. Result: where the last one went."""
        kills, target = 0, new_target()
        while kills < wanted:
            if self.is_killed(source, target, random.uniform(0.02, 1.0)):
                kills += 1
            else:
                target = new_target()
        done = run(self.folder, "copy", source, target)
        self.assertTrue(done.code == 0 or "a copy that has ended is complete" in done.err, done.err)
        self.assertEqual(self.daybook("copy", "--verify", source, target).out, "nothing was found\n")
        self.assertEqual(self.daybook("check", "--db", target).out, "nothing was found\n")
        return target


class Kills:
    def test_killed_on_the_way_there_and_back_it_goes_on_to_the_same_contents(self):
        there = self.copy_with_kills(self.source, lambda: self.server.database().url, 6)
        files = iter(range(1000))
        back = self.copy_with_kills(there, lambda: os.path.join(self.folder, f"{next(files)}.sqlite"), 3)
        self.assertEqual(self.daybook("copy", "--verify", self.source, back).out, "nothing was found\n")


class TestPostgresql(Kills, ServerCase):
    kind = "postgresql"


class TestMariadb(Kills, ServerCase):
    kind = "mariadb"


if __name__ == "__main__":
    sys.exit(main(__name__))
