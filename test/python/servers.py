"""Databases for tests: a file, or one on a server of the test's own. Not a test itself."""

import os
import sqlite3
import subprocess
import unittest


class File:
    """An SQLite file."""

    def __init__(self, path):
        self.path = path
        self.url = f"sqlite:///{path}"

    def sql(self, statement):
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()


class Server:
    """A PostgreSQL or MariaDB server, which is there until end() is called or the test program ends.

    Raises SkipTest where it is not installed.
    """

    def __init__(self, kind="postgresql"):
        self.kind = kind
        # It keeps a pipe to this process, and goes when that ends.
        self.process = subprocess.Popen([os.environ["TEST_SERVER"], kind], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer and self.process.wait() == 77:
            raise unittest.SkipTest(f"there is no {self.kind} server on this machine")
        if not answer:
            raise AssertionError(f"the server did not answer '{line}'")
        return answer

    def database(self):
        """A new, empty one."""
        return Database(self.ask("database"))

    def stop(self):
        self.ask("stop")

    def start(self):
        self.ask("start")

    def end(self):
        self.process.communicate()


class Database:
    """A database of a server's."""

    def __init__(self, url):
        self.url = url

    def sql(self, statement):
        import psycopg2  # Debian's python3-psycopg2; Buildbot needs it, too

        connection = psycopg2.connect(self.url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()
