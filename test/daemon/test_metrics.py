#!/usr/bin/env python3
"""What operators ask of a daemon: whether it lives, whether its database answers, and what it did."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

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


    def test_errors_are_counted_by_status(self):
        self.daemon.ask("nosuch")
        before = self.samples()
        self.daemon.ask("nosuch")
        self.daemon.write("POST", "/healthz", {})
        after = self.samples()
        for code in (404, 405):
            name = f'daybook_http_errors_total{{code="{code}"}}'
            self.assertEqual(after[name] - before.get(name, 0), 1)

    def test_each_builder_stands_as_its_builds_say(self):
        samples, builders = self.samples(), self.records("builders")
        self.assertEqual((samples["daybook_builders"], samples["daybook_builders_read"]), (len(builders),) * 2)
        told = 0
        for builder in builders:
            builds = self.records(f"builders/{builder['builderid']}/builds?complete=1&order=-complete_at&order=-number")
            last = builds[0] if builds else None
            success = next((b for b in builds if b["results"] == 0), None)
            for name, record, field in (("last_result", last, "results"), ("last_completion_timestamp_seconds", last, "complete_at"),
                                        ("last_success_timestamp_seconds", success, "complete_at")):
                got = samples.get(f'daybook_builder_{name}{{builder="{builder["name"]}"}}')
                self.assertEqual(got, record and record[field], (builder, name))
                told += got is not None
        self.assertGreater(told, 10)

    def test_promtool_has_nothing_to_say(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")
        self.daemon.ask("nosuch")
        done = subprocess.run(["promtool", "check", "metrics"], input=self.daemon.ask("/metrics").body, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))


class TestBuilders(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)

    def test_a_name_of_any_characters_is_one_label_and_old_successes_are_found(self):
        name = 'a"b\\c\nd {e="f"} ü'
        builderid = self.daemon.write("POST", "builders", {"name": name}).json["builderid"]
        for results, at in [("success", 500)] + [("failure", 1000 + i) for i in range(30)]:
            build = {"results": results, "started_at": at, "complete_at": at}
            self.assertEqual(self.daemon.write("POST", f"builders/{builderid}/builds", build).status, 201)
        self.daemon.write("POST", f"builders/{builderid}/builds", {})
        text = self.daemon.ask("/metrics").body.decode()
        label = '{builder="a\\"b\\\\c\\nd {e=\\"f\\"} ü"}'
        for metric, value in (("last_result", 2), ("last_completion_timestamp_seconds", 1029), ("last_success_timestamp_seconds", 500)):
            self.assertIn(f"\ndaybook_builder_{metric}{label} {value}\n", text)


class TestTiming(DaemonCase):
    def test_each_answer_says_how_long_it_took(self):
        for path in ("builds/1", "builds?limit=3", "nosuch", "/healthz", "builds/1/data/x/value"):
            text = self.daemon.ask(path).headers["Server-Timing"]
            db, total = map(float, re.fullmatch(r"db;dur=(\d+\.\d+), total;dur=(\d+\.\d+)", text).groups())
            self.assertLessEqual(db, total)
            self.assertEqual(db > 0, path.startswith("builds"), path)

    def test_a_request_keeps_the_name_that_a_proxy_gave_it_or_gets_one(self):
        def name(given):
            return self.daemon.ask("builds/1", "GET", {"X-Request-Id": given}).headers["X-Request-Id"]
        self.assertEqual(name("Abc-1.2_3"), "Abc-1.2_3")
        made = {name(given) for given in ("", "x" * 65, "a b", "a;b", "ü".encode().decode("latin-1"))}
        self.assertEqual(len(made), 5)
        for one in made:
            self.assertRegex(one, r"^\d+-\d+$")

    def test_a_slow_request_is_logged_with_its_route_and_name_and_a_fast_one_is_not(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None, check_same_thread=False)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            timer = threading.Timer(0.8, connection.execute, ["ROLLBACK"])
            timer.start()
            answer = daemon.ask("builders/3/builds/2", "GET", {"X-Request-Id": "slow-one"})
            timer.join()
        self.assertEqual(answer.status, 200)
        daemon.ask("/healthz", "GET", {"X-Request-Id": "fast-one"})
        self.assertEqual(daemon.stop(), (0, ""))
        line = next(line for line in daemon.slow if "slow-one" in line)
        found = re.fullmatch(r"daybook: slow: GET builders/\{builder\}/builds/\{number\} took (\d+) ms, the database (\d+) ms of it; "
                             r"answered 200; request slow-one\n", line)
        self.assertGreaterEqual(int(found.group(1)), int(found.group(2)))
        self.assertGreater(int(found.group(2)), 500)


    def test_when_all_are_slow_ten_a_second_are_logged(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0")
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None, check_same_thread=False)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            threads = [threading.Thread(target=daemon.ask, args=("builds/1",)) for _ in range(60)]
            for thread in threads:
                thread.start()
            time.sleep(0.8) # that is what is slow
            connection.execute("ROLLBACK")
            for thread in threads:
                thread.join()
        self.assertEqual(daemon.stop(), (0, ""))
        lines = [line for line in daemon.slow if " took " in line]
        # They may end in one second or around the border of two, and on a busy machine in more.
        self.assertGreaterEqual(len(lines), 10)
        self.assertLess(len(lines), 60)


class TestHealth(DaemonCase):
    def test_it_lives_and_is_ready(self):
        self.assertEqual(self.daemon.ask("/healthz").json, {"status": "alive"})
        self.assertEqual(self.daemon.ask("/readyz").json["status"], "ready")
        self.assertEqual(self.daemon.ask("/healthz", "HEAD").status, 200)
        self.assertEqual(self.daemon.write("POST", "/healthz", {}).status, 405)
        for path in ("/health", "/healthz/", "/api/v2/healthz", "/api/v2/metrics"):
            self.assertEqual(self.daemon.ask(path).status, 404)

    def test_while_the_database_is_locked_it_lives_and_is_not_ready(self):
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            self.assertEqual(self.daemon.ask("/healthz").status, 200)
            metrics = self.daemon.ask("/metrics")
            self.assertEqual(metrics.status, 200)
            self.assertIn(b"\ndaybook_builders_read 0\n", metrics.body)
            answer = self.daemon.ask("/readyz")
            self.assertEqual(answer.status, 503)
            self.assertTrue(answer.json["error"])
            connection.execute("ROLLBACK")
        self.assertEqual(self.daemon.ask("/readyz").status, 200)

    def test_a_database_that_was_replaced_is_not_ready_and_not_read(self):
        path = self.folder + "/moved.sqlite"
        run(self.folder, "run", "--db", path, "--builder", "old", "true")
        daemon = Daemon(path, "--listen", "127.0.0.1:0")
        self.addCleanup(daemon.stop)
        self.assertEqual(daemon.ask("/readyz").status, 200)
        os.rename(path, path + ".gone")
        run(self.folder, "init", path)
        end = time.monotonic() + 10
        while daemon.ask("/readyz").status != 503:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        time.sleep(1)  # each connection to it looks once a second
        answer = daemon.ask("builds")
        self.assertEqual(answer.status, 503)
        self.assertIn("replaced", answer.json["error"])

    def test_with_tokens_whether_it_runs_is_told_to_all_and_nothing_more(self):
        file = self.folder + "/tokens"
        token = run(self.folder, "token", "add", "x", "--tokens", file).out.strip()
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--tokens", file)
        self.assertEqual([daemon.ask(path).status for path in ("/healthz", "/readyz", "/metrics")], [200, 200, 401])
        self.assertEqual(daemon.ask("/metrics", "GET", {"Authorization": "Bearer " + token}).status, 200)
        self.assertEqual(daemon.stop(), (0, ""))


if __name__ == "__main__":
    sys.exit(main(__name__))
