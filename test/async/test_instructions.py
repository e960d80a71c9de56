#!/usr/bin/env python3
"""How many instructions the main calls take, counted by valgrind's callgrind: the same on a busy machine as on an idle
one. The bounds are the fourth column of costs.txt, in thousands.

usage: test_instructions.py ASYNC_COSTS COSTS
"""

import os
import re
import subprocess
import sys

COUNT = 60
# Compilers and versions of SQLite differ by that.
SLACK = 1.25


def collected(program, call, count):
    """All instructions of a process that opens a store and does a call so often."""
    # Under that all memory is filled as it comes and goes, by instructions that count too.
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"}
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, call, str(count)],
                          capture_output=True, text=True, check=True, env=environment)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def bounds(path):
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    return {row[0]: float(row[3]) for row in rows if len(row) > 3}


def main():
    program, path = sys.argv[1:]
    failed = 0
    wanted = bounds(path)
    nothing = collected(program, "dbk_get_build", 0)
    for call, bound in wanted.items():
        thousands = (collected(program, call, COUNT) - nothing) / COUNT / 1000
        is_good = bound / 3 < thousands < SLACK * bound
        failed += not is_good
        print(f"{'ok' if is_good else 'NOT OK'}: {call}: {thousands:.1f} thousand instructions, {bound:.0f} by costs.txt")
    print(f"[  PASSED  ] {len(wanted) - failed} test(s).")
    if failed:
        print(f"[  FAILED  ] {failed} test(s).")
    return 1 if failed or not wanted else 0


sys.exit(main())
