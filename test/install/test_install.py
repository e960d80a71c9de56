#!/usr/bin/env python3
"""Installs daybook below a folder of its own, and uses it from there as a stranger would.

What is installed where, a program outside the tree in C and in C++ (found by pkg-config alone), the
command, and the program that README.md shows. The environment names the build directory (BUILD_DIR),
the sources (SOURCE_DIR), meson (MESON) and the compilers (CC; CXX may be empty). Ends with the lines
that tools/test-report counts.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD_DIR, SOURCE_DIR = os.environ["BUILD_DIR"], os.environ["SOURCE_DIR"]
HERE = os.path.join(SOURCE_DIR, "test", "install")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
DEADLINE_S = 120


def run(*words, cwd=None, env=None, expected=0):
    done = subprocess.run(words, cwd=cwd, env=env, timeout=DEADLINE_S, check=False, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != expected:
        raise AssertionError(f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder)
                  for path, _, names in os.walk(folder) for name in names)


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="daybook-install-")
        cls.root = os.path.join(cls.folder, "root")
        run(*shlex.split(os.environ["MESON"]), "install", "-C", BUILD_DIR, "--no-rebuild",
            "--quiet", "--destdir", cls.root)
        options = {option["name"]: option["value"] for option in cls.options()}
        cls.prefix = cls.root + options["prefix"]
        cls.libdir = os.path.join(cls.prefix, options["libdir"])
        cls.work = os.path.join(cls.folder, "elsewhere")
        os.mkdir(cls.work)
        cls.env = {name: value for name, value in os.environ.items()
                   if not name.startswith(("DAYBOOK_", "PKG_CONFIG_"))}
        # It is installed below a root that is not the system's: what a packager does.
        cls.env.update(PKG_CONFIG_PATH=os.path.join(cls.libdir, "pkgconfig"),
                       PKG_CONFIG_SYSROOT_DIR=cls.root, LD_LIBRARY_PATH=cls.libdir)

    @classmethod
    def options(cls):
        return json.loads(run(*shlex.split(os.environ["MESON"]), "introspect", BUILD_DIR,
                              "--buildoptions"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def build(self, compiler, standard, source, program):
        flags = run("pkg-config", "--cflags", "--libs", "daybook", env=self.env).split()
        run(*shlex.split(compiler), standard, *WARNINGS, source, "-o", program, *flags,
            cwd=self.work, env=self.env)
        needed = run("readelf", "-d", program, cwd=self.work)
        self.assertIn("[libdaybook.so.0]", needed)
        return os.path.join(self.work, program)

    def test_all_files_are_in_their_places_and_no_others(self):
        lib = os.path.relpath(self.libdir, self.prefix)
        self.assertEqual(files_below(self.prefix), sorted([
            "bin/daybook",
            "include/daybook.h",
            f"{lib}/libdaybook.so",
            f"{lib}/libdaybook.so.0",
            f"{lib}/libdaybook.so.0.1.0",
            f"{lib}/pkgconfig/daybook.pc",
            "lib/systemd/system/daybook.service",
            "lib/sysusers.d/daybook.conf",
            "share/bash-completion/completions/daybook",
            "share/man/man1/daybook.1",
            "share/man/man8/daybook-serve.8",
        ] + [f"share/man/man1/daybook-{name}.1" for name in self.subcommands() if name != "serve"]))
        self.assertTrue(os.path.islink(f"{self.libdir}/libdaybook.so"))
        self.assertTrue(os.access(f"{self.prefix}/bin/daybook", os.X_OK))

    def subcommands(self):
        listed = run(f"{self.prefix}/bin/daybook", "--help", env=self.env).split("\nSubcommands ", 1)[1]
        return re.findall(r"(?m)^  ([a-z]+) ", listed.split("\nOptions:", 1)[0])

    def test_pkg_config_names_the_version_of_the_header(self):
        version = run("pkg-config", "--modversion", "daybook", env=self.env).strip()
        with open(os.path.join(self.prefix, "include", "daybook.h"), encoding="utf-8") as header:
            self.assertIn(f'#define DBK_VERSION "{version}"', header.read())

    def test_neither_library_nor_command_needs_a_client_library_of_a_server(self):
        for file in (f"{self.libdir}/libdaybook.so", f"{self.prefix}/bin/daybook"):
            needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", file))
            self.assertIn("libjansson.so.4", needed)
            self.assertEqual([name for name in needed if name.startswith(("libpq", "libmariadb"))], [])

    def test_pkg_config_names_nothing_of_the_build_directory(self):
        with open(f"{self.libdir}/pkgconfig/daybook.pc", encoding="utf-8") as file:
            text = file.read()
        self.assertNotIn(BUILD_DIR, text)
        self.assertNotIn(SOURCE_DIR, text)

    def test_a_c_program_outside_the_tree_builds_and_runs(self):
        program = self.build(os.environ["CC"], "-std=c11", f"{HERE}/outside.c", "outside-c")
        run(program, cwd=self.work, env=self.env)

    def test_a_cpp_program_outside_the_tree_builds_and_runs(self):
        if not os.environ.get("CXX"):
            self.skipTest("there is no C++ compiler")
        shutil.copy(f"{HERE}/outside.c", f"{self.work}/outside.cpp")
        program = self.build(os.environ["CXX"], "-std=c++17", "outside.cpp", "outside-cpp")
        run(program, cwd=self.work, env=self.env)

    def test_the_command_records_and_shows(self):
        daybook = f"{self.prefix}/bin/daybook"
        folder = os.path.join(self.work, "command")
        os.mkdir(folder)
        run(daybook, "run", "--builder", "b", "--", "false", cwd=folder, env=self.env, expected=1)
        shown = run(daybook, "builds", cwd=folder, env=self.env)
        self.assertRegex(shown, r"(?m)^b/1 .* failure ")

    def test_the_program_in_the_readme_builds_and_prints_what_the_readme_says(self):
        with open(os.path.join(SOURCE_DIR, "README.md"), encoding="utf-8") as file:
            programs = re.findall(r"^```c\n(.*?)^```$", file.read(), re.S | re.M)
        self.assertEqual(len(programs), 1)
        folder = os.path.join(self.work, "readme")
        os.mkdir(folder)
        with open(os.path.join(self.work, "failed.c"), "w", encoding="utf-8") as file:
            file.write(programs[0])
        program = self.build(os.environ["CC"], "-std=c11", "failed.c", "failed")
        daybook = f"{self.prefix}/bin/daybook"
        for command, status in (("exit 3", 3), ("true", 0), ("exit 2", 2)):
            run(daybook, "run", "--builder", "nightly", "--step", "test", command, cwd=folder,
                env=self.env, expected=status)
        self.assertRegex(run(program, cwd=folder, env=self.env),
                         r"\A#3 +.*\n#1 +.*\n\Z")


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"[  PASSED  ] {result.testsRun - bad - len(result.skipped)} test(s).")
    if result.skipped:
        print(f"[  SKIPPED ] {len(result.skipped)} test(s).")
    if bad:
        print(f"[  FAILED  ] {bad} test(s).")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
