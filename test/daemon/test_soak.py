#!/usr/bin/env python3
"""Mixed load for a while (SOAK_S seconds): memory is flat, no descriptor is left behind, and nothing was lost.

A part of the load comes first, to warm up; then the daemon is compared with itself, idle both times. What it said is
held against the database: each acknowledged build is there once and whole, and each stream saw each event once.
"""

import collections
import contextlib
import json
import os
import re
import signal
import sqlite3
import sys
import threading
import time

import soak_clients as clients
from harness import main, run
from server import Daemon, DaemonCase

SOAK_S = float(os.environ.get("SOAK_S", "60"))
WARM_UP = 0.3  # of it
# A writer, its checkpoints, 2 readers, 16 snapshots of values that are read in pieces; with a log each, and the lock's.
DATABASE_FDS_MAX = 2 * 20 + 2
# Of the event thread's memory, and of all of it: there the caches of pages fill while the database grows.
HEAP_GROWTH_MAX_KIB = 8 << 10
CACHES_MAX_KIB = 3 * (16 << 10) + 16 * 512
IS_SANITIZED = os.environ.get("SANITIZED") == "1"  # then freed memory is kept for a while: leaks are found at the end
KINDS = [clients.Reader] * 4 + [clients.WholeWriter] * 2 + [clients.PieceWriter] * 2 + [clients.Listener] * 6 + \
    [clients.SlowReader] * 3 + [clients.Leaver, clients.Nuisance, clients.Hangup]


class TestSoak(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)
        tokens = os.path.join(cls.folder, "tokens")
        cls.token = run(cls.folder, "token", "add", "all", "--right", "admin", "--tokens", tokens).out.strip()
        cls.WORDS = ("--tokens", tokens)

    def descriptors(self):
        folder, found = f"/proc/{self.daemon.process.pid}/fd", []
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # closed since
                found.append(re.sub(r"\[\d+\]", "", os.readlink(os.path.join(folder, fd))))
        return sorted(found)

    def memory_kib(self):
        """Of the heap that the event thread takes from, and of all that is not a file's."""
        heap, whole, name = 0, 0, ""
        with open(f"/proc/{self.daemon.process.pid}/smaps", encoding="utf-8") as file:
            for line in file:
                if re.match("[0-9a-f]+-", line):
                    name = line.split()[-1]
                elif line.startswith("Anonymous:"):
                    whole += int(line.split()[1])
                    heap += int(line.split()[1]) if name == "[heap]" else 0
        return heap, whole

    def sockets(self):
        return sum("socket" in fd for fd in self.descriptors())

    def idle(self):
        """What it holds once all clients have gone."""
        end = time.monotonic() + 60
        while self.sockets() > self.own_sockets and time.monotonic() < end:
            time.sleep(0.2)
        return self.descriptors(), *self.memory_kib()

    def load(self, soak, workers, seconds):
        soak.run(workers, seconds)
        self.assertEqual(soak.errors, [])

    def ask(self, method, path, value):
        answer = self.daemon.write(method, path, value, Authorization="Bearer " + self.token)
        self.assertLess(answer.status, 300, answer.body)
        return answer.json

    def test_mixed_load_leaves_nothing_behind_and_loses_nothing(self):
        soak, said = clients.Soak(self.daemon, self.token), []
        # It tells of slow requests, and waits for whoever is to read that.
        reader = threading.Thread(target=lambda: said.extend(self.daemon.process.stderr), daemon=True)
        reader.start()
        self.own_sockets = self.sockets()
        self.ask("POST", "builders/a/builds", {"results": 0})
        large = self.daemon.ask("builds/1/data/large/value", "PUT",
                                {"Content-Type": "application/octet-stream", "Authorization": "Bearer " + self.token},
                                os.urandom(clients.LARGE_LEN))
        self.assertLess(large.status, 300)
        workers = [kind(soak, seed) for seed, kind in enumerate(KINDS)]
        self.load(soak, workers, SOAK_S * WARM_UP)
        warm_fds, warm_heap, warm_whole = self.idle()
        self.load(soak, workers, SOAK_S * (1 - WARM_UP))
        fds, heap, whole = self.idle()
        print(f"soak: {SOAK_S:.0f} s; {json.dumps(soak.counts)}; after the warm-up and at the end: heap {warm_heap} and {heap}"
              f" KiB, all memory {warm_whole} and {whole} KiB, descriptors {len(warm_fds)} and {len(fds)}", file=sys.stderr)
        self.assertEqual([fd for fd in fds if self.db not in fd], [fd for fd in warm_fds if self.db not in fd])
        self.assertLessEqual(sum(self.db in fd for fd in fds), DATABASE_FDS_MAX)
        if not IS_SANITIZED:
            self.assertLessEqual(heap, warm_heap + HEAP_GROWTH_MAX_KIB)
            self.assertLessEqual(whole, warm_whole + HEAP_GROWTH_MAX_KIB + CACHES_MAX_KIB)
        self.check_streams(soak, [worker for worker in workers if isinstance(worker, clients.Listener)])
        self.daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.process.wait(clients.DEADLINE_S), 0)
        reader.join()
        self.assertEqual([line for line in said if not line.startswith("daybook: slow: ")], [])
        self.check_records(soak)

    def check_streams(self, soak, listeners):
        last = self.ask("POST", "builders/end/builds", {"results": 0})["buildid"]
        replays = {}
        for listener in listeners:
            if listener.topics not in replays:
                replays[listener.topics] = clients.Listener(soak, clients.TOPICS.index(listener.topics))
                replays[listener.topics].catch_up(last)
            listener.catch_up(last)
            self.assertEqual(listener.seen, replays[listener.topics].seen)
        for replay in replays.values():
            counts = collections.Counter(key for _, key in replay.seen)
            for build in (*soak.whole.values(), *soak.pieces.values()):
                self.assertEqual(counts[f"builds/{build}/finished"], 1)

    def check_records(self, soak):
        self.assertGreater(len(soak.whole), SOAK_S / 4)
        self.assertGreater(len(soak.pieces), SOAK_S / 20)
        self.assertEqual(run(self.folder, "check", "--db", self.db).code, 0)
        connection = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)
        self.addCleanup(connection.close)
        named = connection.execute("SELECT value, buildid FROM build_properties WHERE name = 'soak'").fetchall()
        there = {json.loads(name): build for name, build in named}
        self.assertEqual(len(there), len(named))
        for name, build in {**soak.whole, **soak.pieces}.items():
            self.assertEqual(there[name], build)
        # Whole: its one step, its datum of that very text, its end.
        whole = {build: (count, bytes(value), results) for build, count, value, results in connection.execute(
            "SELECT b.id, (SELECT count(*) FROM steps s WHERE s.buildid = b.id AND s.results = 0), d.value, b.results"
            " FROM builds b JOIN build_data d ON d.buildid = b.id AND d.name = 'd'")}
        for name, build in {**soak.whole, **soak.pieces}.items():
            self.assertEqual(whole[build], (1, name.encode(), 0))
        numbers = connection.execute("SELECT builderid, count(*), max(number) FROM builds GROUP BY builderid").fetchall()
        self.assertTrue(all(count == last for _, count, last in numbers), numbers)


if __name__ == "__main__":
    sys.exit(main(__name__))
