"""Runs a file of tests, or skips it (exit status 77) where Twisted is not installed. In CI that is a failure."""

import os
import runpy
import sys

try:
    import twisted  # noqa: F401
except ImportError:
    print("Twisted is not installed: tools/setup test installs it")
    sys.exit(1 if os.environ.get("CI") else 77)

sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
runpy.run_path(sys.argv[0], run_name="__main__")
