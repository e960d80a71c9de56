#!/usr/bin/env python3
"""`daybook events --follow` on a server: what other processes commit, once and in one order, also when transactions
commit out of the order of their ids or stay open. PostgreSQL and MariaDB, one after the other."""

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from following import Following
from harness import DEADLINE_S, main, run
from servers import Server

WITHIN_S = 2  # a commit is shown; of several, half of them
ROUNDS, WRITERS, BUILDS, HELD = 7, 3, 10, 20
# Not an old one: those are trimmed, with all before them.
EVENT = f"INSERT INTO daybook_events (at, kind, verb, buildid) VALUES ({int(time.time())}, 'build', 'updated', {{}})"


def client(url):
    """The words that start the server's own client, which prints rows alone, at once."""
    if url.startswith("postgresql"):
        return ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", url]
    database, socket = re.fullmatch(r"mariadb://root@/(\w+)\?unix_socket=(\S+)", url).groups()
    return ["mariadb", "--no-defaults", "-Nnu", "root", "-S", socket, database]


class Session:
    """A connection past the program, in which a transaction can stay open."""

    def __init__(self, case, url):
        self.child = subprocess.Popen(client(url), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        case.addCleanup(self.end)

    def run(self, sql):
        """Returns when it is done; gives the lines that came."""
        self.child.stdin.write(f"{sql}; SELECT 'done';\n")
        self.child.stdin.flush()
        lines = []
        while not lines or lines[-1] != "done":
            line = self.child.stdout.readline()
            if not line:
                raise AssertionError(f"the client ended at: {sql}")
            lines.append(line.strip())
        return lines[:-1]

    def end(self):
        self.child.stdin.close()
        self.child.wait(DEADLINE_S)
        self.child.stdout.close()


class FollowOnServer:
    kind = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.kind)
        cls.addClassCleanup(cls.server.end)
        cls.elsewhere = cls.server.database().url

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-follow-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.url = self.server.database().url
        self.daybook("init")
        self.session = Session(self, self.url)

    def daybook(self, *words):
        done = run(self.folder, *words, DAYBOOK_DB=self.url)
        self.assertEqual(done.code, 0, f"{words}: {done.out}{done.err}")
        return done

    def record_builds(self, name, count):
        for _ in range(count):
            self.daybook("run", "--builder", name, "--", "true")

    def follow(self, after=0):
        return Following(self, "--json", "--after", str(after), "--db", self.url)

    def count(self):
        """How many events are there that others can see."""
        return int(self.session.run("SELECT count(*) FROM daybook_events")[0])

    def test_a_commit_of_another_process_is_shown_within_two_seconds_while_others_stay_open(self):
        self.record_builds("a", 1)
        held, elsewhere = Session(self, self.url), Session(self, self.elsewhere)
        elsewhere.run("CREATE TABLE things (id integer); BEGIN; INSERT INTO things VALUES (1)")
        held.run(f"BEGIN; {EVENT.format(1001)}")
        following = self.follow()
        following.wait_for(self.count())
        late_s = []
        for _ in range(ROUNDS):
            self.record_builds("a", 1)
            ended = time.monotonic()
            count = self.count()
            following.wait_for(count)
            late_s.append(following.times[count - 1] - ended)
        print(f"the last event came {statistics.median(late_s):.2f} s after its process had ended, "
              f"{max(late_s):.2f} s at most")
        self.assertLess(statistics.median(late_s), WITHIN_S)
        held.run("COMMIT")
        following.wait_for(self.count())
        self.assertEqual(json.loads(following.lines[-1])["buildid"], 1001)

    def test_all_followers_show_everything_once_in_one_order_though_commits_come_out_of_order(self):
        followers = [self.follow(), self.follow()]
        writers = [threading.Thread(target=self.record_builds, args=(f"b{i}", BUILDS)) for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        # Of several that are open the one with the lowest ids commits last.
        sessions = [Session(self, self.url) for _ in range(3)]
        for i in range(HELD):
            for j, session in enumerate(sessions):
                session.run(f"BEGIN; {EVENT.format(10 * (1000 + i) + j)}")
            for session in reversed(sessions):
                session.run("COMMIT")
        for writer in writers:
            writer.join()
        count = self.count()
        shown = [[json.loads(line) for line in following.wait_for(count)] for following in followers]
        shown.append([json.loads(line) for line in self.follow().wait_for(count)])  # and who comes later
        self.assertEqual(shown[0], shown[1])
        self.assertEqual(shown[0], shown[2])
        positions = [event["id"] for event in shown[0]]
        self.assertEqual(positions, sorted(set(positions)))
        self.assertEqual(len(positions), count)
        ours = sorted(event["buildid"] for event in shown[0] if (event["buildid"] or 0) >= 10000)
        self.assertEqual(ours, [10 * (1000 + i) + j for i in range(HELD) for j in range(3)])


class TestPostgresql(FollowOnServer, unittest.TestCase):
    kind = "postgresql"


class TestMariadb(FollowOnServer, unittest.TestCase):
    kind = "mariadb"


if __name__ == "__main__":
    sys.exit(main(__name__))
