#!/usr/bin/env python3
"""`daybook run` with --timeout, --quiet, --once and --redact, and from cron."""

import json
import os
import signal
import subprocess
import sys
import time

from harness import DEADLINE_S, PROGRAM, main

from run_case import (EXCEPTION, FAILURE, SKIPPED, SUCCESS, Case, is_running, wait_until)


class Timeout(Case):
    def test_it_ends_all_that_the_command_started(self):
        done = self.shell("sleep 60 & echo $!; sleep 60", "--timeout", "1")
        self.assertEqual(done.code, 124)
        self.assertLess(done.seconds, 5)
        self.assertFalse(is_running(int(done.out)))
        self.assertEqual((self.build()["results"], self.steps()[0]["results"]),
                         (EXCEPTION, EXCEPTION))
        self.assertRegex(self.build()["state_string"], "^sh: timed out: ")
        self.assertRegex(self.steps()[0]["state_string"], "^timed out: .* 1 s$")

    def test_who_does_not_listen_is_killed(self):
        done = self.shell("trap '' TERM; sleep 60 & echo $!; wait; sleep 60", "--timeout", "1s")
        self.assertEqual(done.code, 124)
        self.assertLess(done.seconds, 20)
        self.assertFalse(is_running(int(done.out)))

    def test_it_is_for_all_steps_together(self):
        done = self.run_it("--keep-going", "--timeout", "2s", "--step", "a", "sleep 1",
                           "--step", "b", "sleep 60", "--step", "c", "echo c")
        self.assertEqual((done.code, done.out), (124, b""))
        self.assertLess(done.seconds, 6)
        self.assertEqual([step["results"] for step in self.steps()],
                         [SUCCESS, EXCEPTION, SKIPPED])

    def test_one_that_is_in_time_is_as_ever(self):
        self.assertEqual(self.shell("exit 3", "--timeout", "1h").code, 3)
        self.assertEqual(self.build()["results"], FAILURE)

    def test_what_is_no_time_is_refused(self):
        for given in ("", "0", "-1", "x", "5x", "1.5", "s", "9999999999999999d"):
            done = self.shell("touch ran", "--timeout", given)
            self.assertEqual(done.code, 2, given)
        self.assertEqual(os.listdir(self.folder), [])


class Quiet(Case):
    def test_one_that_goes_well_says_nothing(self):
        done = self.shell("echo out; echo err >&2", "--quiet")
        self.assertEqual((done.code, done.out, done.err), (0, b"", ""))
        self.assertEqual(self.log("sh"), b"out\nerr\n")

    def test_one_that_fails_prints_all_in_its_order(self):
        done = self.run_it("-q", "--step", "a", "echo 1; echo 2 >&2; echo 3",
                           "--step", "b", "echo 4; exit 7")
        self.assertEqual((done.code, done.out), (7, b"1\n2\n3\n4\n"))
        self.assertRegex(done.err.splitlines()[-1], "failure .* b: exit status 7$")

    def test_one_that_cannot_be_executed_says_so_once(self):
        done = self.run_it("-q", "--", "no-such-command")
        self.assertEqual((done.code, done.out.count(b"cannot run no-such-command")), (127, 1))
        self.assertNotIn("cannot run no-such-command", done.err)

    def test_what_is_not_recorded_is_told(self):
        done = self.shell("echo out", "--quiet", "--db", "no/such.sqlite")
        self.assertEqual((done.code, done.out), (0, b""))
        self.assertRegex(done.err, "^daybook: this run was not recorded: .*\n$")


class Once(Case):
    def begin(self):
        os.mkfifo(self.file("gate"))
        child = self.start("--builder", "job", "--", "sh", "-c", "echo begun; read x < gate")
        self.assertEqual(child.stdout.readline(), b"begun\n")
        return child

    def test_it_is_left_out_while_the_last_one_runs(self):
        child = self.begin()
        done = self.run_it("--once", "--builder", "job", "--", "echo", "ran")
        self.assertEqual((done.code, done.out), (75, b""))
        self.assertRegex(done.err, rf"^daybook: not run: job still runs since 20.*"
                                   rf"\(process {child.pid}\)\n$")
        self.assertEqual(self.run_it("--once", "-q", "--builder", "job", "--", "true").err, "")
        self.open_gate()
        self.assertEqual(child.wait(DEADLINE_S), 0)
        done = self.run_it("--once", "--builder", "job", "--", "echo", "ran")
        self.assertEqual((done.code, done.out), (0, b"ran\n"))
        self.assertEqual(len(self.builds()), 2)

    def test_another_builder_or_database_is_no_reason(self):
        child = self.begin()
        self.assertEqual(self.run_it("--once", "--builder", "other", "--", "true").code, 0)
        self.assertEqual(self.run_it("--once", "--builder", "job", "--db", self.file("b.sqlite"),
                                     "--", "true").code, 0)
        self.open_gate()
        self.assertEqual(child.wait(DEADLINE_S), 0)

    def test_one_that_was_killed_is_no_reason(self):
        child = self.begin()
        wait_until(self.builds, "the build")
        child.kill()
        child.wait(DEADLINE_S)
        self.assertEqual(self.run_it("--once", "--builder", "job", "--", "true").code, 0)
        self.assertEqual([b["results"] for b in self.builds()], [EXCEPTION, SUCCESS])

    def test_of_many_at_once_one_runs(self):
        os.mkfifo(self.file("gate"))
        children = [self.start("--once", "-q", "--builder", "job", "--", "sh", "-c",
                               "echo ran; read x < gate") for _ in range(8)]
        wait_until(lambda: sum(child.poll() is not None for child in children) == 7, "the others")
        self.open_gate()
        self.assertEqual(sorted(child.wait(DEADLINE_S) for child in children), [0] + [75] * 7)
        self.assertEqual(len(self.builds()), 1)

    def test_without_a_place_to_look_it_runs(self):
        done = self.run_it("--once", "--", "echo", "ran", XDG_STATE_HOME="/proc")
        self.assertEqual((done.code, done.out), (0, b"ran\n"))
        self.assertIn("--once cannot tell", done.err)


class Redact(Case):
    SECRET = "tok'en \"42\" \u00fc"

    def redacted(self, *words, **env):
        done = self.run_it("--redact", "TOKEN", *words, TOKEN=env.pop("secret", self.SECRET), **env)
        with open(self.path, "rb") as file:
            self.assertNotIn(self.SECRET.encode(), file.read())
        return done

    def test_it_is_masked_in_what_is_printed_and_kept(self):
        done = self.redacted("--", "sh", "-c", 'echo "a${TOKEN}b$TOKEN"; echo "$TOKEN" >&2')
        self.assertEqual((done.code, done.out), (0, b"a***b***\n"))
        self.assertIn("***\n", done.err)
        self.assertEqual(sorted(self.log("sh").split()), [b"***", b"a***b***"])

    def test_a_variable_that_is_not_set_is_told(self):
        done = self.run_it("--redact", "TOKNE", "--", "echo", "ran")
        self.assertEqual((done.code, done.out), (0, b"ran\n"))
        self.assertIn("--redact TOKNE: there is no such variable", done.err)

    def test_it_is_masked_when_it_comes_in_pieces(self):
        script = ("import os, sys, time\nsecret = os.environb[b'TOKEN']\n"
                  "for text in (b'<' + secret + b'>', secret[:3], b'-', secret[:-1]):\n"
                  "    for i in range(len(text)):\n"
                  "        os.write(1, text[i:i + 1])\n        time.sleep(0.01)\n")
        done = self.redacted("--step", "s", "--", sys.executable, "-c", script)
        rest = self.SECRET.encode()
        self.assertEqual(done.out, b"<***>" + rest[:3] + b"-" + rest[:-1])
        self.assertEqual(self.log("s"), done.out)

    def test_a_large_output_is_whole(self):
        script = ("import os\nfor i in range(3000):\n"
                  "    os.write(1, b'%d ' % i * 40 + os.environb[b'TOKEN'] + b'\\n')\n")
        done = self.redacted("--", sys.executable, "-c", script)
        self.assertEqual(done.out, b"".join(b"%d " % i * 40 + b"***\n" for i in range(3000)))

    def test_a_databases_password_is_masked_without_being_asked(self):
        for url, shown in (("me:s3cret@127.0.0.1:1/x", "***@127.0.0.1:1/x"),
                           ("127.0.0.1:1/x?user=me&password=s3cret&sslmode=disable", "127.0.0.1:1/x?user=me&***&sslmode=disable"),
                           ("me:ab@127.0.0.1:1/x?sslpassword=two&password=one", "***@127.0.0.1:1/x?ssl***&***"),
                           ("me:@127.0.0.1:1/x?password=&sslmode=disable", "me:@127.0.0.1:1/x?password=&sslmode=disable")):
            done = self.run_it("--db", "postgresql://" + url, "--", "sh", "-c", 'echo "$DAYBOOK_DB me: s3cret"')
            self.assertEqual((done.code, done.out), (0, f"postgresql://{shown} me: s3cret\n".encode()))

    def test_it_is_masked_in_properties(self):
        self.redacted("-p", 'a="x' + self.SECRET.replace('"', '\\"') + 'y"', "--", "echo",
                      self.SECRET, "b")
        self.assertEqual((self.properties()["a"], self.properties()["command"]),
                         ("x***y", "echo '***' b"))

    def test_it_is_masked_in_what_is_kept_for_later(self):
        done = self.run_it("--redact", "TOKEN", "--db", "no/such.sqlite", "-p", 'a="xhunter2"',
                           "--step", "s", "echo hunter2; echo hunt; echo er2 >&2; exit 3",
                           TOKEN="hunter2")
        self.assertEqual(done.code, 3)
        names = os.listdir(self.spool)
        self.assertEqual(len(names), 3)
        for name in names:
            with open(os.path.join(self.spool, name), "rb") as file:
                self.assertNotIn(b"hunter2", file.read(), name)
        os.mkdir(self.file("no"))
        self.assertEqual(self.daybook("push").code, 0)
        self.path = self.file("no/such.sqlite")
        self.assertEqual(sorted(self.log("s").split()), [b"***", b"er2", b"hunt"])
        self.assertEqual(self.properties()["a"], "x***")

    def test_a_value_that_is_no_text_is_masked_whole(self):
        self.redacted("-p", "a=[1, 4711]", "--step", "s", "echo 4711", secret="4711")
        self.assertEqual((self.properties()["a"], self.properties()["command"]),
                         ("***", ["echo ***"]))
        self.assertEqual(self.log("s"), b"***\n")

    def test_each_line_of_a_secret_is_one(self):
        done = self.redacted("--", "sh", "-c", "echo 'first line'; echo second; echo 'b c'",
                             secret="first line\nsecond\nc\n")
        self.assertEqual(done.out, b"***\n***\nb c\n")

    def test_one_that_is_not_set_masks_nothing(self):
        self.assertEqual(self.run_it("--redact", "NO_SUCH_NAME", "--", "echo", "x").out, b"x\n")
        self.assertEqual(self.redacted("--", "echo", "x", secret="").out, b"x\n")

    def test_a_wrong_name_is_refused(self):
        self.assertEqual(self.run_it("--redact", "A=b", "--", "true").code, 2)
        self.assertEqual(self.run_it("--redact", "", "--", "true").code, 2)


class Within(Case):
    """What a step's script says of the build and step that it is of."""

    def script(self, text):
        done = self.run_it("--step", "a", "true", "--step", "b", f'set -e; d="{PROGRAM}"\n{text}')
        self.assertEqual(done.code, 0, done.err)
        return done

    def urls(self):
        return [json.loads(step["urls_json"]) for step in self.steps()]

    def test_a_property_is_set(self):
        self.script('$d properties set coverage 81.5; $d properties set . more \'"x"\'\n'
                    '$d properties set "$DAYBOOK_BUILD" third null; $d properties get coverage')
        rows = self.query("SELECT name, value FROM build_properties WHERE source = 'daybook'")
        self.assertEqual({row["name"]: row["value"] for row in rows},
                         {"coverage": "81.5", "more": '"x"', "third": "null"})
        self.assertEqual(self.log("b"), b"81.5\n")

    def test_data_are_put(self):
        self.script("echo one > file; $d data put . report file; echo two | $d data put report2")
        rows = self.query("SELECT name, value FROM build_data WHERE source = 'daybook'")
        self.assertEqual({row["name"]: bytes(row["value"]) for row in rows},
                         {"report": b"one\n", "report2": b"two\n"})

    def test_a_step_gets_urls(self):
        self.script("$d steps url Report http://a/1; $d steps url . . More http://a/2\n"
                    "$d steps url . a First http://a/3; $d steps url . 0 Second http://a/4\n"
                    "$d steps url Report http://a/1")
        self.assertEqual(self.urls(),
                         [[{"name": "First", "url": "http://a/3"},
                           {"name": "Second", "url": "http://a/4"}],
                          [{"name": "Report", "url": "http://a/1"},
                           {"name": "More", "url": "http://a/2"}]])

    def test_it_is_done_from_another_folder_as_well(self):
        self.script("mkdir deep; cd deep; $d properties set x 1; $d steps url Report http://a/1")
        self.assertEqual(len(self.urls()[1]), 1)
        self.assertEqual(os.listdir(self.file("deep")), [])

    def test_outside_of_a_run_there_is_no_such_build(self):
        self.run_it("--builder", "job", "--step", "a", "true")
        for words in (["properties", "set", ".", "x", "1"], ["steps", "url", ".", "a", "N", "U"]):
            done = self.daybook(*words)
            self.assertEqual(done.code, 3)
            self.assertIn("DAYBOOK_BUILD is not set", done.err)
        self.assertEqual(self.daybook("properties", "set", "x", "1").code, 2)
        done = self.daybook("steps", "url", "job/1", "N", "U")
        self.assertEqual(done.code, 3)
        self.assertIn("DAYBOOK_STEP is not set", done.err)
        for step in ("b", "1", "99999999999999999999"):
            done = self.daybook("steps", "url", "job/1", step, "N", "U")
            self.assertEqual(done.code, 3, step)
            self.assertIn(f"job/1 has no step {step}", done.err)
        self.assertEqual(self.daybook("steps", "url", "job/1", "a", "N", "U").code, 0)

    def test_the_step_of_another_build_gets_none(self):
        self.run_it("--builder", "job", "--step", "a", "true")
        self.run_it("--builder", "job", "--step", "a", "true")
        done = self.daybook("steps", "url", "job/1", ".", "N", "U",
                            DAYBOOK_STEP=str(self.steps()[1]["id"]))
        self.assertEqual(done.code, 3)
        self.assertEqual(self.urls(), [[], []])


class Cron(Case):
    def test_as_cron_runs_it(self):
        # Few variables, no terminal, /bin/sh, the home directory, and mail for what is printed.
        home = self.file("home")
        os.mkdir(home)
        line = (f'{PROGRAM} run --builder nightly --db "$HOME/daybook.sqlite" -- '
                'sh -c "ls / > list; test ! -t 0 && echo done"')
        self.path = os.path.join(home, "daybook.sqlite")
        done = subprocess.run(
            ["env", "-i", "PATH=/usr/bin:/bin", f"HOME={home}", "LOGNAME=root", "SHELL=/bin/sh",
             "/bin/sh", "-c", line], cwd=home, stdin=subprocess.DEVNULL, capture_output=True,
            start_new_session=True, timeout=DEADLINE_S, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b"done\n"))
        self.assertIn(b"nightly #1  success", done.stderr)
        self.assertEqual(self.build()["results"], SUCCESS)
        self.assertEqual(os.listdir(os.path.join(home, ".local/state/daybook/spool")), [])

    def test_without_a_home_it_runs_as_well(self):
        done = subprocess.run(["env", "-i", f"XDG_STATE_HOME={self.state}", PROGRAM, "run", "--", "/bin/echo", "ran"],
                              cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
                              start_new_session=True, timeout=DEADLINE_S, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b"ran\n"))
        self.assertEqual(self.build()["results"], SUCCESS)

    def test_a_signal_ends_a_run_with_a_timeout_as_ever(self):
        child = self.start("--timeout", "60", "--", *self.lasting())
        self.assertEqual(child.stdout.readline(), b"begun\n")
        child.send_signal(signal.SIGTERM)
        began = time.monotonic()
        self.assertEqual(child.wait(DEADLINE_S), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    sys.exit(main(__name__))
