#!/usr/bin/env python3
"""The Debian packages: built by tools/make-deb, looked at by lintian, and what is in them used from a folder.

DAYBOOK_DEBS names a folder with packages that were built before; else they are built, which takes minutes.
The environment names the sources (SOURCE_DIR).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE_DIR = os.environ["SOURCE_DIR"]
PACKAGES = ["daybook", "libdaybook-dev", "libdaybook0", "python3-daybook"]
# Bare Debian 12 is what debootstrap makes: the packages that are required or important.
OTHERS_MAX = 15


def run(*words, **more):
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, timeout=3600, **more).stdout


class Debian(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for tool in ("dh", "dh_python3", "dpkg-buildpackage", "lintian"):
            if not shutil.which(tool):
                raise unittest.SkipTest(f"{tool} is not installed (tools/setup deb)")
        cls.folder = tempfile.mkdtemp(prefix="daybook-deb-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.debs = os.environ.get("DAYBOOK_DEBS")
        if not cls.debs:
            cls.debs = os.path.join(cls.folder, "debs")
            run(os.path.join(SOURCE_DIR, "tools", "make-deb"), cls.debs)
        cls.root = os.path.join(cls.folder, "root")
        for name in PACKAGES:
            run("dpkg-deb", "-x", cls.deb(name), cls.root)
        cls.libdir = f"usr/lib/{run('dpkg-architecture', '-qDEB_HOST_MULTIARCH').strip()}"
        cls.env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(cls.root, cls.libdir))

    @classmethod
    def deb(cls, name):
        found = [each for each in os.listdir(cls.debs) if re.fullmatch(rf"{name}_[^_]+_\w+\.deb", each)]
        assert len(found) == 1, found
        return os.path.join(os.path.abspath(cls.debs), found[0])

    def test_lintian_finds_no_error(self):
        changes = [each for each in os.listdir(self.debs) if each.endswith(".changes")]
        said = subprocess.run(["lintian", "--fail-on", "error", os.path.join(self.debs, changes[0])], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        self.assertEqual((said.returncode, re.findall("(?m)^E:.*", said.stdout)), (0, []))

    def test_each_file_is_in_the_package_of_those_who_need_it(self):
        for name, files in {
                "daybook": ["/usr/bin/daybook", "/lib/systemd/system/daybook.service", "/usr/lib/sysusers.d/daybook.conf",
                            "/usr/share/bash-completion/completions/daybook", "/usr/share/man/man1/daybook-run.1.gz",
                            "/usr/share/man/man8/daybook-serve.8.gz"],
                "libdaybook0": [f"/{self.libdir}/libdaybook.so.0"],
                "libdaybook-dev": ["/usr/include/daybook.h", f"/{self.libdir}/libdaybook.so",
                                   f"/{self.libdir}/pkgconfig/daybook.pc"],
                "python3-daybook": ["/usr/lib/python3/dist-packages/daybook/__init__.py",
                                    "/usr/lib/python3/dist-packages/daybook/_native.abi3.so",
                                    "/usr/lib/python3/dist-packages/daybook/buildbot/__init__.py"]}.items():
            listed = run("dpkg-deb", "-c", self.deb(name))
            for file in files:
                self.assertRegex(listed, rf"(?m) \.{re.escape(file)}( |$)")

    def test_the_command_of_the_package_records_and_shows(self):
        daybook = os.path.join(self.root, "usr/bin/daybook")
        work = os.path.join(self.folder, "work")
        os.mkdir(work)
        run(daybook, "run", "-b", "b", "--", "true", cwd=work, env=self.env)
        self.assertRegex(run(daybook, "builds", cwd=work, env=self.env), r"(?m)^b/1 .* success ")

    def test_python_imports_the_package(self):
        path = os.path.join(self.root, "usr/lib/python3/dist-packages")
        said = subprocess.run(["/usr/bin/python3", "-c", "import daybook; print(daybook.__file__)"], text=True, check=False,
                              env=dict(os.environ, PYTHONPATH=path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if "No module named 'twisted'" in said.stderr:
            self.skipTest("Twisted is not installed")
        self.assertTrue(said.stdout.startswith(path), said.stderr)

    def test_on_a_bare_debian_the_command_brings_few_others(self):
        empty = os.path.join(self.folder, "status")
        with open(empty, "w", encoding="utf-8"):
            pass
        available = run("apt-cache", "dumpavail").split("\n\n")
        base = [re.search(r"(?m)^Package: (\S+)", each).group(1) for each in available
                if re.search(r"(?m)^Priority: (required|important)$", each)]
        if not base:
            self.skipTest("apt has no lists of packages")

        def installed(*more):
            said = subprocess.run(["apt-get", "-s", "-o", f"Dir::State::status={empty}", "--no-install-recommends", "install",
                                   *base, *more], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
            return set(re.findall(r"(?m)^Inst (\S+)", said))

        others = installed(self.deb("daybook"), self.deb("libdaybook0")) - installed() - {"daybook"}
        print(f"{len(others)} others: {' '.join(sorted(others))}")
        self.assertIn("libdaybook0", others)
        self.assertLessEqual(len(others), OTHERS_MAX)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2, testRunner=unittest.TextTestRunner(stream=sys.stdout, verbosity=2)).result
    bad = len(result.failures) + len(result.errors)
    print(f"[  PASSED  ] {result.testsRun - bad - len(result.skipped)} test(s).")
    if result.skipped:
        print(f"[  SKIPPED ] {len(result.skipped)} test(s).")
    if bad:
        print(f"[  FAILED  ] {bad} test(s).")
    sys.exit(1 if bad else 0)
