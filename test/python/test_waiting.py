"""Buildbot's own connectors, which are SQLAlchemy's engines, and a server that goes away."""

import functools
import logging
import sys
import threading
import time
import types

import sqlalchemy as sa
from harness import main
from servers import Server
from twisted.trial import unittest

from daybook.buildbot import waiting


shared_server = functools.lru_cache(None)(Server)


class WaitingCases:
    """What holds on every server. Each test leaves it running for the next one."""

    timeout = 120

    def setUp(self):
        self.server = shared_server(self.kind)
        self.engine = sa.create_engine(self.url_of(self.server.database()), future=True)
        self.addCleanup(self.engine.dispose)
        waiting.watch(self.engine)

    def run_work(self, work):
        """As Buildbot's pool does."""
        do = waiting.waiting(lambda pool, *args: self.run_connected(pool.engine, *args))
        return do(types.SimpleNamespace(engine=self.engine), work)

    def run_connected(self, engine, work, *args):
        with engine.connect() as connection:
            return work(connection, *args)

    def make_table(self, connection):
        connection.execute(sa.text("CREATE TABLE t (i int)"))
        connection.commit()

    def count(self, connection):
        return connection.execute(sa.text("SELECT count(*) FROM t")).scalar()

    def start_later(self):
        later = threading.Timer(1, self.server.start)
        self.addCleanup(later.join)
        later.start()

    def test_what_a_lost_connection_cut_off_is_done_again_when_the_server_is_back(self):
        self.run_work(self.make_table)
        calls = []

        def insert(connection):
            connection.execute(sa.text("INSERT INTO t VALUES (1)"))
            calls.append("inserted")
            if len(calls) == 1:
                self.server.stop()
                self.start_later()
            connection.execute(sa.text("SELECT 1"))
            connection.commit()
            return "done"

        self.assertEqual(self.run_work(insert), "done")
        self.assertEqual(len(calls), 2)
        self.assertEqual(self.run_work(self.count), 1)

    def test_work_that_was_done_stays_done_when_the_connection_is_lost_behind_it(self):
        self.run_work(self.make_table)

        def read_and_lose(connection):
            count = self.count(connection)
            self.server.stop()
            self.server.start()
            return count

        self.assertEqual(self.run_work(read_and_lose), 0)

    def test_nothing_is_logged_as_an_error_when_the_connection_is_lost_behind_a_commit(self):
        self.run_work(self.make_table)
        errors = []
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: errors.append(record.getMessage())
        logging.getLogger("sqlalchemy").addHandler(handler)
        self.addCleanup(logging.getLogger("sqlalchemy").removeHandler, handler)

        def insert_and_lose(connection):
            connection.execute(sa.text("INSERT INTO t VALUES (1)"))
            connection.commit()
            self.server.stop()
            self.server.start()

        self.run_work(insert_and_lose)
        self.assertEqual(self.run_work(self.count), 1)
        self.assertEqual(errors, [])

    def test_a_connection_waits_for_a_server_that_was_there_before(self):
        self.run_work(self.make_table)
        self.engine.dispose()
        self.server.stop()
        self.start_later()
        self.assertEqual(self.run_work(self.count), 0)

    def test_what_may_have_committed_is_not_done_again(self):
        self.run_work(self.make_table)
        calls = []

        def insert_and_go_on(connection):
            calls.append(1)
            connection.execute(sa.text("INSERT INTO t VALUES (1)"))
            connection.commit()
            self.server.stop()
            self.server.start()
            connection.execute(sa.text("SELECT 1"))

        self.assertRaises(sa.exc.DBAPIError, self.run_work, insert_and_go_on)
        self.assertEqual((len(calls), self.run_work(self.count)), (1, 1))

    def test_other_errors_are_the_callers(self):
        calls = []

        def fail(connection):
            calls.append(1)
            connection.execute(sa.text("SELECT * FROM nowhere"))

        self.assertRaises(sa.exc.ProgrammingError, self.run_work, fail)
        self.assertEqual(len(calls), 1)

    def test_a_server_that_was_never_reached_is_not_waited_for(self):
        self.server.stop()
        began = time.monotonic()
        self.assertRaises(sa.exc.OperationalError, self.run_work, self.count)
        self.assertLess(time.monotonic() - began, waiting.PAUSE_S)
        self.server.start()

    def test_the_end_of_the_pool_ends_the_waiting(self):
        self.run_work(self.make_table)
        self.engine.dispose()
        self.server.stop()
        stop = waiting.ending(lambda pool: "stopped")
        later = threading.Timer(1, stop, [types.SimpleNamespace(engine=self.engine)])
        later.start()
        self.assertRaises(sa.exc.OperationalError, self.run_work, self.count)
        later.join()
        self.server.start()


class TestWaitingForPostgres(WaitingCases, unittest.TestCase):
    kind = "postgresql"

    def url_of(self, database):
        return database.url.replace("postgresql:", "postgresql+psycopg2:")


class TestWaitingForMariaDB(WaitingCases, unittest.TestCase):
    kind = "mariadb"

    def url_of(self, database):
        return database.url.replace("mariadb:", "mysql+mysqldb:")


class TestFiles(unittest.TestCase):
    def test_a_file_is_not_waited_for(self):
        engine = sa.create_engine("sqlite://")
        waiting.watch(engine)
        self.assertFalse(hasattr(engine, "_daybook_presence"))


if __name__ == "__main__":
    sys.exit(main(__name__))
