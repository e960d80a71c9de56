#!/usr/bin/env python3
"""What operators ask of a daemon: whether it lives, whether its database answers, and what it did."""

import contextlib
import re
import sqlite3
import sys

from harness import main, run
from server import Daemon, DaemonCase

SAMPLE = re.compile(r'^(\w+)(\{(?:\w+="[^"\\\n]*",?)*\})? (-?\d+(?:\.\d+)?)$')


class TestMetrics(DaemonCase):
    def samples(self):
        """The samples by their text; what the form demands is checked on the way."""
        answer = self.daemon.ask("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        kinds, found = {}, {}
        for line in answer.body.decode().splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                self.assertNotIn(name, kinds)
                kinds[name] = kind
            elif not line.startswith("# HELP "):
                name, labels, value = SAMPLE.match(line).groups()
                family = re.sub("_(bucket|sum|count)$", "", name) if name not in kinds else name
                self.assertIn(family, kinds)
                self.assertNotIn(name + (labels or ""), found)
                found[name + (labels or "")] = float(value)
        return found

    def test_requests_are_counted_by_route_and_outcome(self):
        key = 'daybook_http_requests_total{method="GET",route="builds/{build}",code="%s"}'
        before = self.samples()
        for path in ("builds/1", "builds/2", "builds/9999"):
            self.daemon.ask(path)
        self.daemon.ask("nosuch")
        after = self.samples()
        for code, count in (("2xx", 2), ("4xx", 1)):
            self.assertEqual(after[key % code] - before.get(key % code, 0), count)
        self.assertGreaterEqual(after['daybook_http_requests_total{method="",route="",code="4xx"}'], 1)

    def test_a_histogram_rises_to_its_count(self):
        for _ in range(3):
            self.daemon.ask("builders")
        samples = self.samples()
        label = '{method="GET",route="builders"'
        buckets = [value for name, value in samples.items()
                   if name.startswith("daybook_http_request_seconds_bucket" + label)]
        self.assertEqual(len(buckets), 7)
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1], samples["daybook_http_request_seconds_count" + label + "}"])
        self.assertGreaterEqual(buckets[-1], 3)

    def test_the_store_and_its_file_are_measured(self):
        samples = self.samples()
        self.assertGreater(samples["daybook_database_bytes"], 100000)
        self.assertGreater(samples["daybook_disk_free_bytes"], 0)
        self.assertEqual(samples["daybook_connections"], 1)
        self.assertEqual(samples["daybook_streams"], 0)
        before = samples["daybook_reads_total"]
        self.daemon.ask("builds/1")
        self.assertGreater(self.samples()["daybook_reads_total"], before)


class TestHealth(DaemonCase):
    def test_it_lives_and_is_ready(self):
        self.assertEqual(self.daemon.ask("/healthz").json, {"status": "alive"})
        self.assertEqual(self.daemon.ask("/readyz").json, {"status": "ready"})
        self.assertEqual(self.daemon.ask("/healthz", "HEAD").status, 200)
        self.assertEqual(self.daemon.write("POST", "/healthz", {}).status, 405)
        for path in ("/health", "/healthz/", "/api/v2/healthz", "/api/v2/metrics"):
            self.assertEqual(self.daemon.ask(path).status, 404)

    def test_while_the_database_is_locked_it_lives_and_is_not_ready(self):
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            self.assertEqual(self.daemon.ask("/healthz").status, 200)
            answer = self.daemon.ask("/readyz")
            self.assertEqual(answer.status, 503)
            self.assertTrue(answer.json["error"])
            connection.execute("ROLLBACK")
        self.assertEqual(self.daemon.ask("/readyz").status, 200)

    def test_with_tokens_whether_it_runs_is_told_to_all_and_nothing_more(self):
        file = self.folder + "/tokens"
        token = run(self.folder, "token", "add", "x", "--tokens", file).out.strip()
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--tokens", file)
        self.assertEqual([daemon.ask(path).status for path in ("/healthz", "/readyz", "/metrics")], [200, 200, 401])
        self.assertEqual(daemon.ask("/metrics", "GET", {"Authorization": "Bearer " + token}).status, 200)
        self.assertEqual(daemon.stop(), (0, ""))


if __name__ == "__main__":
    sys.exit(main(__name__))
