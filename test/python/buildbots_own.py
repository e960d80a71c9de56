"""Buildbot's own tests with the drop-in on, from each checkout that BUILDBOT_SOURCE names (joined by ":").

From each on an SQLite file, on PostgreSQL and on MariaDB.
"""

import os
import subprocess
import sys

from servers import Server

RUNNER = os.path.join(os.environ["SOURCE_DIR"], "python", "run-buildbot-tests")


def run(checkout, **more):
    """Result: the exit status."""
    done = subprocess.run([RUNNER, checkout], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "PYTHON": sys.executable, **more}, check=False)
    print(checkout, "\n".join(done.stdout.splitlines()[-200 if done.returncode else -2:]), sep="\n", flush=True)
    return done.returncode


status = 0
for checkout in os.environ["BUILDBOT_SOURCE"].split(":"):
    status |= run(checkout)
    for kind in ("postgresql", "mariadb"):
        server = Server(kind)
        status |= run(checkout, BUILDBOT_TEST_DB_URL=server.database().master_url)
        server.end()
sys.exit(status)
