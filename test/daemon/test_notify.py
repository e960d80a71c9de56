#!/usr/bin/env python3
"""Who is told when a builder turns failing or fixed: what is told, to whom, how it is signed, and that it comes once."""

import contextlib
import json
import os
import signal
import sqlite3
import sys
import time

from harness import main, run
from notify import NotifyCase, SECRET
from server import Daemon

ODD = "a;touch pwned $(touch pwned) `touch pwned` \"'<&> \u00fc"


class TestTurns(NotifyCase):
    def test_turns_alone_are_told_each_once_and_in_order(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "success", "warnings", "failure", "skipped", "cancelled", "retry", "exception", "failure",
                   "warnings", "success", "retry", "exception", daemon=daemon)
        self.assertEqual([(t.json["event"], t.json["build"]["number"], t.json["build"]["result"])
                          for t in receiver.take(3)],
                         [("failing", 3, "failure"), ("fixed", 9, "warnings"), ("failing", 12, "exception")])
        # What is told of another builder comes behind all that was to come of this one.
        self.build("c", "failure", daemon=daemon)
        told = receiver.next().json
        self.assertEqual((told["builder"]["name"], told["build"]["number"]), ("c", 1))
        self.assertTrue(receiver.told.empty())

    def test_a_builder_that_failed_before_anybody_was_told_is_not_news(self):
        self.build("b", "failure")
        receiver = self.receiver()
        self.start("--notify-webhook", receiver.url)
        self.build("b", "failure", "success")
        told = receiver.next().json
        self.assertEqual((told["event"], told["build"]["number"]), ("fixed", 3))

    def test_builders_that_are_not_named_are_not_told_of(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url, "--notify-builder", "n*", "--notify-builder", "x")
        for builder in ("a", "nightly", "xx", "x"):
            self.build(builder, "failure", daemon=daemon)
        self.assertEqual([t.json["builder"]["name"] for t in receiver.take(2)], ["nightly", "x"])

    def test_builds_cost_nothing_while_nobody_is_told(self):
        daemon = self.daemon_without()
        self.build("b", "success", daemon=daemon)
        def cost(count):
            before = self.metric(daemon, "daybook_reads_total")
            self.build("b", *["failure", "success"] * count, daemon=daemon)
            return self.metric(daemon, "daybook_reads_total") - before
        self.assertEqual(cost(0), cost(500))
        self.assertIsNone(self.metric(daemon, "daybook_deliveries_waiting"))
        self.assertFalse(os.path.exists(self.state))

    def daemon_without(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--state-directory", self.state)
        self.addCleanup(daemon.stop)
        return daemon


class TestWebhooks(NotifyCase):
    def test_what_is_posted_says_all_of_it_and_is_signed(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url, "--public-url", "https://ci.example.org/daybook")
        before = int(time.time())
        self.build("nightly", "failure", daemon=daemon)
        told = receiver.next()
        body = told.json
        self.assertEqual(told.path, "/hook/s3cret")
        self.assertTrue(told.is_signed())
        self.assertFalse(told.is_signed(SECRET + "x"))
        self.assertEqual(told.headers["Content-Type"], "application/json")
        self.assertEqual(told.headers["X-Daybook-Event"], "failing")
        self.assertRegex(told.delivery, "^[0-9a-f]{32}$")
        self.assertTrue(before <= int(told.headers["X-Daybook-Timestamp"]) <= time.time())
        build = self.wait_for(lambda: daemon.ask("builds/1").json["builds"][0])
        self.assertEqual(body, {
            "delivery": told.delivery, "event": "failing", "at": body["at"],
            "text": "nightly is failing: build 1 ended with failure",
            "builder": {"id": build["builderid"], "name": "nightly"},
            "build": {"id": 1, "number": 1, "results": 2, "result": "failure", "started_at": build["started_at"],
                      "complete_at": build["complete_at"]},
            "url": f"https://ci.example.org/daybook/#/builders/{build['builderid']}/builds/1"})

    def test_a_chat_gets_a_text_in_which_nothing_is_markup(self):
        receiver = self.receiver()
        daemon = self.start("--notify-chat", receiver.url, "--public-url", "https://ci.example.org")
        builder = daemon.write("POST", "builders", {"name": "<!channel> & co"}).json["builderid"]
        self.build(builder, "exception", daemon=daemon)
        self.assertEqual(receiver.next().json, {
            "text": "&lt;!channel&gt; &amp; co is failing: build 1 ended with exception "
                    f"https://ci.example.org/#/builders/{builder}/builds/1"})

    def test_what_is_refused_is_posted_again_the_same_after_a_pause(self):
        receiver = self.receiver(500, 500)
        daemon = self.start("--notify-webhook", receiver.url)
        begun = time.monotonic()
        self.build("b", "failure", daemon=daemon)
        told = receiver.take(3)
        self.assertGreater(time.monotonic() - begun, 2.5)
        self.assertEqual(len({t.delivery for t in told}), 1)
        self.assertEqual(len({t.body for t in told}), 1)
        self.assertTrue(all(t.is_signed() for t in told))
        self.settle(daemon, 1)
        self.assertEqual([self.metric(daemon, "daybook_deliveries_" + name) for name in
                          ("failed_total", "given_up_total", "waiting", "stuck")], [2, 0, 0, 0])
        said = daemon.stop()[1]
        self.assertEqual(said.count("it answered 500"), 2)
        self.assertNotIn("s3cret", said)

    def test_a_builder_keeps_its_order_and_holds_up_no_other(self):
        receiver = self.receiver(503)
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure", daemon=daemon)
        first = receiver.next()
        self.build("b", "success", daemon=daemon)
        self.build("c", "failure", daemon=daemon)
        told = receiver.take(3)
        self.assertEqual([(t.json["builder"]["name"], t.json["event"]) for t in told],
                         [("c", "failing"), ("b", "failing"), ("b", "fixed")])
        self.assertEqual(told[1].delivery, first.delivery)

    def test_a_receiver_that_hangs_holds_up_neither_the_daemon_nor_others(self):
        hanging = self.receiver(*[lambda handler: handler.rfile.read(1)] * 100)
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", hanging.url, "--notify-webhook", receiver.url, "--notify-timeout", "2s")
        self.build("b", "failure", daemon=daemon)
        hanging.next()
        receiver.next()
        self.assertEqual(daemon.ask("/healthz").status, 200)
        self.build("b", "success", daemon=daemon)
        self.assertEqual(receiver.next().json["event"], "fixed")
        hanging.next()  # again, after the time was over
        self.assertEqual(self.metric(daemon, "daybook_deliveries_failed_total"), 1)
        code, said = daemon.stop()
        self.assertEqual(code, 0)
        self.assertIn("timed out", said)

    def test_a_redirect_is_not_followed(self):
        other = self.receiver()

        def redirect(handler):
            handler.send_response(307)
            handler.send_header("Location", other.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        receiver = self.receiver(redirect)
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure", daemon=daemon)
        receiver.take(2)
        self.assertTrue(other.told.empty())
        self.assertIn("it answered 307", daemon.stop()[1])

    def test_an_endless_answer_is_cut_off(self):
        def endless(handler):
            handler.send_response(200)
            handler.end_headers()
            while True:
                handler.wfile.write(b"x" * 65536)

        receiver = self.receiver(endless)
        daemon = self.start("--notify-webhook", receiver.url)
        self.build("b", "failure", daemon=daemon)
        self.settle(daemon, 1)
        self.assertEqual(receiver.told.qsize(), 1)

    def test_what_never_comes_through_is_given_up(self):
        receiver = self.receiver(*[500] * 100)
        daemon = self.start("--notify-webhook", receiver.url, "--notify-give-up", "2s")
        self.build("b", "failure", daemon=daemon)
        self.wait_for(lambda: self.metric(daemon, "daybook_deliveries_given_up_total") == 1)
        self.assertEqual(self.metric(daemon, "daybook_deliveries_waiting"), 0)
        self.assertEqual(self.lines()[-1]["outcome"], "given up")
        self.assertRegex(daemon.stop()[1], "is given up after [23] failures: it answered 500")

    def test_the_secret_is_read_again_on_sighup(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        self.write("secret", "another secret that is long enough")
        daemon.process.send_signal(signal.SIGHUP)
        self.build("b", "failure", daemon=daemon)
        self.assertTrue(receiver.next().is_signed("another secret that is long enough"))

    def test_more_turns_than_may_wait_all_come(self):
        receiver = self.receiver()
        daemon = self.start("--notify-webhook", receiver.url)
        daemon.process.send_signal(signal.SIGSTOP)
        lines = "".join(json.dumps({"builder": f"b{i % 7}", "results": (i // 7 + 1) % 2 * 2}) + "\n" for i in range(700))
        self.record_all(lines)
        daemon.process.send_signal(signal.SIGCONT)
        told = receiver.take(700)
        self.assertEqual(len({t.delivery for t in told}), 700)
        for builder in range(7):
            mine = [t.json["build"]["number"] for t in told if t.json["builder"]["name"] == f"b{builder}"]
            self.assertEqual(mine, list(range(1, 101)))
        self.assertEqual(self.metric(daemon, "daybook_deliveries_given_up_total"), 0)

    def record_all(self, lines):
        """By another daemon, which tells nobody."""
        other = Daemon(self.db, "--listen", "127.0.0.1:0")
        self.addCleanup(other.stop)
        for line in lines.splitlines():
            build = json.loads(line)
            self.assertEqual(other.write("POST", f"builders/{build.pop('builder')}/builds", build).status, 201)


class TestCommands(NotifyCase):
    def script(self, text):
        return self.write("tell", "#!/bin/sh\n" + text, 0o700)

    def test_the_facts_come_by_environment_and_stdin_and_no_shell_sees_them(self):
        script = self.script(f'env > "{self.folder}/env"; echo "$@" > "{self.folder}/words"; cat > "{self.folder}/body"\n'
                             f'mv "{self.folder}/body" "{self.folder}/stdin"\n')
        daemon = self.start("--notify-command", script + "  --to  $HOME;x", "--public-url", "https://ci")
        builder = daemon.write("POST", "builders", {"name": ODD}).json["builderid"]
        self.build(builder, "failure", daemon=daemon)
        self.settle(daemon, 1)
        with open(self.path("stdin"), encoding="utf-8") as file:
            body = json.load(file)
        with open(self.path("env"), encoding="utf-8") as file:
            facts = dict(line.rstrip("\n").split("=", 1) for line in file if line.startswith("DAYBOOK_"))
        with open(self.path("words"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "--to $HOME;x\n")
        self.assertEqual({k: v for k, v in facts.items() if k != "DAYBOOK"}, {
            "DAYBOOK_EVENT": "failing", "DAYBOOK_DELIVERY": body["delivery"], "DAYBOOK_TEXT": body["text"],
            "DAYBOOK_URL": f"https://ci/#/builders/{builder}/builds/1", "DAYBOOK_BUILDER": ODD,
            "DAYBOOK_BUILDER_ID": str(builder), "DAYBOOK_BUILD_ID": "1", "DAYBOOK_BUILD_NUMBER": "1",
            "DAYBOOK_BUILD_RESULT": "failure"})
        self.assertEqual(body["builder"]["name"], ODD)
        self.assertEqual([name for name in os.listdir(self.folder) if "pwned" in name], [])

    def test_it_has_nothing_of_the_daemons(self):
        script = self.script(f'ls -l /proc/$$/fd > "{self.folder}/fds"; ps -o pgid= -p $$ > "{self.folder}/group"\n')
        daemon = self.start("--notify-command", script)
        self.build("b", "failure", daemon=daemon)
        self.settle(daemon, 1)
        with open(self.path("fds"), encoding="utf-8") as file:
            fds = file.read()
        self.assertNotIn("sqlite", fds)
        self.assertNotIn("socket", fds)

    def test_one_that_fails_is_run_again_and_what_it_prints_is_logged(self):
        script = self.script(f'echo "no \033[31mluck"; echo "$DAYBOOK_DELIVERY" >> "{self.folder}/ids"\n'
                             f'[ "$(wc -l < "{self.folder}/ids")" -ge 2 ] || exit 7\n')
        daemon = self.start("--notify-command", script)
        self.build("b", "failure", daemon=daemon)
        self.settle(daemon, 1)
        self.assertEqual(self.metric(daemon, "daybook_deliveries_failed_total"), 1)
        with open(self.path("ids"), encoding="utf-8") as file:
            ids = file.read().split()
        self.assertEqual((len(ids), len(set(ids))), (2, 1))
        said = daemon.stop()[1]
        self.assertIn("it ended with 7; again in 1 s", said)
        self.assertIn("no ?[31mluck", said)

    def test_one_that_takes_too_long_is_ended_with_all_that_it_started(self):
        script = self.script(f'trap "" TERM; sleep 60 & echo $! > "{self.folder}/pid"; wait; wait\n')
        daemon = self.start("--notify-command", script, "--notify-timeout", "1s", "--notify-give-up", "1s")
        self.build("b", "failure", daemon=daemon)
        self.wait_for(lambda: self.metric(daemon, "daybook_deliveries_given_up_total") == 1)
        with open(self.path("pid"), encoding="utf-8") as file:
            pid = int(file.read())
        self.wait_for(lambda: not os.path.exists(f"/proc/{pid}") or
                      " Z " in open(f"/proc/{pid}/stat", encoding="utf-8").read(), "the child has gone")
        self.assertIn("it took longer than 1 s", daemon.stop()[1])

    def test_one_that_prints_without_end_fills_neither_memory_nor_log(self):
        script = self.script("yes; exit 0\n")
        daemon = self.start("--notify-command", script, "--notify-timeout", "1s", "--notify-give-up", "1s")
        self.build("b", "failure", daemon=daemon)
        self.wait_for(lambda: self.metric(daemon, "daybook_deliveries_given_up_total") == 1)
        self.assertLess(len(daemon.stop()[1]), 8192)

    def test_one_that_is_not_there_fails(self):
        daemon = self.start("--notify-command", self.path("nosuch"), "--notify-give-up", "1s")
        self.build("b", "failure", daemon=daemon)
        self.wait_for(lambda: self.metric(daemon, "daybook_deliveries_given_up_total") == 1)
        self.assertIn("No such file", daemon.stop()[1])

    def test_on_sigterm_what_runs_is_finished(self):
        script = self.script(f'touch "{self.folder}/begun"; sleep 1; touch "{self.folder}/ended"\n')
        daemon = self.start("--notify-command", script)
        self.build("b", "failure", daemon=daemon)
        self.wait_for(lambda: os.path.exists(self.path("begun")))
        self.assertEqual(daemon.stop(), (0, ""))
        self.assertTrue(os.path.exists(self.path("ended")))
        self.assertEqual(self.lines()[-1]["outcome"], "delivered")


class TestSettings(NotifyCase):
    def refused(self, *words, code=2):
        done = run(self.folder, "serve", "--db", self.db, "--listen", "127.0.0.1:0", *words)
        self.assertEqual((done.code, done.out), (code, ""), words)
        return done.err

    def test_what_is_wrong_is_refused(self):
        for url in ("http://example.org/x", "ftp://127.0.0.1/x", "https://", "https://u:p@h/", "x", "https://h/a b",
                    "http://127.0.0.1.example.org/", "file:///etc/passwd", ""):
            self.assertIn("--notify-webhook is a URL", self.refused("--notify-webhook", url))
            self.assertIn("--notify-chat is a URL", self.refused("--notify-chat", url))
        self.assertIn("--notify-secret", self.refused("--notify-webhook", "https://h/"))
        self.assertIn("a program", self.refused("--notify-command", "  "))
        self.assertIn("needs somebody", self.refused("--expect", "b every 2h"))
        for text in ("b", "b every", "b every 2x", " every 2h", "b every 0", "every 2h", "b every -2"):
            self.assertIn("--expect is", self.refused("--notify-command", "x", "--expect", text))
        self.assertIn("more than 8", self.refused(*["--notify-command", "x"] * 9))
        self.assertIn("--public-url", self.refused("--notify-command", "x", "--public-url", "ci.example.org"))

    def test_a_secret_that_is_none_is_refused(self):
        hook = ("--notify-webhook", "https://127.0.0.1:1/", "--state-directory", self.state, "--notify-secret")
        self.assertIn("No such file", self.refused(*hook, self.path("missing"), code=17))
        self.assertIn("too short", self.refused(*hook, self.write("short", "short\n"), code=17))
        self.assertIn("chmod 600", self.refused(*hook, self.write("open", SECRET, 0o640), code=17))

    def test_they_may_stand_in_the_file_of_settings(self):
        receiver = self.receiver()
        path = self.write("conf", f"db = {self.db}\nlisten = 127.0.0.1:0\nstate-directory = {self.state}\n"
                          f"notify-secret = {self.secret}\nnotify-webhook = {receiver.url}\nnotify-chat = {receiver.url}\n")
        daemon = Daemon(None, "--config", path)
        self.addCleanup(daemon.stop)
        self.build("b", "failure", daemon=daemon)
        told = receiver.take(2)
        self.assertEqual(sorted(len(t.json) for t in told), [1, 6])
        self.assertEqual(len({t.delivery for t in told}), 2)

    def test_a_store_that_lost_its_event_log_has_nothing_to_tell(self):
        with contextlib.closing(sqlite3.connect(self.db)) as db, db:
            db.execute("DROP TABLE daybook_events")
        self.assertIn("daybook upgrade", self.refused("--notify-command", "true", "--state-directory", self.state, code=5))


if __name__ == "__main__":
    sys.exit(main(__name__))
