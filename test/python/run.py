"""Runs a file of tests, or skips it (exit status 77) where what it needs is not here.

usage: run.py [--needs=VARIABLE] FILE

Twisted is needed always, and in CI a failure; with --needs also what a variable of the environment names.
"""

import os
import runpy
import sys

try:
    import twisted  # noqa: F401
except ImportError:
    print("Twisted is not installed: tools/setup test installs it")
    sys.exit(1 if os.environ.get("CI") else 77)

sys.argv = sys.argv[1:]
if sys.argv[0].startswith("--needs="):
    variable = sys.argv.pop(0)[len("--needs="):]
    if not os.environ.get(variable):
        print(f"{variable} names nothing")
        sys.exit(77)
sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
runpy.run_path(sys.argv[0], run_name="__main__")
