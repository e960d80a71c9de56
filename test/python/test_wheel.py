"""The wheel: unpacked elsewhere it runs alone."""

import base64
import csv
import hashlib
import io
import os
import subprocess
import sys
import zipfile

from harness import SOURCE_DIR, FolderCase, main

import daybook

PACKAGE = os.path.dirname(os.path.abspath(daybook.__file__))


class TestWheel(FolderCase):
    def setUp(self):
        super().setUp()
        done = subprocess.run([sys.executable, os.path.join(SOURCE_DIR, "python", "build-wheel"), PACKAGE,
                               daybook.__version__, self.folder], check=True, text=True,
                              stdout=subprocess.PIPE)
        self.wheel = done.stdout.strip()
        self.site = self.path("site")
        with zipfile.ZipFile(self.wheel) as archive:
            archive.extractall(self.site)

    def test_its_name_says_the_stable_abi(self):
        self.assertRegex(os.path.basename(self.wheel), r"^daybook-[0-9.]+-cp39-abi3-linux_\w+\.whl$")

    def test_it_runs_without_daybook_installed(self):
        out = self.run_script("import sys, daybook; from twisted.internet import defer, task\n"
                              "async def work(reactor):\n"
                              "    store = daybook.Store(sys.argv[1], is_created=True)\n"
                              "    print(await store.find_builder_id('b', True), daybook.__file__)\n"
                              "    await store.close()\n"
                              "task.react(lambda reactor: defer.ensureDeferred(work(reactor)))\n",
                              PYTHONPATH=self.site, LD_LIBRARY_PATH="")
        self.assertEqual(out, f"1 {self.site}/daybook/__init__.py\n")

    def test_the_library_is_inside_and_sqlite_is_the_systems(self):
        done = subprocess.run(["ldd", os.path.join(self.site, "daybook", "_native.abi3.so")], check=True,
                              text=True, stdout=subprocess.PIPE, env={**os.environ, "LD_LIBRARY_PATH": ""})
        self.assertNotIn("libdaybook", done.stdout)
        self.assertIn("libsqlite3.so.0", done.stdout)
        self.assertNotIn("not found", done.stdout)

    def test_its_record_names_every_file_with_its_hash(self):
        with zipfile.ZipFile(self.wheel) as archive:
            names = archive.namelist()
            record = next(name for name in names if name.endswith("/RECORD"))
            rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
            self.assertEqual([row[0] for row in rows], names)
            for name, digest, size in rows[:-1]:
                data = archive.read(name)
                wanted = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
                self.assertEqual((digest, size), ("sha256=" + wanted, str(len(data))))
        for wanted in ("daybook/py.typed", "daybook/buildbot/builds.py", "daybook/_native.pyi"):
            self.assertIn(wanted, names)


if __name__ == "__main__":
    sys.exit(main(__name__))
