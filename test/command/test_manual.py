"""Man pages and completion: what --help says of each subcommand is in its page, and bash completes it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import PROGRAM, environment, main, run

# Completes the words that it is given as bash would, the last of them being typed.
COMPLETE = r"""
source <("$DAYBOOK" help --completion) || exit 9
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_daybook 2>&1
printf '%s\n' "${COMPREPLY[@]}"
"""


class ManualCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="daybook-manual-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        listed = cls.daybook("help").split("\nSubcommands ", 1)[1].split("\nOptions:", 1)[0]
        cls.subcommands = re.findall(r"(?m)^  ([a-z]+) ", listed)
        assert len(cls.subcommands) > 15

    @classmethod
    def daybook(cls, *words):
        done = run(cls.folder, *words)
        if done.code or done.err:
            raise AssertionError(f"{words}: {done.code} {done.err}")
        return done.out

    @classmethod
    def options(cls, *subcommand):
        """The options of its help, as (letter or '', name)."""
        listed = cls.daybook("help", *subcommand).split("\nOptions:\n", 1)[1]
        return re.findall(r"(?m)^  (?:-(\w), )?--([a-z-]+)(?= |$)", listed)


class TestPages(ManualCase):
    def page(self, *subcommand):
        return self.daybook("help", "--man", *subcommand)

    def test_every_option_of_the_help_is_in_the_page(self):
        for words in [()] + [(name,) for name in self.subcommands]:
            page = self.page(*words)
            options = self.options(*words)
            self.assertIn("help", [name for _, name in options])
            for letter, name in options:
                heading = (rf"\fB\-{letter}\fR, " if letter else "") + rf"\fB\-\-" + name.replace("-", r"\-") + r"\fR"
                self.assertIn(f".TP\n{heading}", page, f"{words} --{name}")

    def test_every_form_of_the_usage_is_in_the_page(self):
        for name in self.subcommands:
            usage = self.daybook("help", name).split("\n\n", 1)[0]
            page = self.page(name).replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
            for line in usage.splitlines():
                self.assertIn(line.replace("Usage:", "").strip(), page)

    def test_the_overview_has_every_subcommand_and_every_exit_code(self):
        page = self.page()
        for name in self.subcommands:
            self.assertRegex(page, rf"\\fBdaybook\\-{name}\\fR\([18]\)\n[A-Z]")
        self.assertEqual([int(code) for code in re.findall(r"(?m)^\.TP\n(\d+)\n", page)], list(range(20)))

    def test_troff_has_nothing_to_complain_of(self):
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        for words in [()] + [(name,) for name in self.subcommands]:
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=self.page(*words), capture_output=True,
                                  text=True, check=True)
            self.assertEqual(done.stderr, "")
            shown = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
            self.assertIn("daybook" + "".join(f"-{word}" for word in words), shown)


class TestCompletion(ManualCase):
    def complete(self, *words):
        """What bash offers for the last of the words."""
        done = subprocess.run(["bash", "--norc", "-c", COMPLETE, "bash", "daybook", *words], cwd=self.folder,
                              env=environment(DAYBOOK=PROGRAM), capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        return [line for line in done.stdout.splitlines() if line and "not currently executing" not in line]

    def test_subcommands_are_completed(self):
        self.assertEqual(sorted(self.complete("")), sorted(self.subcommands))
        self.assertEqual(sorted(self.complete("--json", "bui")), ["build", "builders", "builds"])
        self.assertEqual(sorted(self.complete("--db", "x.sqlite", "bui")), ["build", "builders", "builds"])
        self.assertEqual(sorted(self.complete("help", "bui")), ["build", "builders", "builds"])

    def test_every_option_of_the_help_is_completed(self):
        for words in [()] + [(name,) for name in self.subcommands]:
            names = [f"--{name}" for _, name in self.options(*words)]
            self.assertEqual(sorted(self.complete(*words, "--")), sorted(names))
            letters = [f"-{letter}" for letter, _ in self.options(*words) if letter]
            self.assertEqual(sorted(self.complete(*words, "-")), sorted(names + letters))

    def test_files_are_completed_where_an_argument_or_an_operand_is_one(self):
        for name in ("one.sqlite", "one two.log"):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8"):
                pass
        os.mkdir(os.path.join(self.folder, "one-folder"))
        files = ["one two.log", "one-folder", "one.sqlite"]
        for words in (("--db", "one"), ("builds", "--db", "one"), ("builds", "--db", "=", "one"), ("backup", "one"),
                      ("backup", "x", "one"), ("copy", "--verify", "x", "one"), ("init", "one"), ("token", "list", "--tokens", "one"),
                      ("data", "put", "b/1", "name", "one"), ("data", "get", "b/1", "name", "-o", "one"),
                      ("serve", "-c", "one"), ("run", "cat", "one"), ("run", "-b", "x", "--", "cat", "-n", "one")):
            self.assertEqual(sorted(self.complete(*words)), files, words)
        self.assertEqual(self.complete("serve", "--state-directory", "one"), ["one-folder"])
        for words in (("data", "put", "one"), ("builds", "one"), ("builds", "--limit", "one"), ("backup", "x", "y", "one")):
            self.assertEqual(self.complete(*words), [], words)

    def test_verbs_and_words_of_an_argument_are_completed(self):
        self.assertEqual(self.complete("data", ""), ["list", "get", "put", "rm"])
        self.assertEqual(self.complete("token", "re"), ["revoke"])
        self.assertEqual(self.complete("token", "add", "--right", ""), ["read", "write", "admin"])
        self.assertEqual(self.complete("builds", "--color", "a"), ["auto", "always"])
        self.assertIn("failure", self.complete("builds", "-r", ""))

    def test_options_of_the_program_that_is_run_are_not_ours(self):
        self.assertEqual(self.complete("run", "cat", "--"), [])

    def test_the_script_is_clean(self):
        script = self.daybook("help", "--completion")
        if shutil.which("shellcheck"):
            done = subprocess.run(["shellcheck", "-s", "bash", "-"], input=script, capture_output=True, text=True, check=False)
            self.assertEqual(done.stdout, "")
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


if __name__ == "__main__":
    sys.exit(main(__name__))
