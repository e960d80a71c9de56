#!/usr/bin/env python3
"""`daybook abandon`: ends builds that were left open, and `daybook check` finds them."""

import sys
import time
import unittest

from harness import StoreCase, main

DAY = 24 * 3600


class TestAbandon(StoreCase):
    def test_a_build_that_was_left_open_is_found_and_ended(self):
        self.build("linux", ("s", "true"))
        self.build("other", ("s", "true"))
        self.sql("UPDATE builds SET complete_at = NULL, results = NULL, started_at = ? WHERE builderid ="
                 " (SELECT id FROM builders WHERE name = 'linux')", int(time.time()) - 2 * DAY)
        master = self.sql("SELECT name FROM masters")[0][0]
        self.assertIn(f"daybook abandon --master {master}", self.daybook("check", code=1).out)
        self.assertIn("build 1 of linux was left open", self.daybook("abandon", "--master", master, "--dry-run").out)
        self.assertIn("nothing was found",
                      self.daybook("abandon", "--master", master, "--older-than", "3d").out)
        self.daybook("abandon", "--master", master)
        self.assertEqual(self.sql("SELECT results FROM builds ORDER BY id"), [(4,), (0,)])
        self.assertIn("nothing was found", self.daybook("check").out)

    def test_what_is_wrong_is_refused(self):
        self.build("wrong", ("s", "true"))
        self.assertIn("--master", self.daybook("abandon", code=2).err)
        self.assertIn("--results", self.daybook("abandon", "--master", "m", "--results", "success", code=2).err)
        self.assertIn("no master", self.daybook("abandon", "--master", "nobody", code=3).err)


if __name__ == "__main__":
    sys.exit(main(__name__))
