"""Buildbot's own tests with the drop-in on, from each checkout that BUILDBOT_SOURCE names (joined by ":")."""

import os
import subprocess
import sys

RUNNER = os.path.join(os.environ["SOURCE_DIR"], "python", "run-buildbot-tests")

status = 0
for checkout in os.environ["BUILDBOT_SOURCE"].split(":"):
    done = subprocess.run([RUNNER, checkout], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "PYTHON": sys.executable}, check=False)
    print(checkout, "\n".join(done.stdout.splitlines()[-200 if done.returncode else -2:]), sep="\n")
    status |= done.returncode
sys.exit(status)
