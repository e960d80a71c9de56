#!/usr/bin/env python3
"""How PostgreSQL and MariaDB go about the statements of every call: by an index, and not through a table that grows.

A store is filled by `daybook bench fill` and analysed, so that the planner knows what it has; then every call is run,
and each server writes the plans that it really used: PostgreSQL by auto_explain, MariaDB in its slow query log.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

from harness import PROGRAM, environment, main
from servers import Server

BUILDS = 2000
LARGE = 1000  # rows; a table with fewer may be read whole
STATEMENTS_MIN = 100
JOINED = 3  # statements that answer several gets at once: of a build by its id and its number, of a step by its id

# Statements that may look through a table, by a part of their text.
MAY_SCAN = {
    "SELECT count(*) FROM ": "a total counts all that match, for whoever asks for one",
    "(t.number IN (": "builds by fields that no index has, of all builders: their page ends at its limit",
}


class Plan:
    """A statement, and what of it goes through a whole table."""

    def __init__(self, statement, scanned):
        self.statement, self.scanned = " ".join(statement.split()), scanned

    def is_allowed(self, may_scan, used):
        parts = [part for part in may_scan if part in self.statement]
        used.update(parts)
        return bool(parts)


class PlansCases:
    """What holds on both."""

    maxDiff = None
    kind = None
    may_scan = MAY_SCAN
    now_and_then = {}  # of these, what does not always: the sample of the table decides

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.kind)
        cls.addClassCleanup(cls.server.end)
        for _ in range(10):
            cls.fill()
            if cls.has_firsts():
                break
        # Their times are those of the history; the store is older than any of them.
        cls.ask("INSERT INTO daybook_events (position, at, kind, verb, builderid, buildid) "
                "SELECT 1000000 + row_number() OVER (), 2000000000, 'build', 'updated', 1, 1 FROM"
                " steps CROSS JOIN (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) three")
        cls.prepare()
        cls.large = {name for name, count in cls.counts().items() if count >= LARGE}

    @classmethod
    def fill(cls):
        cls.url = cls.server.database().url
        with tempfile.TemporaryDirectory(prefix="daybook-plans-") as folder:
            subprocess.run([PROGRAM, "bench", "fill", cls.url, "--builds", str(BUILDS)], cwd=folder, env=environment(),
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @classmethod
    def has_firsts(cls):
        """Whether there are the records with the id 1, which the calls name: what a server rolled back used ids up."""
        return all(cls.ask(f"SELECT 1 FROM {table} WHERE id = 1")
                   for table in ("builders", "workers", "masters", "sourcestamps", "buildsets", "buildrequests", "builds", "steps"))

    @classmethod
    def read(cls, before):
        with open(cls.log, encoding="utf-8", errors="replace") as file:
            file.seek(before)
            return file.read()

    def plans_of_every_call(self):
        before = os.path.getsize(self.log)
        done = subprocess.run([os.environ["ASK_ALL_OF"], self.url], text=True, stdout=subprocess.PIPE, check=True, timeout=300)
        self.assertEqual([line for line in done.stdout.splitlines() if not line.endswith(": ok")],
                         ["dbk_delete_build_data: build 7 has no data 'data'"])
        return self.plans(before)

    def test_statements_of_all_calls_scan_no_large_table(self):
        self.assertLessEqual({"builds", "steps", "build_properties", "build_data", "buildrequests", "buildsets",
                              "sourcestamps", "buildset_sourcestamps", "daybook_events", "daybook_lineage"}, self.large)
        plans, used = self.plans_of_every_call(), set()
        # MariaDB writes the values of those that are asked for, too, which stand before.
        self.assertEqual(len({plan.statement.partition("SELECT k.i,")[2] for plan in plans} - {""}), JOINED)
        self.assertGreaterEqual(len({plan.statement for plan in plans}), STATEMENTS_MIN)
        bad = {f"{plan.scanned}: {plan.statement}" for plan in plans if plan.scanned and not plan.is_allowed(self.may_scan, used)}
        self.assertEqual("\n".join(sorted(bad)), "")
        self.assertEqual(used - set(self.now_and_then), set(self.may_scan) - set(self.now_and_then),
                         "no statement needs the exception")

    def test_a_scan_is_seen_where_there_is_one(self):
        for statement, table in (("SELECT id FROM builds t WHERE t.started_at = 5", "builds"),
                                 ("SELECT id FROM builds t ORDER BY t.started_at LIMIT 3", "builds"),
                                 ("SELECT id FROM steps s WHERE state_string = 'x'", "steps"),
                                 ("SELECT max(length(value)) FROM build_properties p", "build_properties"),
                                 ("SELECT id FROM builds t WHERE id = 7", None),
                                 ("SELECT id FROM builds t ORDER BY id DESC LIMIT 3", None),
                                 ("SELECT id FROM steps s WHERE buildid = 5 AND name = 'x'", None),
                                 ("SELECT name FROM builders b WHERE description = 'x'", None)):
            before = os.path.getsize(self.log)
            self.ask(statement)
            plan, = [plan for plan in self.plans(before) if plan.statement.startswith(statement)]
            self.assertEqual(plan.scanned, [table] if table else [], statement)


class TestPostgres(PlansCases, unittest.TestCase):
    kind = "postgresql"
    now_and_then = {"FROM builds t WHERE t.workerid = $1 ORDER BY t.id DESC LIMIT":
                    "a worker's builds backwards from the newest: where it has many of them, that pays"}
    may_scan = {**MAY_SCAN, **now_and_then, "FROM builds t ORDER BY t.complete_at DESC NULLS LAST, t.id DESC LIMIT":
                "builds by their end, of all builders: the index on that serves, and pays with more builds than here"}
    SETTINGS = {"session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0",
                "auto_explain.log_format": "json", "log_statement": "none"}

    @classmethod
    def ask(cls, statement):
        import psycopg2  # Debian's python3-psycopg2

        connection = psycopg2.connect(cls.url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    @classmethod
    def prepare(cls):
        cls.log = os.path.join(re.search(r"host=([^&\s]+)", cls.url)[1], "log")
        cls.ask("ANALYZE")
        database = cls.ask("SELECT current_database()")[0][0]
        for name, value in cls.SETTINGS.items():
            cls.ask(f"ALTER DATABASE {database} SET {name} = '{value}'")

    @classmethod
    def counts(cls):
        return dict(cls.ask("SELECT relname::text, reltuples FROM pg_class WHERE relkind = 'r'"))

    @classmethod
    def plans(cls, before):
        text, found = cls.read(before), []
        for start in re.finditer(r"plan:\n\t(?=\{)", text):
            plan = json.JSONDecoder(strict=False).raw_decode(text[start.end():].replace("\n\t", "\n"))[0]
            found.append(Plan(plan["Query Text"], cls.scanned(plan["Plan"], False)))
        return found

    @classmethod
    def scanned(cls, node, is_limited):
        """The large tables that are gone through whole. What an index gives in its order ends at a limit above it."""
        kind, found = node["Node Type"], []
        is_limited = (is_limited or kind == "Limit") and kind not in ("Sort", "Incremental Sort", "Aggregate", "Hash")
        is_index = kind in ("Index Scan", "Index Only Scan")
        if node.get("Relation Name") in cls.large and (
                kind == "Seq Scan" or is_index and "Index Cond" not in node and (not is_limited or "Filter" in node)):
            found.append(node["Relation Name"])
        for part in node.get("Plans", ()):
            found += cls.scanned(part, is_limited)
        return found


class TestMariadb(PlansCases, unittest.TestCase):
    kind = "mariadb"
    SETTINGS = ("slow_query_log_file = 'plans', GLOBAL long_query_time = 0, GLOBAL log_slow_verbosity = 'query_plan,explain',"
                " GLOBAL slow_query_log = 1")

    @classmethod
    def ask(cls, statement):
        database, socket = re.fullmatch(r"mariadb://root@/(\w+)\?unix_socket=(\S+)", cls.url).groups()
        done = subprocess.run(["mariadb", "-S", socket, "-u", "root", "-N", "-B", database, "-e", statement], text=True,
                              stdout=subprocess.PIPE, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    @classmethod
    def prepare(cls):
        cls.log = os.path.join(os.path.dirname(re.search(r"unix_socket=(\S+)", cls.url)[1]), "data", "plans")
        names = [name for name, in cls.ask("SHOW TABLES")]
        cls.ask(f"ANALYZE TABLE {', '.join(names)}; SET GLOBAL {cls.SETTINGS}")

    @classmethod
    def counts(cls):
        rows = cls.ask("SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = database()")
        return {name: int(count) for name, count in rows}

    @classmethod
    def plans(cls, before):
        cls.wait_until_written(before)
        found = []
        for part in re.split(r"(?m)^# User@Host: .*\n", cls.read(before))[1:]:
            statement = re.search(r"(?s)SET timestamp=\d+;\n(.*)", part)[1].partition("\n# Time: ")[0].strip().rstrip(";")
            rows = [line.split("\t") for line in re.findall(r"(?m)^# explain: (.*)", part)[1:]]
            found.append(Plan(statement, cls.scanned(statement, rows)))
        return found

    @classmethod
    def wait_until_written(cls, before):
        """A statement is written after it was answered."""
        end = time.monotonic() + 60
        others = "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
        while cls.ask(others) != [["0"]]:
            assert time.monotonic() < end, "the connections do not end"
            time.sleep(0.2)
        cls.ask("SELECT 'all is written'")
        while "all is written" not in cls.read(before):
            assert time.monotonic() < end, "the log has no end"
            time.sleep(0.1)

    @classmethod
    def scanned(cls, statement, rows):
        """The large tables that are gone through whole. An index in its order ends at a limit."""
        names = {}
        for table, alias in re.findall(r'\b(?:FROM|JOIN|UPDATE|INTO|,)\s+"?(\w+)"?(?:\s+(?:AS\s+)?"?(\w+))?', statement):
            names[table] = names[alias or table] = table
        found = []
        for _, select_type, alias, kind, *_, extra in rows:
            if select_type == "INSERT":  # where the rows go
                continue
            table = names.get(alias, alias)
            if table in cls.large and "Using index for group-by" not in extra and "optimized away" not in extra and (
                    kind == "ALL" or kind == "index" and " LIMIT " not in statement):
                found.append(table)
        return found


if __name__ == "__main__":
    sys.exit(main(__name__))
