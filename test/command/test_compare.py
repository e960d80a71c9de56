#!/usr/bin/env python3
"""`daybook compare`: the answers that a master once gave, and a daemon in the place of a master."""

import base64
import contextlib
import http.server
import json
import os
import shutil
import sqlite3
import sys
import threading

from harness import main, run
from server import DATA, DaemonCase

API = "/api/v2/"


def recorded():
    """What a master answered on the database of DaemonCase, by path."""
    with open(os.path.join(DATA, "rest-answers.jsonl"), encoding="utf-8") as file:
        answers = [json.loads(line) for line in file]
    return {answer["path"]: answer for answer in answers}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):  # pylint: disable=invalid-name
        self.server.asked.append((self.command, self.path, self.headers["Authorization"]))
        status, kind, body = self.server.answer(self.path[len(API):])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def log_message(self, *_):
        """Says nothing."""


class Master(contextlib.ExitStack):
    """An HTTP server whose answers are given by a function: path -> (status, content type, body)."""

    def __init__(self, answer):
        super().__init__()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.answer, self.server.asked = answer, []
        self.asked = self.server.asked
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.callback(thread.join)
        self.callback(self.server.server_close)
        self.callback(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def of_record(answers):
    """Answers as they were recorded."""
    def answer(path):
        found = answers[path]
        if "base64" in found:
            return found["status"], found["content_type"], base64.b64decode(found["base64"])
        return found["status"], "application/json", json.dumps(found.get("json", {"error": "as recorded"})).encode()
    return answer


def command_lines():
    """Of all processes."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                yield file.read()
        except OSError:
            continue


class CompareCase(DaemonCase):
    WORDS = ("--read-only",)

    def of_daemon(self, path):
        """A daemon on the same database answers in the place of a master."""
        answer = self.daemon.ask(path)
        return answer.status, answer.headers["Content-Type"], answer.body

    def compare(self, master, *words, code=0, **more):
        done = run(self.folder, "compare", master.url, *words, **more)
        self.assertEqual(done.code, code, done.out + done.err)
        return done


class TestRecorded(CompareCase):
    def ask_all(self, answers, code):
        questions = "".join(f"{API if index % 2 else ''}{path}\n" for index, path in enumerate(recorded()))
        with Master(of_record(answers)) as master:
            done = self.compare(master, "--db", self.db, "--json", "--questions", "-", code=code,
                                stdin=f"# as recorded\n\n{questions}".encode()).json
            self.assertEqual({path[len(API):] for _, path, _ in master.asked}, set(recorded()))
        self.assertEqual((done["all"]["asked"], done["all"]["differ"]), (84, len(done["differences"])))
        return [(each["path"], each["place"], each["master"], each["daybook"]) for each in done["differences"]]

    def test_all_that_a_master_answered_is_the_same(self):
        self.assertEqual(self.ask_all(recorded(), 0), [])

    def test_each_difference_is_found_and_named(self):
        answers = recorded()
        answers["builds/1"]["json"]["builds"][0]["results"] = 7
        answers["builds/9999"]["status"] = 500
        answers["builds/4/steps"]["json"]["steps"].pop()
        answers["builds/4/properties"]["json"]["properties"][0]["more"] = None
        del answers["builds/4/property_list"]["json"]["meta"]
        value = base64.b64decode(answers["builds/4/data/size-report/value"]["base64"])
        answers["builds/4/data/size-report/value"]["base64"] = base64.b64encode(value[:-1]).decode()
        found = {path: more for path, *more in self.ask_all(answers, 1)}
        steps = len(answers["builds/4/steps"]["json"]["steps"])
        self.assertEqual(found.pop("builds/4/property_list")[:2], ["meta", "nothing"])
        self.assertEqual(found, {
            "builds/1": ["builds[0].results", "7", "0"],
            "builds/9999": ["status", "500", "404"],
            "builds/4/steps": ["steps", f"{steps} elements", f"{steps + 1} elements"],
            "builds/4/properties": ["properties[0].more", "null", "nothing"],
            "builds/4/data/size-report/value": [f"byte {len(value) - 1}", f"the end of {len(value) - 1} bytes",
                                                f"0x{value[-1]:02x} of {len(value)} bytes"]})

    def test_a_total_that_counts_its_page_alone_is_told_and_no_difference(self):
        answers = recorded()
        for path, differs in (("builds?limit=5&offset=3&order=-buildid", False), ("builds?limit=5", True), ("builds", True)):
            answer = answers[path]["json"]
            answer["meta"]["total"] = len(answer["builds"]) + (7 if differs else 0)
        text = b"builds\nbuilds?limit=5\nbuilds?limit=5&offset=3&order=-buildid\n"
        with Master(of_record(answers)) as master:
            done = self.compare(master, "--db", self.db, "--json", "--questions", "-", code=1, stdin=text).json
        self.assertEqual([(each["path"], each["place"], each["master"]) for each in done["differences"]],
                         [("builds", "meta.total", "289"), ("builds?limit=5", "meta.total", "12")])
        self.assertEqual(done["page_totals"], 1)

    def test_what_changed_between_the_two_answers_is_asked_again(self):
        answers, late = recorded(), []

        def answer(path):
            late.append(path)
            return (404, "text/plain", b"") if late.count(path) < 3 else of_record(answers)(path)

        with Master(answer) as master:
            done = self.compare(master, "--db", self.db, "--questions", "-", stdin=b"builds/1\nbuilds/17\n")
        self.assertRegex(done.out, r"(?m)^all +2 +0 ")
        self.assertEqual(len(late), 6)


class TestSample(CompareCase):
    def test_a_daemon_on_the_same_database_answers_the_same_and_so_does_the_database_itself(self):
        with open(self.db, "rb") as file:
            before = file.read()
        with Master(self.of_daemon) as master:
            daemon = f"http://127.0.0.1:{self.daemon.port}"
            for db in (daemon, self.db):
                done = self.compare(master, "--db", db, "--sample", "95", "--json").json
                self.assertEqual((done["all"]["asked"], done["differences"]), (95, []))
                self.assertEqual([kind["asked"] for kind in done["questions"]], [5] * 19)
                self.assertGreater(min(kind["master_median_us"] for kind in done["questions"]), 0)
        with open(self.db, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_another_database_is_not_the_same(self):
        other = os.path.join(self.folder, "other.sqlite")
        shutil.copy(self.db, other)
        done = run(self.folder, "check", "--db", other)  # it is one that can be read
        self.assertNotIn("daybook:", done.err)
        self.sqlite(other, "UPDATE builds SET state_string = 'otherwise'")
        with Master(self.of_daemon) as master:
            done = self.compare(master, "--db", other, "--sample", "19", code=1)
        self.assertIn("state_string: the master says ", done.out)
        self.assertIn(', daybook "otherwise"\n', done.out)

    @staticmethod
    def sqlite(path, statement):
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(statement)
            db.commit()

    def test_the_seed_says_what_is_asked_and_all_of_it_only_reads(self):
        with Master(self.of_daemon) as master:
            asked = []
            for seed in ("1", "1", "2"):
                self.compare(master, "--db", self.db, "--sample", "40", "--seed", seed, DAYBOOK_TOKEN="x" * 43)
                asked.append(master.asked[:])
                master.asked.clear()
        self.assertEqual(asked[0], asked[1])
        self.assertNotEqual(asked[0], asked[2])
        self.assertEqual({method for each in asked for method, *_ in each}, {"GET"})
        self.assertLessEqual(max(map(len, asked)), 1 + 3 * 40)

    def test_the_master_is_told_no_token(self):
        with Master(self.of_daemon) as master:
            self.compare(master, "--db", self.db, "--sample", "3", DAYBOOK_TOKEN="x" * 43)
            self.assertEqual({token for *_, token in master.asked}, {None})


class TestUse(CompareCase):
    def test_what_is_no_master_says_so(self):
        for url in ("master:8010", "http://", "ftp://master/", "http://me:secret@master", "http://master/?x=1"):
            done = run(self.folder, "compare", url, "--db", self.db)
            self.assertEqual((done.code, done.out), (2, ""), url)
            self.assertIn("the URL of a master is http", done.err)
            self.assertNotIn("secret", done.err)
        done = run(self.folder, "compare", "http://127.0.0.1:1", "--db", self.db)
        self.assertEqual(done.code, 13, done.err)
        self.assertIn("http://127.0.0.1:1 gave no answer to builds?order=-buildid&limit=1: ", done.err)
        with Master(lambda path: (200, "text/html", b"<p>hello")) as master:
            done = run(self.folder, "compare", master.url, "--db", self.db)
            self.assertIn("does not answer as Buildbot's REST API does: 200", done.err)
        with Master(lambda path: (200, "application/json", b'{"builds": []}')) as master:
            self.assertIn("has no builds", self.compare(master, "--db", self.db, code=3).err)
        with Master(lambda path: (200, "application/json", b'{"builds": [{"buildid": 9223372036854775807}]}')) as master:
            self.compare(master, "--db", self.db, "--sample", "19", code=1)

    def test_a_password_in_the_database_s_url_is_in_no_message_and_no_command_line(self):
        with Master(self.of_daemon) as master:
            done = run(self.folder, "compare", master.url, DAYBOOK_DB="postgresql://me:secret@127.0.0.1:1/x?password=secret")
        self.assertEqual((done.code, done.out), (13, ""))
        self.assertIn("no daemon could be started on postgresql://me@127.0.0.1:1/x", done.err)
        self.assertNotIn("secret", done.err)
        place, seen = os.path.join(self.folder, "secret.sqlite"), []
        shutil.copyfile(self.db, place)

        def look(path):
            seen.append([line for line in command_lines() if b"secret.sqlite" in line])
            return self.of_daemon(path)
        with Master(look) as master:
            self.compare(master, "--sample", "1", DAYBOOK_DB=place)
        self.assertTrue(seen)
        self.assertEqual([lines for lines in seen if lines], [])

    def test_questions_are_paths(self):
        with Master(self.of_daemon) as master:
            for text in (b"builds/1 builds/2\n", b"/etc/passwd\n", b"builds/\x01\n"):
                done = run(self.folder, "compare", master.url, "--db", self.db, "--questions", "-", stdin=text)
                self.assertEqual((done.code, done.out), (2, ""))
                self.assertIn(":1: a line is a path", done.err)
            self.assertEqual(master.asked, [])
            self.assertIn("there is nothing to ask", self.compare(master, "--db", self.db, "--sample", "0", code=2).err)


if __name__ == "__main__":
    sys.exit(main(__name__))
