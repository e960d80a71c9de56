#!/usr/bin/env python3
"""What `daybook serve` answers when a master's records were copied into a store of daybook's own: as the master did.

From the master's file to each kind of database, and from one to the next.
"""

import os
import sys

from harness import main, run
from server import Daemon
from servers import Server
from test_answers import RecordedCase


class TestCopied(RecordedCase):
    def setUp(self):
        self.servers = []
        self.addCleanup(lambda: [server.end() for server in self.servers])

    def place(self, kind):
        if kind == "sqlite":
            return os.path.join(self.folder, f"copied-{len(os.listdir(self.folder))}.sqlite")
        self.servers.append(Server(kind))
        return self.servers[-1].database().url

    def copy(self, source, kind, *words):
        target = self.place(kind)
        done = run(self.folder, "copy", *words, source, target)
        self.assertEqual(done.code, 0, done.err)
        return target

    def expect_answers_of(self, place):
        daemon = Daemon(place, "--listen", "127.0.0.1:0")
        try:
            self.expect_every_answer(daemon)
        finally:
            daemon.stop()

    def test_every_recorded_answer_is_given_from_file_to_postgresql_to_mariadb_to_file(self):
        place = self.copy(self.db, "postgresql", "--records-only")
        self.expect_answers_of(place)
        for kind in ("mariadb", "sqlite"):
            place = self.copy(place, kind)
            self.expect_answers_of(place)


if __name__ == "__main__":
    sys.exit(main(__name__))
