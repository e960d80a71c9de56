#!/usr/bin/env python3
"""What builds hold, through the command: properties, data, recorded output, also hostile contents and a
database that a Buildbot master wrote.

That database is test/data/buildbot-4.3.sqlite.gz.
"""

import gzip
import hashlib
import json
import os
import sqlite3
import subprocess
import sys

from harness import PROGRAM, StoreCase, environment, main, run, run_bytes, run_on_terminal

BUILDBOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data",
                        "buildbot-4.3.sqlite.gz")


class TestProperties(StoreCase):
    @classmethod
    def record(cls):
        cls.build("b", ("a", "true"), options=("--property", "answer=42"))

    def test_set_get_and_list(self):
        self.daybook("properties", "set", "b/1", "list", '[1, "zwei", null]')
        self.assertEqual(self.daybook("properties", "get", "b/1", "list").json, [1, "zwei", None])
        records = {p["name"]: p for p in self.daybook("properties", "b/1", "--json").json}
        self.assertEqual(records["answer"]["value"], 42)
        self.assertEqual(records["list"]["value"], [1, "zwei", None])
        self.assertEqual(records["list"]["source"], "daybook")
        listed = self.daybook("properties", "list", "b/1", "--filter", "name__contains=answ").out
        self.assertEqual(self.table(listed)[1][:2], ["answer", "42"])

    def test_numbers_of_any_size_pass(self):
        digits = "1" * 60
        self.daybook("properties", "set", "b/1", "big", digits)
        self.assertEqual(self.daybook("properties", "get", "b/1", "big").out, digits + "\n")

    def test_what_is_not_json_is_2(self):
        self.assertIn("JSON", self.daybook("properties", "set", "b/1", "x", "text", code=2).err)

    def test_a_missing_property_is_3(self):
        self.assertIn("answer", self.daybook("properties", "get", "b/1", "anser", code=3).err)

    def test_what_old_databases_hold_is_null_with_raw(self):
        self.sql("INSERT INTO build_properties (buildid, name, value, source) "
                 "VALUES (1, 'old', 'not \" json', 'x')")
        records = {p["name"]: p for p in self.daybook("properties", "b/1", "--json").json}
        self.assertIsNone(records["old"]["value"])
        self.assertEqual(records["old"]["raw"], 'not " json')
        self.sql("DELETE FROM build_properties WHERE name = 'old'")


class TestData(StoreCase):
    @classmethod
    def record(cls):
        cls.build("b", ("a", "true"))

    def test_put_get_list_rm(self):
        value = bytes(range(256)) * 17
        self.daybook("data", "put", "b/1", "blob", stdin=value)
        self.assertEqual(run_bytes(self.folder, "data", "get", "b/1", "blob").out, value)
        path = os.path.join(self.folder, "out.bin")
        self.daybook("data", "get", "b/1", "blob", "-o", path)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), value)
        self.daybook("data", "put", "b/1", "copy", path)
        self.daybook("data", "put", "b/1", "copy2", "-", "--source", "me", stdin=value)
        records = {d["name"]: d for d in self.daybook("data", "b/1", "--json").json}
        self.assertEqual(records["copy"]["length"], len(value))
        self.assertEqual(records["copy2"]["source"], "me")
        self.assertIn("4.2 KiB", self.daybook("data", "list", "b/1").out)
        self.daybook("data", "rm", "b/1", "copy")
        self.assertIn("copy2", self.daybook("data", "rm", "b/1", "copy", code=3).err)

    def test_values_of_several_pieces_come_whole(self):
        for length in (0, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20):
            value = (os.urandom(1 << 16) * (length // (1 << 16) + 1))[:length]
            self.daybook("data", "put", "b/1", "large", stdin=value)
            self.assertEqual(run_bytes(self.folder, "data", "get", "b/1", "large").out, value)

    def test_put_takes_files_from_where_they_stand_and_pipes_and_files_without_size(self):
        path = os.path.join(self.folder, "ten")
        with open(path, "wb") as file:
            file.write(b"0123456789")
        with open(path, "rb", buffering=0) as file:
            file.read(4)
            subprocess.run([PROGRAM, "data", "put", "b/1", "rest"], cwd=self.folder, check=True,
                           env=environment(), stdin=file)
        self.assertEqual(self.daybook("data", "get", "b/1", "rest").out, "456789")
        self.daybook("data", "put", "b/1", "piped", stdin=b"x" * 300000)
        self.assertEqual(len(self.daybook("data", "get", "b/1", "piped").out), 300000)
        self.daybook("data", "put", "b/1", "version", "/proc/version")
        self.assertIn("Linux", self.daybook("data", "get", "b/1", "version").out)

    def test_a_missing_value_leaves_the_file_alone(self):
        path = os.path.join(self.folder, "kept")
        with open(path, "wb") as file:
            file.write(b"kept")
        self.daybook("data", "get", "b/1", "nothing", path, code=3)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"kept")

    def test_files_that_cannot_be_read_or_written(self):
        self.daybook("data", "put", "b/1", "x", "no-such-file", code=3)
        self.daybook("data", "put", "b/1", "x", stdin=b"x")
        self.daybook("data", "get", "b/1", "x", "no-such-folder/x", code=3)
        for path in (".", "/proc/version/x", "x" * 300):
            self.daybook("data", "put", "b/1", "x", path, code=2)
            self.daybook("data", "get", "b/1", "x", path, code=2)

    def test_bytes_are_not_thrown_at_a_terminal(self):
        self.daybook("data", "put", "b/1", "binary", stdin=b"\0\1\2")
        self.assertEqual(run_on_terminal(self.folder, "data", "get", "b/1", "binary").code, 1)


class TestLog(StoreCase):
    HOSTILE = (b"plain \033[31mred\033[0m \033]0;title\007\033[2Jx \033]52;c;aGk=\033\\y \xff "
               b"\xc3\xbc \xc2\x9b31m\n")

    @classmethod
    def record(cls):
        cls.build("n", ("compile", "echo built; printf 'no newline'"), ("test", "echo tested"))
        cls.build("n", ("compile", "echo again"), ("test", "echo expected 3, got 4; exit 1"),
                  ("pack", "echo never"))
        cls.build("n", ("compile", "echo third"))
        cls.build("h", ("only", "cat"))
        run(cls.folder, "data", "put", "h/1", "log/only", stdin=cls.HOSTILE)

    def test_all_steps_have_headers(self):
        self.assertEqual(self.daybook("log", "n/1").out,
                         "== compile (success)\nbuilt\nno newline\n== test (success)\ntested\n")
        self.assertEqual(self.daybook("log", "n/2").out,
                         "== compile (success)\nagain\n== test (failure)\nexpected 3, got 4\n"
                         "== pack (skipped)\n")

    def test_one_step_has_none(self):
        self.assertEqual(self.daybook("log", "n").out, "third\n")
        self.assertEqual(self.daybook("log", "n/1", "test").out, "tested\n")
        self.assertEqual(self.daybook("log", "n/1", "0").out, "built\nno newline")

    def test_failed_is_the_last_failed_build_and_its_failed_steps(self):
        self.assertEqual(self.daybook("log", "n", "--failed").out, "expected 3, got 4\n")
        self.assertEqual(self.daybook("log", "--failed").out, "expected 3, got 4\n")
        self.daybook("log", "n/1", "--failed", code=1)
        self.daybook("log", "h", "--failed", code=1)

    def test_without_a_build_it_is_the_last_of_all(self):
        self.assertEqual(run_bytes(self.folder, "log").out, self.HOSTILE)

    def test_missing_steps_and_logs_are_3(self):
        self.assertIn("test", self.daybook("log", "n/1", "tset", code=3).err)
        self.assertIn("no output", self.daybook("log", "n/2", "pack", code=3).err)

    def test_a_pipe_gets_every_byte_and_a_terminal_only_what_is_harmless(self):
        self.assertEqual(run_bytes(self.folder, "log", "h").out, self.HOSTILE)
        shown = run_on_terminal(self.folder, "log", "h").out
        self.assertIn("plain \033[31mred\033[0m x y \ufffd ü 31m\n", shown)
        raw = run_on_terminal(self.folder, "log", "h", NO_COLOR="1").out
        self.assertIn("plain red x y", raw)


class TestHostileText(StoreCase):
    STATE = "bad \033]0;owned\007\033[2J \u202egnp.exe\r\n\u009b31m"

    @classmethod
    def record(cls):
        cls.build("b\033[31m", ("a", "true"))
        cls.sql("UPDATE builds SET state_string = ?", cls.STATE)
        cls.sql("UPDATE steps SET state_string = ?, urls_json = ?", cls.STATE,
                json.dumps([{"name": "\033[5m", "url": "http://x/\033[5m"}]))
        cls.sql("INSERT INTO build_properties (buildid, name, value, source) "
                "VALUES (1, ?, ?, ?)", "p\033[1m", '["\u009b31m",\n"\x7f"]', "s\033[1m")

    def test_no_subcommand_sends_it_to_a_terminal(self):
        for words in ([], ["builds"], ["builders"], ["build", "1"], ["steps", "1"],
                      ["properties", "1"], ["properties", "1", "--json"], ["build", "1", "--json"],
                      ["builds", "--json"], ["build", "b\033[31m/9"], ["properties", "get", "1",
                      "p\033[1m"], ["events", "--json"], ["data", "1"]):
            shown = run_on_terminal(self.folder, *words, NO_COLOR="1").out
            self.assertNotRegex(shown, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", words)

    def test_json_keeps_it(self):
        self.assertEqual(self.daybook("builds", "--json").json[0]["state_string"], self.STATE)
        name = "p\033[1m"
        self.assertEqual(self.daybook("properties", "get", "1", name).json, ["\u009b31m", "\x7f"])

    def test_bytes_that_are_no_utf8_do_not_stop_json(self):
        self.sql("UPDATE builds SET state_string = CAST(x'61ff62' AS TEXT)")
        self.assertEqual(self.daybook("builds", "--json").json[0]["state_string"], "a\ufffdb")
        self.assertIn("a\\xffb", self.daybook("builds").out)
        self.sql("UPDATE builds SET state_string = ?", self.STATE)


class TestDamage(StoreCase):
    """NULL where the schema has none: a database that others have repaired."""

    COLUMNS = {"builds": ("state_string", "number", "started_at"),
               "steps": ("name", "state_string", "urls_json", "hidden"), "builders": ("name",),
               "build_data": ("name", "source", "length", "value"),
               "build_properties": ("value", "source"), "workers": ("name", "info"),
               "sourcestamps": ("repository", "codebase", "project"), "daybook_events": ("kind",)}

    @classmethod
    def record(cls):
        cls.build("b", ("a", "echo out"), options=("--property", "x=1"))
        path = os.path.join(cls.folder, "daybook.sqlite")
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            for table in cls.COLUMNS:
                connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') "
                                   "WHERE name = ?", (table,))
        connection.close()
        for table, columns in cls.COLUMNS.items():
            for column in columns:
                cls.sql(f"UPDATE {table} SET {column} = NULL")

    def test_no_subcommand_breaks_down(self):
        for words in ([], ["builds"], ["builders"], ["build", "1"], ["steps", "1"], ["log", "1"],
                      ["log"], ["log", "1", "a"], ["data", "1"], ["data", "get", "1", "log/a"],
                      ["properties", "1"], ["properties", "get", "1", "x"], ["events"],
                      ["build", "b"], ["builds", "b"]):
            for more in ([], ["--json"]):
                if more and words[:1] in (["log"], ["data"]):
                    continue
                done = run(self.folder, *words, *more)
                self.assertIn(done.code, (0, 3), f"{words}: {done.err}")
                self.assertNotIn("(null)", done.out + done.err)

    def test_ids_and_numbers_that_are_missing_are_no_numbers(self):
        before = self.sql("SELECT builderid FROM builds")[0][0]
        self.sql("UPDATE builds SET builderid = NULL")
        for words in (["builds"], ["builds", "--json"], ["build", "1"], ["steps", "1"],
                      ["data", "get", "1", "none"], ["log", "1", "none"], ["log", "--failed"],
                      ["properties", "get", "1", "none"]):
            done = run(self.folder, *words)
            self.assertIn(done.code, (0, 1, 3), f"{words}: {done.err}")
            self.assertNotIn("9223372036854775808", done.out + done.err)
        self.sql("UPDATE builds SET builderid = ?", before)


class TestManySteps(StoreCase):
    @classmethod
    def record(cls):
        cls.build("b", ("a", "echo out"))
        cls.sql("INSERT INTO steps (number, name, buildid, state_string, urls_json, hidden) "
                "WITH RECURSIVE n(n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM n WHERE n < 20000) "
                "SELECT n, 's' || n, 1, '', '[]', 0 FROM n")

    def test_log_asks_only_for_what_was_recorded(self):
        before_s = os.times().children_system + os.times().children_user
        out = self.daybook("log", "b").out
        used_s = os.times().children_system + os.times().children_user - before_s
        self.assertTrue(out.startswith("== a (success)\nout\n== s10 "), out[:80])
        self.assertEqual(out.count("\n"), 2 + 19991)
        self.assertLess(used_s, 1.0)


class TestBuildbot(StoreCase):
    @classmethod
    def record(cls):
        cls.path = os.path.join(cls.folder, "daybook.sqlite")
        with gzip.open(BUILDBOT) as packed, open(cls.path, "wb") as file:
            file.write(packed.read())

    def digest(self):
        with open(self.path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def test_reading_changes_not_one_byte(self):
        before = self.digest()
        self.assertEqual(len(self.daybook("builds", "--limit", "all", "--json").json), 282)
        records = {r["name"]: r for r in self.daybook("--json").json}
        self.assertEqual(records["ünïcode büilder"]["last_builds"][0]["number"], 6)
        self.assertEqual(self.daybook("build", "ünïcode büilder/6", "--json").json["id"],
                         records["ünïcode büilder"]["last_builds"][0]["id"])
        record = self.daybook("build", "282", "--json").json
        self.assertEqual((record["builder"], record["number"]), ("hiredis-gcc", 101))
        self.assertEqual(len(record["properties"]), 14)
        self.assertEqual([step["number"] for step in record["steps"]], list(range(8)))
        self.assertIn("/reports/101", self.daybook("build", "282").out)
        lengths = {d["name"]: d["length"] for d in record["data"]}
        value = run_bytes(self.folder, "data", "get", "282", "object-archive").out
        self.assertEqual(len(value), lengths["object-archive"])
        self.assertIn("Buildbot", self.daybook("log", "282", code=3).err)
        self.assertEqual(self.digest(), before)
        self.assertEqual(os.listdir(self.folder), ["daybook.sqlite"])

    def test_writing_is_refused_and_init_leaves_it_alone(self):
        before = self.digest()
        self.daybook("properties", "set", "282", "x", "1", code=6)
        self.daybook("data", "put", "282", "x", code=6)
        self.daybook("data", "rm", "282", "size-report", code=6)
        self.daybook("events", code=5)
        self.assertIn("Buildbot", self.daybook("init", code=4).err)
        self.assertEqual(self.digest(), before)


if __name__ == "__main__":
    sys.exit(main(__name__))
