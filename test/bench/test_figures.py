#!/usr/bin/env python3
"""bench/page draws made-up figures, and bench/all says what it measures. Its argument: sample.json, none of it measured."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SAMPLE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else os.path.join(SOURCE, "test", "bench", "sample.json")
SVG = "{http://www.w3.org/2000/svg}"
PLOTS = ("buildbot", "growth", "rates", "ratios", "saturation")


def run(name, *words):
    return subprocess.run([os.path.join(SOURCE, "bench", name), *words], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)


def number(text):
    """A cell's number, or None."""
    text = text.replace(",", "")
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text) else None


class PageCase(unittest.TestCase):
    """The page of the sample, in a folder of its own."""

    @classmethod
    def setUpClass(cls):
        with open(SAMPLE, encoding="utf-8") as file:
            cls.sample = json.load(file)
        cls.folder = tempfile.mkdtemp(prefix="daybook-figures-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.into, cls.readme = os.path.join(cls.folder, "figures"), os.path.join(cls.folder, "README.md")

    def setUp(self):
        shutil.copy(os.path.join(SOURCE, "README.md"), self.readme)
        done = self.page(SAMPLE)
        self.assertEqual(done.returncode, 0, done.stderr)

    def page(self, *words):
        return run("page", *words, "--into", self.into, "--readme", self.readme)

    def read(self, name):
        with open(os.path.join(self.into, name), encoding="utf-8") as file:
            return file.read()

    def write(self, **changed):
        path = os.path.join(self.folder, "changed.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**self.sample, **changed}, file)
        return path

    def lines(self):
        return [(one["name"], line) for one in self.sample["measurements"] for line in one.get("lines", ())]

    def reads(self):
        """Each read with what all engines have of it."""
        engines = [one["growth"]["reads"] for one in self.sample["measurements"] if "growth" in one]
        return [{**reads[0], **{what: [one for read in reads for one in read[what]] for what in ("stores", "growths")},
                 "grows": any(read["grows"] for read in reads)} for reads in zip(*engines)]


class TestPage(PageCase):
    def rows(self):
        """The texts of all rows of the page's tables."""
        page = ElementTree.fromstring(self.read("index.html").split("\n", 1)[1])
        return [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]

    def assert_in_row(self, row, values):
        """As near as three digits are."""
        shown = [value for value in map(number, row) if value is not None]
        for value in values:
            self.assertTrue(any(abs(value - one) <= 0.006 * abs(value) + 1e-9 for one in shown), f"{value} is not in {row}")

    def test_every_figure_stands_in_a_table_with_its_mark(self):
        rows = self.rows()
        for name, line in self.lines():
            row = max((row for row in rows if row[:2] == [name, line["name"]]), key=len)
            self.assert_in_row(row, [line[key] for key in ("value", "min", "max", "daybook", "other") if line.get(key) is not None])
            if "mark" in line:
                self.assertEqual(row[-1], "met" if line["met"] else "MISSED")
                self.assertTrue(any(cell.startswith(line["mark_is"]) for cell in row), row)

    def test_every_read_stands_in_a_table_with_its_times_in_every_store(self):
        rows = self.rows()
        for read in self.reads():
            row, = [row for row in rows if row[:2] == [read["read"], read["kind"]]]
            self.assert_in_row(row, [store["median_us"] for store in read["stores"]]
                               + [growth["growth_per_tenfold"] for growth in read["growths"]])
            self.assertEqual(row[-1], "GROWS" if read["grows"] else "" if read["kind"] == "free" else "ok")

    def test_the_machine_the_commit_and_what_was_left_out_are_said(self):
        page = self.read("index.html")
        for value in self.sample["machine"].values():
            self.assertIn(str(value).replace("<", "&lt;").replace(">", "&gt;"), page)
        self.assertIn(self.sample["commit"][:12], page)
        for one in self.sample["measurements"]:
            self.assertIn([one["name"], one["what"], one["commit"][:12]], [row[:3] for row in self.rows()])
        self.assertIn("wrk is not installed", page)
        self.assertIn("it ended with 3", page)

    def test_every_plot_is_well_formed_has_words_for_who_cannot_see_it_and_colours_for_the_dark(self):
        self.assertEqual(sorted(name for name in os.listdir(self.into) if name.endswith(".svg")), [f"{name}.svg" for name in PLOTS])
        page = self.read("index.html")
        for name in PLOTS:
            text = self.read(f"{name}.svg")
            plot = ElementTree.fromstring(text)
            self.assertEqual(plot.get("role"), "img")
            labels = plot.get("aria-labelledby").split()
            self.assertEqual([plot.find(SVG + "title").get("id"), plot.find(SVG + "desc").get("id")], labels)
            self.assertTrue(plot.find(SVG + "title").text and plot.find(SVG + "desc").text)
            self.assertIn("prefers-color-scheme:dark", text)
            self.assertIn(text, page)
            section = page[page.index(f'id="{name}-part"'):]
            self.assertLess(section.index("</svg>"), section.index("<table>"), "a table stands beside it")

    def dots(self, name):
        """What the dots of a plot say."""
        return [group.find(SVG + "title").text for group in ElementTree.fromstring(self.read(f"{name}.svg")).iter(SVG + "g")]

    def assert_dots(self, name, values):
        shown = [number(text.rpartition(" ")[2]) for text in self.dots(name)]
        self.assertEqual(len(shown), len(values))
        for one, value in zip(shown, values):
            self.assertAlmostEqual(one, value, delta=0.006 * value)

    def test_every_value_has_its_dot(self):
        ratios = [(name, line) for name, line in self.lines() if line["kind"] == "ratio"]
        self.assert_dots("ratios", [line["value"] for name, line in ratios if name != "buildbot"])
        self.assert_dots("buildbot", [line["value"] for name, line in ratios if name == "buildbot"])
        self.assert_dots("rates", [line[side] for _, line in ratios if line["unit"] == "a second" for side in ("daybook", "other")])
        self.assert_dots("growth", [growth["growth_per_tenfold"] for read in self.reads() for growth in read["growths"]])
        engines = next(one["saturation"] for one in self.sample["measurements"] if "saturation" in one)
        self.assert_dots("saturation", [point["rate"] for engine in engines for point in engine["points"]])

    def test_what_was_missed_is_said_in_words_in_the_plot(self):
        missed = [line for _, line in self.lines() if line["kind"] == "ratio" and line.get("met") is False]
        self.assertEqual(self.read("ratios.svg").count("MISSED"), len(missed))
        self.assertEqual(self.read("growth.svg").count("GROWS"), sum(read["grows"] for read in self.reads()))

    def test_measurements_that_are_not_there_leave_a_page_without_them(self):
        done = self.page(self.write(measurements=[one for one in self.sample["measurements"] if one["name"] in ("http", "prune")]))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([name for name in os.listdir(self.into) if name.endswith(".svg")], [])
        self.assertIn("wrk is not installed", self.read("index.html"))


class TestKept(PageCase):
    def test_the_table_in_the_readme_has_the_figures_and_nothing_else_there_changes(self):
        with open(self.readme, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("| calls: get_build, 64 at once | 123,457 | 202,389 (bare SQLite program) | 0.61 | at least 0.70, MISSED |", text)
        self.assertIn("Made-up &lt;1&gt;", text)
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
            before = file.read()
        between = re.compile(r"(<!-- figures: .*?-->).*(<!-- end of figures -->)", re.S)
        self.assertEqual(between.sub(r"\1\2", text), between.sub(r"\1\2", before))

    def test_a_check_finds_figures_that_the_table_or_the_page_was_not_made_of(self):
        self.assertEqual(self.page("--check").returncode, 0)
        for path in (self.readme, os.path.join(self.into, "index.html"), os.path.join(self.into, "ratios.svg")):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace("0.61", "0.91"))
            done = self.page("--check")
            self.assertEqual(done.returncode, 1, path)
            self.assertIn(os.path.basename(path), done.stdout)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        shutil.copy(self.write(date="2002-02-03T04:05:06Z"), os.path.join(self.into, "figures.json"))
        self.assertEqual(self.page("--check").returncode, 1)

    def test_the_table_and_the_page_of_this_repository_are_what_its_figures_give(self):
        done = run("page", "--check")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_figures_that_are_not_worth_keeping_are_refused(self):
        for changed in ({"is_quick": True}, {"is_changed": True}, {"is_whole": False}):
            path = self.write(**changed)
            done = self.page(path)
            self.assertEqual(done.returncode, 1)
            self.assertIn("not worth keeping", done.stderr)
            self.assertEqual(self.page("--check").returncode, 0, "nothing was written")
            self.assertEqual(self.page(path, "--anyway").returncode, 0)
            self.page(SAMPLE)

    def test_a_file_that_is_not_there_is_said(self):
        done = self.page(os.path.join(self.folder, "none.json"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.json", done.stderr)


class TestAll(unittest.TestCase):
    NAMES = ["calls", "more", "http", "growth-sqlite", "growth-postgresql", "growth-mariadb", "postgres", "mariadb", "copy", "prune", "saturation", "adopt", "buildbot"]

    def test_the_list_has_every_measurement_and_its_disk(self):
        done = run("all", "--list")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()], self.NAMES)
        for line in done.stdout.splitlines():
            self.assertRegex(line, r"\(\d+\.\d GiB of disk\)$")

    def test_the_sizes_decide_on_the_disk_of_the_growth(self):
        disk = [float(re.search(r"([\d.]+) GiB", run("all", "--list", "--only", "growth-sqlite", "--sizes", sizes).stdout).group(1))
                for sizes in ("1000,10000", "10000,10000000")]
        self.assertGreater(disk[1], disk[0] + 25)

    def test_help_has_every_option(self):
        done = run("all", "--help")
        for option in ("--list", "--quick", "--only", "--sizes", "--server-sizes", "--json", "--folder", "--stores", "--add", "--no-build"):
            self.assertIn(option, done.stdout)

    def test_more_stores_than_a_report_takes_are_refused(self):
        sizes = ",".join(str(1000 * number) for number in range(1, 11))
        done = run("all", "--list", "--sizes", sizes, "--server-sizes", "1000,10000")
        self.assertEqual(done.returncode, 2)
        self.assertIn("9 sizes at most", done.stderr)
        self.assertEqual(run("all", "--list", "--sizes", sizes.rpartition(",")[0]).returncode, 0)

    def test_a_family_of_measurements_is_named_by_its_first_word(self):
        done = run("all", "--list", "--only", "prune,growth")
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()],
                         ["growth-sqlite", "growth-postgresql", "growth-mariadb", "prune"])

    def test_a_measurement_that_there_is_not_is_refused(self):
        done = run("all", "--only", "growth,speed")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no measurement speed", done.stderr)

    def assert_not_added_to(self, found, reason):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "figures.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(found, file)
            with open(os.path.join(folder, "build.ninja"), "w", encoding="utf-8"):
                pass
            done = run("all", folder, "--only", "http", "--quick", "--add", "--json", path)
            self.assertEqual(done.returncode, 1)
            self.assertIn(reason, done.stderr)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(json.load(file), found)

    def test_figures_of_a_whole_run_are_not_added_to_by_a_quick_one(self):
        with open(SAMPLE, encoding="utf-8") as file:
            self.assert_not_added_to(json.load(file), "is of a run of another length")

    def test_figures_of_what_is_not_measured_any_more_are_not_added_to(self):
        with open(SAMPLE, encoding="utf-8") as file:
            found = {**json.load(file), "is_quick": True}
        git = ["git", "-C", SOURCE, "status", "--porcelain", "-uno"]
        found["is_changed"] = bool(subprocess.run(git, stdout=subprocess.PIPE, check=False).stdout)
        found["measurements"] = [{**found["measurements"][0], "name": "speed"}]
        self.assert_not_added_to(found, "has figures of speed, which is not measured any more")

    def test_a_folder_where_nothing_is_configured_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("all", folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("nothing is configured", done.stderr)
            self.assertEqual(os.listdir(folder), [])


if __name__ == "__main__":
    unittest.main()
