"""python3 -m daybook.buildbot bench: Buildbot's own components beside daybook's; see bench.py."""

import sys

from daybook.buildbot.bench import main

if __name__ == "__main__":
    if sys.argv[1:2] != ["bench"]:
        sys.exit("usage: python3 -m daybook.buildbot bench [--help]")
    main(sys.argv[2:])
