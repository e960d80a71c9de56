"""`daybook erase`: what is erased is found nowhere in the database's files, or the command says why."""

import os
import pty
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import harness

SECRET = b"hunter2-hunter2-hunter2"


def files_with(folder, needle):
    """The database's files that hold these bytes."""
    found = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            if needle in file.read():
                found.append(name)
    return found


class EraseCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-command-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.daybook("run", "--builder", "b", "--step", "one", "echo hello")

    def daybook(self, *words, code=0, **more):
        done = harness.run(self.folder, *words, **more)
        self.assertEqual(done.code, code, f"{words}: {done.out}{done.err}")
        return done

    def put(self, name, value):
        self.daybook("data", "put", "b/1", name, "-", stdin=value)

    def connect(self):
        connection = sqlite3.connect(os.path.join(self.folder, "daybook.sqlite"), isolation_level=None)
        self.addCleanup(connection.close)
        return connection

    def expect_gone(self):
        self.assertEqual(files_with(self.folder, SECRET), [])
        self.assertEqual(self.connect().execute("PRAGMA integrity_check").fetchone(), ("ok",))


class TestErase(EraseCase):
    def test_a_property_is_found_in_no_file_afterwards(self):
        self.daybook("properties", "set", "b/1", "password", f'"{SECRET.decode()}"')
        self.daybook("properties", "set", "b/1", "kept", '"kept"')
        self.assertNotEqual(files_with(self.folder, SECRET), [])
        done = self.daybook("erase", "b/1", "--property", "password")
        self.expect_gone()
        self.assertIn("deleted 1 row of build_properties", done.out)
        self.assertIn("backups", done.out)
        self.assertEqual(self.daybook("properties", "get", "b/1", "kept").out, '"kept"\n')
        self.daybook("properties", "get", "b/1", "password", code=3)
        self.assertRegex(self.daybook("events").out.splitlines()[-1], r"property +deleted .* password$")

    def test_a_large_value_is_found_in_no_file_afterwards(self):
        self.put("key", SECRET * 100000)
        self.put("kept", b"kept")
        self.daybook("erase", "b/1", "--data", "key")
        self.expect_gone()
        self.assertEqual(self.daybook("data", "get", "b/1", "kept").out, "kept")

    def test_what_a_value_was_before_it_was_replaced_is_gone_too(self):
        self.put("key", SECRET * 5000)
        self.put("key", b"short")
        self.daybook("erase", "b/1", "--data", "key")
        self.expect_gone()

    def test_contents_are_gone_from_the_files_and_the_build_stays(self):
        secret = SECRET.decode()
        self.daybook("run", "--builder", "b", "--step", "leak", f"echo {secret}")
        self.daybook("steps", "url", "b/2", "leak", "there", f"http://{secret}")
        self.daybook("properties", "set", "b/2", "keep", f'"{secret}"')
        self.assertNotEqual(files_with(self.folder, SECRET), [])
        done = self.daybook("erase", "b/2", "--contents", "--json")
        self.expect_gone()
        self.assertEqual(done.json["tables"]["steps"]["rows"], 1)
        self.assertEqual(self.daybook("build", "b/2", "--json").json["number"], 2)
        self.assertEqual(self.daybook("log", "b/1", "one").out, "hello\n")

    def move_rows(self, seed):
        """Small rows come and go around one, so that SQLite splits and joins the pages that it is in."""
        dice = random.Random(seed)
        connection = self.connect()
        connection.execute("PRAGMA secure_delete=FAST")  # as daybook's own
        insert = "INSERT INTO build_data (buildid, name, value, length, source) VALUES (1, ?, ?, 0, '')"
        connection.execute("BEGIN")
        for number in range(300):
            connection.execute(insert, (f"v{number}", SECRET if number == 150 else b"x" * dice.randrange(1, 900)))
        for number in (dice.randrange(300) for _ in range(600)):
            if number == 150:
                continue
            if dice.random() < 0.2:
                connection.execute("DELETE FROM build_data WHERE name = ?", (f"v{number}",))
            else:
                connection.execute("UPDATE build_data SET value = ? WHERE name = ?",
                                   (b"x" * dice.randrange(1, 1500), f"v{number}"))
        connection.execute("UPDATE build_data SET length = length(value)")
        connection.execute("COMMIT")
        connection.close()

    def test_with_vacuum_no_copy_is_left_where_rows_were_moved(self):
        for seed in range(3):
            self.move_rows(seed)
            done = self.daybook("erase", "b/1", "--data", "v150", "--vacuum")
            self.assertNotIn("--vacuum", done.out)
            self.expect_gone()
            self.daybook("erase", "b/1", "--contents")

    def test_without_vacuum_it_says_what_may_be_left(self):
        self.put("key", SECRET)
        self.assertIn("--vacuum", self.daybook("erase", "b/1", "--data", "key").out)


class TestWhoIsInTheWay(EraseCase):
    def test_a_reader_that_holds_the_log_is_told_of_and_the_same_command_finishes(self):
        self.daybook("properties", "set", "b/1", "password", f'"{SECRET.decode()}"')
        reader = self.connect()
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM builds").fetchone()
        done = self.daybook("erase", "b/1", "--property", "password", code=8)
        self.assertIn("write-ahead log", done.err)
        self.assertIn("do this again", done.err)
        self.daybook("properties", "get", "b/1", "password", code=3)
        self.assertNotEqual(files_with(self.folder, SECRET), [])
        reader.execute("COMMIT")
        done = self.daybook("erase", "b/1", "--property", "password")
        self.assertIn("an earlier erasure is finished", done.out)
        self.expect_gone()
        self.daybook("erase", "b/1", "--property", "password", code=3)

    def test_a_reader_that_leaves_in_time_is_waited_for(self):
        self.daybook("properties", "set", "b/1", "password", f'"{SECRET.decode()}"')
        reader = self.connect()
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM builds").fetchone()
        reader.execute("COMMIT")
        self.daybook("erase", "b/1", "--property", "password")
        self.expect_gone()


class TestWhichBuild(EraseCase):
    def setUp(self):
        super().setUp()
        self.daybook("properties", "set", "b/1", "password", "1")

    def ask(self, answer, *words):
        """On a terminal. Result: the exit code, and what it showed."""
        master, slave = pty.openpty()
        with subprocess.Popen([harness.PROGRAM, "erase", *words], cwd=self.folder, env=harness.environment(), stdin=slave,
                              stdout=subprocess.PIPE, stderr=slave, text=True) as child:
            os.close(slave)
            shown = b""
            while b"[y/N] " not in shown:  # an end without it is an OSError
                shown += os.read(master, 4096)
            os.write(master, answer)
            out = child.communicate(timeout=harness.DEADLINE_S)[0]
        os.close(master)
        return child.returncode, shown.decode() + out

    def expect_there(self):
        self.daybook("properties", "get", "b/1", "password")
        self.assertEqual(self.daybook("log", "b/1", "one").out, "hello\n")

    def test_a_builders_last_one_is_not_erased_without_a_yes(self):
        for name in ("b", "b/last"):
            for words in (["--contents"], ["--property", "password"], ["--data", "log/one"]):
                err = self.daybook("erase", name, *words, code=2, stdin=b"y\n").err
                self.assertIn(f"`daybook erase b/1 {words[0]}", err)
        self.expect_there()
        for answer in (b"n\n", b"\n", b"yellow\n", b"\x04"):
            code, shown = self.ask(answer, "b", "--contents")
            self.assertEqual(code, 1)
            self.assertIn("erase what was in b/1? [y/N] ", shown)
        self.expect_there()

    def test_a_yes_on_a_terminal_erases_it(self):
        code, shown = self.ask(b"y\n", "b", "--property", "password")
        self.assertEqual(code, 0)
        self.assertIn('erase property "password" of b/1? [y/N] ', shown)
        self.assertIn("deleted 1 row of build_properties", shown)
        self.assertEqual(self.ask(b"YES\n", "b/last", "--contents")[0], 0)
        self.daybook("log", "b/1", "one", code=3)

    def test_a_number_an_id_and_the_build_that_runs_are_not_asked_about(self):
        self.daybook("erase", "b/1", "--property", "password")
        self.daybook("erase", "1", "--data", "log/one")
        self.daybook("erase", ".", "--contents", DAYBOOK_BUILD="1")


class TestWords(EraseCase):
    def test_one_of_the_three_is_needed(self):
        for words in ([], ["--contents", "--data", "x"], ["--property", "x", "--data", "x"]):
            self.assertIn("--contents", self.daybook("erase", "b/1", *words, code=2).err)

    def test_what_is_not_there_is_named(self):
        self.assertIn("no property 'password'", self.daybook("erase", "b/1", "--property", "password", code=3).err)
        self.assertIn("no data 'key'", self.daybook("erase", "b/1", "--data", "key", code=3).err)
        self.daybook("erase", "b/9", "--contents", code=3)


if __name__ == "__main__":
    sys.exit(harness.main(__name__))
