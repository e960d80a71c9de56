#!/usr/bin/env python3
"""The unit of systemd: it can be read, starts what is installed, and leaves the daemon little that it could harm.
UNIT is the file."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import DEADLINE_S, main, run

UNIT = os.environ["UNIT"]
EXPOSURE_MAX = 1.5 # of 10; systemd itself calls what is below 2 good


class TestUnit(unittest.TestCase):
    def test_it_starts_the_installed_program_with_its_file_of_settings(self):
        with open(UNIT, encoding="utf-8") as file:
            text = file.read()
        self.assertNotIn("@bindir@", text)
        words = re.search(r"(?m)^ExecStart=(.*)$", text).group(1).split()
        self.assertTrue(os.path.isabs(words[0]) and words[0].endswith("/bin/daybook"))
        self.assertEqual(words[1:], ["serve", "--config", "/etc/daybook/serve.conf"])
        self.assertIn("--config", run(".", "serve", "--help").out)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_takes_it_and_finds_little_exposed(self):
        with tempfile.TemporaryDirectory(prefix="daybook-unit-") as folder:
            path = os.path.join(folder, "daybook.service")
            with open(UNIT, encoding="utf-8") as file, open(path, "w", encoding="utf-8") as unit:
                unit.write(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", file.read()))
            told = subprocess.run(["systemd-analyze", "--man=no", "verify", path], capture_output=True, text=True,
                                  timeout=DEADLINE_S, check=False)
            self.assertNotIn(path, told.stderr)
            told = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", path],
                                  capture_output=True, text=True, timeout=DEADLINE_S, check=False)
            found = re.search(r"Overall exposure level for daybook\.service: ([0-9.]+)", told.stdout)
            self.assertTrue(found, told.stdout + told.stderr)
            self.assertLessEqual(float(found.group(1)), EXPOSURE_MAX)


if __name__ == "__main__":
    sys.exit(main(__name__))
