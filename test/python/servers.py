"""Databases for tests: a file, or one on a server of the test's own. Not a test itself."""

import contextlib
import os
import re
import sqlite3
import subprocess
import unittest
import urllib.parse


class File:
    """An SQLite file; url is for daybook, master_url for Buildbot. So it is of each database here."""

    def __init__(self, path):
        self.path = path
        self.url = self.master_url = f"sqlite:///{path}"

    def sql(self, statement):
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()


class Server:
    """A PostgreSQL or MariaDB server, or a Galera cluster of three, which is there until end() is called or the test program ends.

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
        return DATABASES[self.kind](self.ask("database"))

    def stop(self):
        self.ask("stop")

    def start(self):
        self.ask("start")

    def end(self):
        self.process.communicate()


class PostgresDatabase:
    """A database of a PostgreSQL server's."""

    def __init__(self, url):
        self.url = self.master_url = url

    def connect(self):
        import psycopg2  # Debian's python3-psycopg2; Buildbot needs it, too

        return psycopg2.connect(self.url)

    def sql(self, statement):
        with contextlib.closing(self.connect()) as connection, contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


class MariaDatabase(PostgresDatabase):
    """A database of a MariaDB server's, whose tables Buildbot is to make in InnoDB."""

    def __init__(self, url):
        super().__init__(url)
        self.master_url = url.replace("mariadb:", "mysql:", 1) + "&storage_engine=InnoDB"

    def connect(self):
        import MySQLdb  # Debian's python3-mysqldb; Buildbot needs it, too

        parts = urllib.parse.urlsplit(self.url)
        (socket,) = urllib.parse.parse_qs(parts.query)["unix_socket"]
        return MySQLdb.connect(user=parts.username, unix_socket=socket, database=parts.path[1:], charset="utf8mb4")


class GaleraDatabase:
    """A database of a Galera cluster's: url names all nodes, each of urls one."""

    def __init__(self, url):
        self.url = url
        before, hosts, name = re.fullmatch(r"(.*@)(.*)(/\w+)", url).groups()
        self.urls = [before + host + name for host in hosts.split(",")]


DATABASES = {"postgresql": PostgresDatabase, "mariadb": MariaDatabase, "galera": GaleraDatabase}
