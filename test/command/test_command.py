#!/usr/bin/env python3
"""The command as a person and a script meet it: its use, its lists, and how builds are named.

Not `run`, which has a file of its own, and not what builds hold (test_contents.py).
"""

import os
import re
import subprocess
import sys
import unittest

from harness import PROGRAM, StoreCase, main, run, run_on_terminal


class TestUse(StoreCase):
    def test_help_names_every_subcommand(self):
        text = self.daybook("--help").out
        names = re.findall(r"^  ([a-z]+) ", text, re.M)
        for name in "run log builders builds build steps properties data events init status prune".split():
            self.assertIn(name, names)

    def test_every_subcommand_has_help(self):
        names = re.findall(r"^  ([a-z]+) ", self.daybook("--help").out, re.M)
        for name in names:
            by_option, by_help = self.daybook(name, "--help"), self.daybook("help", name)
            self.assertTrue(by_option.out.startswith(f"Usage: daybook {name}"))
            self.assertEqual(by_option.out, by_help.out)
            self.assertIn("--help", by_option.out)

    def test_version(self):
        self.assertRegex(self.daybook("--version").out, r"^daybook \d+\.\d+\.\d+\n$")

    def test_unknown_subcommand_is_2_and_names_a_near_one(self):
        done = self.daybook("buidls", code=2)
        self.assertEqual(done.out, "")
        self.assertIn("builds", done.err)

    def test_unknown_option_is_2_and_names_a_near_one(self):
        done = self.daybook("builds", "--limti", "3", code=2)
        self.assertIn("--limti", done.err)
        self.assertIn("--limit?", done.err)
        self.assertIn("-y", self.daybook("builds", "-y", code=2).err)

    def test_wrong_values_are_2(self):
        self.daybook("init")
        for words in (["builds", "--limit"], ["builds", "--limit", "x"], ["builds", "--limit", "-1"],
                      ["builds", "--failed=1"], ["builds", "--color", "x"], ["builds", "a", "b"],
                      ["builds", "--results", "green"], ["build"], ["data", "get", "x"],
                      ["data", "burn", "x"], ["builds", "--filter", "nonsense=1"],
                      ["builds", "--filter", "id__almost=1"], ["builds", "--order", "nonsense"],
                      ["builds", "--cursor", "garbage"], ["events", "--after", "x"]):
            done = self.daybook(*words, code=2)
            self.assertEqual(done.out, "", words)
            self.assertEqual(done.err.count("\n"), 1, done.err)

    def test_a_server_whose_client_library_cannot_be_loaded_names_the_package(self):
        libraries = os.path.join(self.folder, "libraries")
        os.mkdir(libraries)
        for scheme, library, package in (("postgresql", "libpq.so.5", "libpq5"), ("mariadb", "libmariadb.so.3", "libmariadb3")):
            with open(os.path.join(libraries, library), "w", encoding="ascii") as file:
                file.write("It stands where the library would be found." * 99)
            done = run(self.folder, "builds", "--db", f"{scheme}://127.0.0.1:1/none", LD_LIBRARY_PATH=libraries)
            if "no engine" not in done.err:
                self.assertEqual((done.code, done.out), (5, ""), done.err)
                self.assertIn(f"on Debian `apt install {package}`", done.err)
        self.daybook("init", LD_LIBRARY_PATH=libraries)
        self.assertEqual(self.daybook("builds", "--json", LD_LIBRARY_PATH=libraries).json, [])

    def test_options_may_stand_before_the_subcommand(self):
        self.daybook("init")
        self.assertEqual(self.daybook("--json", "builds").json, [])

    def test_what_would_be_ignored_is_2(self):
        self.daybook("init")
        for words in (["builds", "--page"], ["builds", "--json", "--total"],
                      ["builds", "--cursor", ""], ["builds", "-f", "limit=1"],
                      ["builds", "-f", "order=number"], ["builds", "-f", "cursor=x"],
                      ["--json", "init"], ["--json", "log"], ["--db", "x", "help"],
                      ["data", "get", "1", "n", "--limit", "3"], ["data", "1", "-o", "file"],
                      ["data", "put", "1", "n", "-o", "file"], ["data", "rm", "1", "n", "--json"],
                      ["data", "get", "1", "n", "--json"], ["properties", "1", "--source", "x"],
                      ["properties", "get", "1", "n", "--source", "x"],
                      ["properties", "set", "1", "n", "1", "-f", "name=x"]):
            done = self.daybook(*words, code=2)
            self.assertEqual(done.out, "", words)
            self.assertEqual(done.err.count("\n"), 1, done.err)

    def test_long_arguments_are_cut_in_messages(self):
        self.daybook("init")
        long = "[" + "ü" * 10000
        for words in ([long], ["builds", "a", long], ["builds", "--" + long], ["builds", long],
                      ["builds", "--limit", long], ["builds", "-r", long], ["build", long],
                      ["build", "x/" + long], ["builds", "--color", long],
                      ["properties", "set", "y", "a", long], ["data", long, "y", "z"],
                      ["builds", "--db", long], ["init", long]):
            done = run(self.folder, *words)
            self.assertIn(done.code, (2, 3), words[0])
            self.assertLess(len(done.err), 700, words[0])
            self.assertEqual(done.err.count("\n"), 1, done.err)

    def test_what_can_be_no_path_is_2(self):
        for path in ("x" * 5000, "y/" * 2500, "z" * 300, "sqlite:///" + "x" * 5000):
            self.daybook("builds", "--db", path, code=2)
            self.daybook("init", path, code=2)
        with open(os.path.join(self.folder, "file"), "wb"):
            pass
        self.daybook("builds", "--db", "file/below", code=2)

    def test_passwords_are_not_printed(self):
        for url in ("oracle://root:hunter2@127.0.0.1/x", "sqlite://user:hunter2@host/x",
                    "oracle://root:a@hunter2@127.0.0.1/x", "mysql://root:a/hunter2@127.0.0.1/x",
                    "sqlite:///x?password=hunter2&mode=ro", "oracle://h/x?Password=hunter2",
                    "oracle://u:" + "hunter2" * 200 + "@h/x", "sqlite://:hunter2@h"):
            for words in (["builds"], ["init"], ["run", "--builder", "b", "--", "true"]):
                done = run(self.folder, *words, DAYBOOK_DB=url)
                self.assertNotIn("hunter2", done.out + done.err, words)
                self.assertEqual(done.err.count("\n"), 1, done.err)
                self.assertEqual(done.code, 0 if words[0] == "run" else 2, done.err)
        self.assertIn("oracle://root@127.0.0.1/x",
                      run(self.folder, "builds", "--db", "oracle://root:pw@127.0.0.1/x").err)

    def test_a_missing_database_is_3_and_says_what_to_type(self):
        for words in ([], ["builds"], ["log"], ["data", "x"]):
            done = self.daybook(*words, code=3, DAYBOOK_DB="nowhere.sqlite")
            self.assertIn("daybook init", done.err)
        self.assertNotIn("nowhere.sqlite", os.listdir(self.folder))

    def test_what_is_no_database_is_15(self):
        with open(os.path.join(self.folder, "text"), "w", encoding="ascii") as file:
            file.write("this is no database\n" * 1000)
        self.assertIn("text", self.daybook("builds", "--db", "text", code=15).err)

    def test_a_closed_pipe_ends_quietly(self):
        script = f"'{PROGRAM}' --help | true"
        done = subprocess.run(["sh", "-c", script], capture_output=True, check=False)
        self.assertEqual(done.stderr, b"")

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_disk_under_stdout_is_told(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE,
                                  check=False)
        self.assertEqual(done.returncode, 14)
        self.assertIn(b"No space left", done.stderr)


class TestInit(StoreCase):
    def test_init_creates_says_where_and_may_be_repeated(self):
        done = self.daybook("init", "sub.sqlite")
        path = os.path.join(os.path.realpath(self.folder), "sub.sqlite")
        self.assertIn(path, done.out)
        self.assertTrue(os.path.exists(path))
        self.assertIn("already a daybook store", self.daybook("init", "--db", "sub.sqlite").out)
        self.assertEqual(self.daybook("builds", "--json", DAYBOOK_DB="sub.sqlite").json, [])

    def test_init_takes_urls_and_empty_files(self):
        self.daybook("init", "sqlite:///by-url.sqlite")
        self.assertIn("by-url.sqlite", os.listdir(self.folder))
        with open(os.path.join(self.folder, "empty"), "wb"):
            pass
        self.assertIn("created", self.daybook("init", "empty").out)

    def test_a_database_in_memory_is_refused(self):
        for url in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
            for words in (["init", url], ["builds", "--db", url], ["--db", url]):
                done = self.daybook(*words, code=2)
                self.assertIn("memory", done.err)
                self.assertEqual(done.out, "")
            done = self.daybook("run", "--db", url, "--builder", "b", "--", "true")
            self.assertIn("not recorded", done.err)

    def test_a_hostile_path_is_shown_and_not_sent(self):
        path = os.path.join(self.folder, "a\033[31m\nb")
        for _ in range(2):
            out = self.daybook("init", path).out
            self.assertIn("a\\x1b[31m\\x0ab", out)
            self.assertEqual(out.count("\n"), 1)

    def test_an_empty_store_says_what_to_type_next(self):
        self.daybook("init", "new.sqlite")
        self.assertIn("daybook run", self.daybook("--db", "new.sqlite").out)
        self.assertEqual(self.daybook("--db", "new.sqlite", "--json").json, [])
        self.assertIn("nothing is recorded", self.daybook("log", "--db", "new.sqlite", code=3).err)


class TestLists(StoreCase):
    @classmethod
    def record(cls):
        cls.build("nightly", ("compile", "echo compiled"), ("test", "echo tested"))
        cls.build("nightly", ("compile", "echo ok"), ("test", "echo expected 3; exit 2"),
                  ("pack", "true"))
        cls.build("nightly", ("compile", "true"))
        cls.build("Prüfung/日本", ("schritt", "true"))
        cls.sql("UPDATE builds SET started_at = started_at - 400, complete_at = complete_at - 239 "
                "WHERE number = 2")

    def test_overview_shows_last_build_and_last_ten(self):
        lines = self.daybook().out.splitlines()
        self.assertEqual(re.split(r" {2,}", lines[0]),
                         ["BUILDER", "LAST", "RESULT", "WHEN", "TOOK", "THE LAST TEN"])
        row = next(line for line in lines if line.startswith("nightly"))
        self.assertRegex(row, r"^nightly +#3 +success +(just now|\d+ s ago) +0:0\d +\+ x \+$")
        self.assertTrue(any(line.startswith("Prüfung/日本") for line in lines))

    def test_overview_is_coloured_on_a_terminal_only(self):
        plain = run_on_terminal(self.folder, NO_COLOR="1").out
        self.assertNotIn("\033", plain)
        coloured = run_on_terminal(self.folder).out
        self.assertIn("\033[32m+\033[0m \033[31mx\033[0m \033[32m+\033[0m", coloured)
        # How long ago a build was may be another second by then.
        without = re.compile(r"\033\[\d*m|\d+ (?:s|min) ago")
        self.assertEqual(without.sub("", coloured), without.sub("", plain))
        self.assertNotIn("\033", run_on_terminal(self.folder, "--color=never").out)
        self.assertIn("\033", self.daybook("--color=always").out)
        self.assertNotIn("\033", self.daybook().out)

    def test_overview_json(self):
        records = {record["name"]: record for record in self.daybook("--json").json}
        self.assertEqual([b["number"] for b in records["nightly"]["last_builds"]], [3, 2, 1])
        self.assertEqual([b["results"] for b in records["nightly"]["last_builds"]], [0, 2, 0])

    def test_overview_names_what_its_limit_left_out(self):
        text = self.daybook("--limit", "1").out
        self.assertIn("1 of 2 builders", text)

    def test_a_very_long_cell_does_not_widen_the_rows_of_others(self):
        name = "long" * 250
        self.sql("UPDATE builders SET name = ? WHERE name = 'nightly'", name)
        for words in ([], ["builds"], ["builders"], ["--color=always"]):
            lines = self.daybook(*words).out.splitlines()
            self.assertTrue(any(name in line for line in lines))
            for line in lines:
                if name not in line:
                    self.assertLess(len(line), 220, words)
        self.sql("UPDATE builders SET name = 'nightly' WHERE name = ?", name)

    def test_columns_in_a_pipe_are_aligned(self):
        self.sql("UPDATE builders SET name = '日本' WHERE name = 'Prüfung/日本'")
        lines = self.daybook("builders").out.splitlines()
        self.sql("UPDATE builders SET name = 'Prüfung/日本' WHERE name = '日本'")
        column = lines[0].index("LAST ")
        self.assertEqual(column, next(line.index("#") for line in lines if "nightly" in line))
        # Each of the two characters takes two columns.
        self.assertEqual(column - 2, next(line.index("#") for line in lines if "日本" in line))

    def test_times_of_any_size_are_no_durations(self):
        before = self.sql("SELECT started_at, complete_at FROM builds WHERE id = 1")[0]
        for times in ((2**63 - 1, 1 - 2**63), (1 - 2**63, 2**63 - 1)):
            self.sql("UPDATE builds SET started_at = ?, complete_at = ? WHERE id = 1", *times)
            rows = self.table(self.daybook("builds", "-f", "id=1").out)
            self.assertEqual(rows[1][4], "-")
            self.daybook("build", "1")
        self.sql("UPDATE builds SET started_at = ?, complete_at = ? WHERE id = 1", *before)

    def test_names_beyond_ascii_are_shown_without_a_locale(self):
        self.assertIn("Prüfung/日本", run(self.folder, LANG="C", LC_CTYPE="C").out)

    def test_builders(self):
        records = self.daybook("builders", "--json").json
        self.assertEqual({r["name"] for r in records}, {"nightly", "Prüfung/日本"})
        rows = self.table(self.daybook("builders", "--filter", "name=nightly").out)
        self.assertEqual(rows[1][1:4], ["nightly", "#3", "success"])
        self.assertEqual(len(rows), 2)

    def test_builds_are_newest_first(self):
        rows = self.table(self.daybook("builds").out)
        self.assertEqual([row[0] for row in rows],
                         ["BUILD", "Prüfung/日本/1", "nightly/3", "nightly/2", "nightly/1"])
        self.assertEqual(rows[3][2], "failure")
        self.assertEqual(rows[3][4], "2:4" + rows[3][4][-1])

    def test_builds_of_a_builder_by_name_and_by_id(self):
        numbers = [b["number"] for b in self.daybook("builds", "nightly", "--json").json]
        self.assertEqual(numbers, [3, 2, 1])
        identity = str(self.daybook("builders", "-f", "name=nightly", "--json").json[0]["id"])
        self.assertEqual([b["number"] for b in self.daybook("builds", identity, "--json").json],
                         numbers)
        self.assertEqual([b["builder"] for b in self.daybook("builds", "Prüfung/日本", "--json").json],
                         ["Prüfung/日本"])

    def test_builds_filters(self):
        def numbers(*words):
            return [b["number"] for b in self.daybook("builds", "nightly", "--json", *words).json]

        self.assertEqual(numbers("--results", "failure"), [2])
        self.assertEqual(numbers("--results", "2,success", "--order", "number"), [1, 2, 3])
        self.assertEqual(numbers("--failed"), [2])
        self.assertEqual(numbers("--running"), [])
        self.assertEqual(numbers("--filter", "results=failure"), [2])
        self.assertEqual(numbers("--filter", "number__gt=1"), [3, 2])
        self.assertEqual(numbers("--filter", "number=1", "--filter", "number=3"), [3, 1])
        self.assertEqual(numbers("--filter", "results__ne"), [3, 2, 1])
        self.assertEqual(numbers("--filter", "workerid__eq=1", "--limit", "1", "--offset", "1"), [2])
        self.assertEqual(numbers("--limit", "0"), [])
        self.assertEqual(numbers("--limit", "all"), [3, 2, 1])

    def test_all_builds_without_a_limit(self):
        self.assertEqual(len(self.daybook("builds", "--limit", "all", "--json").json), 4)
        self.assertEqual(self.daybook("builds", "-r", "retry", "--total").out, "no builds\n")

    def test_pages_by_cursor(self):
        seen, more = [], []
        for _ in range(5):
            page = self.daybook("builds", "--json", "--page", "--total", "--limit", "2", *more).json
            self.assertEqual(page["total"], 4)
            seen += [build["id"] for build in page["builds"]]
            more = ["--cursor", page["next_cursor"]]
            if not page["next_cursor"]:
                break
        self.assertEqual(seen, sorted(seen, reverse=True))
        self.assertEqual(len(seen), 4)
        self.assertIn("2 of 4 builds", self.daybook("builds", "--limit", "2", "--total").out)

    def test_a_narrow_terminal_cuts_the_state_and_a_pipe_nothing(self):
        self.sql("UPDATE builds SET state_string = ? WHERE id = 1", "long " * 60 + "end")
        text = run_on_terminal(self.folder, "builds", columns=70).out
        self.assertTrue(all(len(re.sub(r"\033\[\d*m", "", line)) <= 70
                            for line in text.splitlines() if "日本" not in line), text)
        self.assertIn("end", self.daybook("builds").out)

    def test_steps(self):
        rows = self.table(self.daybook("steps", "nightly/2").out)
        self.assertEqual([row[1:3] for row in rows[1:]],
                         [["compile", "success"], ["test", "failure"], ["pack", "skipped"]])
        steps = self.daybook("steps", "nightly/2", "--json", "--filter", "results=failure").json
        self.assertEqual([(s["number"], s["name"], s["urls"]) for s in steps], [(1, "test", [])])

    def test_hidden_steps_are_shown_when_asked_for(self):
        self.sql("UPDATE steps SET hidden = 1 WHERE name = 'schritt'")
        self.assertEqual(self.daybook("steps", "Prüfung/日本/1", "--json").json, [])
        self.assertEqual(len(self.daybook("steps", "Prüfung/日本/1", "--json", "--all").json), 1)
        self.assertIn("1 hidden", self.daybook("build", "Prüfung/日本").out)
        self.sql("UPDATE steps SET hidden = 0")

    def test_events(self):
        events = self.daybook("events", "--json", "--limit", "all").json
        positions = [event["id"] for event in events]
        self.assertEqual(positions, sorted(positions))
        self.assertIn(("build", "new"), {(e["kind"], e["verb"]) for e in events})
        after = self.daybook("events", "--json", "--after", str(positions[2]), "--limit", "2").json
        self.assertEqual([event["id"] for event in after], positions[3:5])
        self.assertIn("KIND", self.daybook("events").out)


class TestNames(StoreCase):
    @classmethod
    def record(cls):
        cls.build("nightly", ("a", "exit 1"))
        cls.build("nightly", ("a", "true"))
        cls.build("docs/html", ("a", "true"))
        cls.build("docs/7", ("a", "true"))

    def build_of(self, name, **more):
        record = self.daybook("build", name, "--json", **more).json
        return record["builder"], record["number"]

    def test_a_build_by_its_names(self):
        self.assertEqual(self.build_of("nightly/1"), ("nightly", 1))
        self.assertEqual(self.build_of("nightly/#1"), ("nightly", 1))
        self.assertEqual(self.build_of("nightly/last"), ("nightly", 2))
        self.assertEqual(self.build_of("nightly/last-failed"), ("nightly", 1))
        self.assertEqual(self.build_of("nightly"), ("nightly", 2))
        self.assertEqual(self.build_of("2"), ("nightly", 2))
        self.assertEqual(self.build_of("#1"), ("nightly", 1))

    def test_builders_with_a_slash(self):
        self.assertEqual(self.build_of("docs/html"), ("docs/html", 1))
        self.assertEqual(self.build_of("docs/html/last"), ("docs/html", 1))
        self.assertEqual(self.build_of("docs/7"), ("docs/7", 1))
        self.assertEqual(self.build_of("docs/7/1"), ("docs/7", 1))

    def test_what_is_not_there_is_3_and_names_what_is_near(self):
        self.assertIn("nightly", self.daybook("build", "nigthly", code=3).err)
        self.assertIn("nightly", self.daybook("builds", "nigthly", code=3).err)
        self.assertIn("nightly/2", self.daybook("build", "nightly/99", code=3).err)
        self.assertIn("last-failed", self.daybook("build", "nightly/lst", code=3).err)
        self.assertIn("99", self.daybook("build", "99", code=3).err)
        self.daybook("build", "99999999999999999999999", code=3)
        self.assertIn("docs/html", self.daybook("build", "docs/htm/1", code=3).err)

    def test_no_failed_build_is_the_answer_no(self):
        self.assertIn("failed", self.daybook("build", "docs/html/last-failed", code=1).err)

    def test_digits_are_an_id_also_where_a_builder_is_called_so(self):
        self.build("3", ("a", "true"))
        self.build("777", ("a", "true"))
        self.assertEqual(self.build_of("3"), ("docs/html", 1))
        self.assertEqual(self.build_of("3/last"), ("3", 1))
        self.assertIn("777/last", self.daybook("log", "777", code=3).err)
        self.assertEqual(self.build_of("777/last"), ("777", 1))
        self.assertIn("12/last", self.daybook("build", "--help").out)

    def test_build_shows_all_parts(self):
        record = self.daybook("build", "nightly/1", "--json").json
        for part in ("steps", "properties", "data", "sourcestamps", "worker", "reason", "results",
                     "started_at", "complete_at", "state_string"):
            self.assertIn(part, record)
        self.assertEqual([step["name"] for step in record["steps"]], ["a"])
        text = self.daybook("build", "nightly/1").out
        self.assertRegex(text, r"^nightly/1  failure\n")
        self.assertIn("STEP", text)


if __name__ == "__main__":
    sys.exit(main(__name__))
