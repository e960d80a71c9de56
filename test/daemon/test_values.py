#!/usr/bin/env python3
"""Values of build data: whole, in part, and not again when they are known already."""

import contextlib
import hashlib
import os
import random
import sqlite3
import sys
import threading

from harness import main, run
from server import DaemonCase

PIECE = 256 * 1024 # what the store reads at once
TAGGED = 16 << 20


class TestValues(DaemonCase):
    SIZES = {"none": 0, "one": 1, "line": 5000, "piece": PIECE, "piece+1": PIECE + 1, "pieces": 3 * PIECE + 77,
             "tagged": TAGGED, "long": TAGGED + 1}

    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)
        run(cls.folder, "run", "--db", cls.db, "-b", "x", "--", "true")
        cls.values = {name: random.Random(size).randbytes(size) for name, size in cls.SIZES.items()}
        for name, value in cls.values.items():
            path = os.path.join(cls.folder, "value")
            with open(path, "wb") as file:
                file.write(value)
            assert run(cls.folder, "data", "put", "x/1", name, path, "--db", cls.db).code == 0

    def ask(self, name, method="GET", **headers):
        headers = {key.replace("_", "-"): text for key, text in headers.items()}
        return self.daemon.ask(f"builders/x/builds/1/data/{name}/value", method, headers)

    def put(self, name, value):
        answer = self.daemon.ask(f"builders/x/builds/1/data/{name}/value", "PUT",
                                 {"Content-Type": "application/octet-stream"}, value)
        self.assertEqual(answer.status, 200)

    def test_each_is_given_whole_byte_by_byte(self):
        for name, value in self.values.items():
            get, head = self.ask(name), self.ask(name, "HEAD")
            self.assertEqual((get.status, get.body == value), (200, True), name)
            self.assertEqual(get.headers["Accept-Ranges"], "bytes")
            for header in ("Content-Length", "ETag", "Content-Type", "Cache-Control", "Accept-Ranges"):
                self.assertEqual(head.headers[header], get.headers[header], name)

    def test_a_part_is_what_stands_there(self):
        for name, value in self.values.items():
            size, tag = len(value), self.ask(name, "HEAD").headers["ETag"]
            for text, begin, end in (("0-0", 0, 1), ("0-", 0, size), ("-1", max(0, size - 1), size), ("-64000", max(0, size - 64000), size),
                                     (f"{max(0, size - 1)}-", max(0, size - 1), size), (f"{size // 2}-{size // 2 + 300000}", size // 2, size // 2 + 300001),
                                     (f"{PIECE - 1}-{PIECE}", PIECE - 1, PIECE + 1), (f"0-{PIECE - 1}", 0, PIECE),
                                     (f"{PIECE}-{2 * PIECE - 1}", PIECE, 2 * PIECE), (f"0-{10 ** 30}", 0, size)):
                if begin >= size:
                    continue
                answer, end = self.ask(name, Range="bytes=" + text), min(end, size)
                self.assertEqual(answer.status, 206, (name, text))
                self.assertEqual(answer.headers["Content-Range"], f"bytes {begin}-{end - 1}/{size}")
                self.assertTrue(answer.body == value[begin:end], (name, text))
                self.assertEqual(answer.headers["ETag"], tag)

    def test_a_part_that_is_not_there_is_416(self):
        for name in ("none", "one", "pieces", "long"):
            size = len(self.values[name])
            for text in (f"{size}-", f"{size + 5}-{size + 9}", "-0", f"{10 ** 20}-"):
                answer = self.ask(name, Range="bytes=" + text)
                self.assertEqual((answer.status, answer.headers["Content-Range"]), (416, f"bytes */{size}"), (name, text))
                self.assertTrue(answer.json["error"])
        self.assertEqual(self.ask("none", Range="bytes=-5").status, 416)

    def test_what_is_no_single_range_of_bytes_gives_the_whole(self):
        for text in ("bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "bytes=a-b", "lines=0-1", "bytes 0-1", "bytes=1", "bytes=0-1x"):
            answer = self.ask("line", Range=text)
            self.assertEqual((answer.status, answer.body), (200, self.values["line"]), text)
        self.assertEqual(self.ask("line", "HEAD", Range="bytes=0-1").headers["Content-Length"], "5000")

    def test_a_tag_that_is_known_gives_304_and_no_bytes(self):
        for name in ("none", "line", "pieces", "tagged"):
            tag = self.ask(name).headers["ETag"]
            self.assertRegex(tag, r'^"[0-9a-f]{32}"$')
            for known in (tag, f'"x", {tag}', f"W/{tag}", "*", f'"a,b" , {tag},"c"'):
                for method in ("GET", "HEAD"):
                    answer = self.ask(name, method, If_None_Match=known, Range="bytes=0-0")
                    self.assertEqual((answer.status, answer.body, answer.headers["ETag"]), (304, b"", tag), known)
            for other in ('"x"', tag[:-2] + '"', tag.strip('"'), "", tag[:-1]):
                self.assertEqual(self.ask(name, If_None_Match=other).status, 200, other)

    def test_a_part_comes_only_while_the_value_is_the_same(self):
        tag = self.ask("pieces").headers["ETag"]
        self.assertEqual(self.ask("pieces", Range="bytes=0-9", If_Range=tag).status, 206)
        for other in ('"x"', "W/" + tag, "Sat, 21 Nov 2026 10:00:00 GMT"):
            answer = self.ask("pieces", Range="bytes=0-9", If_Range=other)
            self.assertEqual((answer.status, answer.body == self.values["pieces"]), (200, True), other)

    def test_past_16_mib_there_is_no_tag_and_a_condition_gives_the_whole(self):
        self.assertIsNone(self.ask("long").headers["ETag"])
        self.assertEqual(self.ask("long", "HEAD", If_None_Match='"x"').status, 200)
        answer = self.ask("long", Range="bytes=0-9", If_Range='"x"')
        self.assertEqual((answer.status, len(answer.body)), (200, TAGGED + 1))

    def test_other_bytes_of_the_same_length_have_another_tag(self):
        self.put("same", b"abcd")
        first = self.ask("same").headers["ETag"]
        self.put("same", b"abce")
        self.assertEqual(self.ask("same", If_None_Match=first).body, b"abce")
        self.put("same", b"abcd")
        self.assertEqual(self.ask("same", If_None_Match=first).status, 304)

    def test_what_is_not_there_is_404_whatever_is_asked_of_it(self):
        for headers in ({"Range": "bytes=0-1"}, {"If_None_Match": "*"}, {}):
            self.assertEqual(self.ask("nosuch", **headers).status, 404)
            self.assertEqual(self.ask("nosuch", "HEAD", **headers).status, 404)

    def test_an_answer_never_mixes_two_values(self):
        """While a value is replaced again and again, each answer is one of them or is broken off."""
        values = [bytes([i]) * (4 * PIECE) for i in (1, 2)]
        self.put("changing", values[0])
        stop = threading.Event()

        def change():
            i = 0
            while not stop.is_set():
                i += 1
                self.put("changing", values[i % 2])
        thread = threading.Thread(target=change)
        thread.start()
        whole = 0
        try:
            for i in range(60):
                with contextlib.suppress(ConnectionError, OSError, EOFError):
                    try:
                        answer = self.ask("changing", **({"Range": "bytes=1000-900000"} if i % 2 else {}))
                    except Exception as error: # what http.client says of a body that ends too early
                        self.assertIn(type(error).__name__, ("IncompleteRead", "RemoteDisconnected"))
                        continue
                    if answer.status in (200, 206):
                        self.assertEqual(len(set(answer.body)), 1)
                        tag = hashlib.sha256(bytes([answer.body[0]]) * (4 * PIECE)).hexdigest()[:32]
                        self.assertEqual(answer.headers["ETag"], f'"{tag}"')
                        whole += 1
        finally:
            stop.set()
            thread.join()
        self.assertGreater(whole, 0)

    def test_a_length_that_an_old_database_has_wrong_does_not_matter(self):
        with contextlib.closing(sqlite3.connect(self.db)) as connection, connection:
            connection.execute("INSERT INTO build_data (buildid, name, value, length, source) VALUES (1, 'odd', 'abcdef', 3, 'x')")
        self.assertEqual(self.ask("odd").body, b"abcdef")
        answer = self.ask("odd", Range="bytes=-2")
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Range"]), (206, b"ef", "bytes 4-5/6"))


if __name__ == "__main__":
    sys.exit(main(__name__))
