"""`daybook compare` with a real master, from the first checkout that BUILDBOT_SOURCE names, and its REST API."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

from harness import FolderCase, main
from servers import File
from test_chapter import free_port
from test_master import Master

BUILDS = 10

WWW = """
c["www"] = {"port": "tcp:PORT:interface=127.0.0.1", "plugins": {}}
"""

# A master wants its page before it serves anything, and a checkout has none until node has built it.
NO_PAGE = {
    "no_page/__init__.py": "from buildbot.www.plugin import Application\nep = Application(__package__, 'none')\n",
    "no_page/VERSION": "0",
    "no_page/static/index.html": "<!doctype html><title>There is no page</title>",
    "no_page-0.dist-info/METADATA": "Metadata-Version: 2.1\nName: no-page\nVersion: 0\n",
    "no_page-0.dist-info/entry_points.txt": "[buildbot.www]\nbase = no_page:ep\n",
}


class TestCompare(FolderCase):
    timeout = 1200

    def start(self):
        port = free_port()
        master = Master(self.path("master"), False, File(self.path("state.sqlite")), BUILDS)
        for name, text in NO_PAGE.items():
            path = os.path.join(self.folder, "page", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        with open(os.path.join(master.folder, "master.cfg"), "a", encoding="utf-8") as file:
            file.write(WWW.replace("PORT", str(port)))
        master.env["PYTHONPATH"] += os.pathsep + os.path.join(self.folder, "page")
        self.addCleanup(lambda: master.end(signal.SIGKILL))
        master.start()
        return master, f"http://127.0.0.1:{port}"

    def test_a_master_and_daybook_answer_the_same(self):
        master, url = self.start()
        master.wait(2 * BUILDS)
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(url + "/api/v2/builds?limit=1", timeout=60).close()
                break
            except urllib.error.URLError:
                self.assertLess(time.monotonic(), end, master.text()[-4000:])
                time.sleep(0.3)
        done = subprocess.run([os.environ["DAYBOOK"], "compare", url, "--db", master.database.path, "--sample", "190", "--json"],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=600)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        found = json.loads(done.stdout)
        self.assertEqual((found["all"]["asked"], found["differences"]), (190, []))
        print(f"\n190 questions: Buildbot's median {found['all']['master_median_us']} us, "
              f"daybook's {found['all']['daybook_median_us']} us")


if __name__ == "__main__":
    sys.exit(main(__name__))
