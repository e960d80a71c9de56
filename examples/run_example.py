#!/usr/bin/env python3
"""Runs an example twice on a store of its own, and looks whether the store then holds what it says.

usage: run_example.py PROGRAM
"""

import os
import sqlite3
import subprocess
import sys
import tempfile

program = os.path.abspath(sys.argv[1])
steps = {"example-epoll": ["compile", "test"],
         "example-blocking": ["sleep"],
         "example-libuv": []}[os.path.basename(program)]


def check(is_right, what):
    if not is_right:
        sys.exit(f"[  FAILED  ] 1 test(s): {what}")


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "example.sqlite")
    for run in (1, 2):
        done = subprocess.run([program, path], timeout=30, check=False, stdout=subprocess.PIPE)
        check(done.returncode == 0, f"run {run} ended with {done.returncode}")
    database = sqlite3.connect(path)
    builds = database.execute(
        "SELECT b.number, b.results, b.complete_at >= b.started_at, r.name FROM builds b"
        " JOIN builders r ON r.id = b.builderid ORDER BY b.id").fetchall()
    check(builds == [(1, 0, 1, "example"), (2, 0, 1, "example")], f"builds: {builds}")
    found = database.execute("SELECT number, name, results FROM steps ORDER BY id").fetchall()
    wanted = [(number, name, 0) for number, name in enumerate(steps)] * 2
    check(found == wanted, f"steps: {found}")
    check(database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "integrity_check")
    database.close()
print("[  PASSED  ] 1 test(s).")
