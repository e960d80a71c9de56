#!/usr/bin/env python3
"""`daybook run` on a terminal: the command has one of its own, and a shell manages the job."""

import os
import shutil
import signal
import sys

from harness import PROGRAM, main

from run_case import (CANCELLED, EXCEPTION, SKIPPED, SUCCESS, Case, Screen, is_running,
                      wait_until)


class Terminal(Case):
    def screen(self, *words, **options):
        screen = Screen([PROGRAM, "run", *words], self.folder, **options)
        self.addCleanup(screen.close)
        return screen

    def test_the_command_is_on_a_terminal(self):
        screen = self.screen("--", "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size",
                             size=(33, 77))
        self.assertEqual(screen.end(), 0)
        self.assertIn(b"33 77\r\n", screen.text)
        self.assertIn(b" #1  success", screen.text)

    def test_what_it_prints_is_kept_as_it_wrote_it(self):
        screen = self.screen("--", "printf", r"one\ntwo\r\n\rthree\033[1m")
        self.assertEqual(screen.end(), 0)
        self.assertIn(b"one\r\ntwo\r\r\n\rthree\x1b[1m\r\n", screen.text)
        self.assertEqual(self.log("printf"), b"one\ntwo\r\n\rthree\x1b[1m")

    def test_much_output_comes_whole(self):
        screen = self.screen("--", "seq", "1", "100000")
        self.assertEqual(screen.end(), 0)
        lines = b"".join(b"%d\r\n" % i for i in range(1, 100001))
        self.assertIn(lines, screen.text)

    def test_keys_go_to_the_command(self):
        screen = self.screen("--", "sh", "-c", "echo ask; read x; echo got $x; cat; echo end")
        screen.expect("ask")
        screen.send("yes\n")
        screen.expect("got yes")
        screen.send("line\n")
        screen.expect("line\r\nline")
        screen.send("\x04")
        self.assertEqual(screen.end(), 0)
        self.assertIn(b"got yes\nline\nline\nend\n", self.log("sh"))

    def test_what_was_typed_before_is_the_commands(self):
        os.mkfifo(self.file("gate"))
        script = f"echo begun; read x < gate; exec {PROGRAM} run -- cat"
        screen = Screen(["/bin/sh", "-c", script], self.folder)
        self.addCleanup(screen.close)
        screen.expect("begun")
        screen.send("early\n\x04")
        screen.expect("early")
        self.open_gate()
        self.assertEqual(screen.end(), 0)
        self.assertIn(b"early\n", self.log("cat"))

    def test_ctrl_c_cancels(self):
        screen = self.screen("-k", "--step", "a", "exec " + " ".join(self.lasting()),
                             "--step", "b", "echo more")
        modes = screen.modes()
        screen.expect("begun")
        screen.send("\x03")
        self.assertEqual(screen.end(), -signal.SIGINT)
        self.assertNotIn(b"more", screen.text)
        self.assertEqual([s["results"] for s in self.steps()], [EXCEPTION, SKIPPED])
        self.assertEqual(self.build()["results"], CANCELLED)
        self.assertEqual(modes[3], Screen.modes(self.screen("--", "true"))[3])

    def test_a_command_may_take_ctrl_c_for_itself(self):
        screen = self.screen("--", "sh", "-c", "trap 'echo caught; exit 0' INT; echo begun; "
                             "while :; do sleep 0.05; done")
        screen.expect("begun")
        screen.send("\x03")
        self.assertEqual(screen.end(), 0)
        self.assertEqual(self.build()["results"], SUCCESS)

    def test_the_size_follows(self):
        screen = self.screen("--", "sh", "-c", "trap 'stty size' WINCH; echo begun; "
                             "while :; do sleep 0.05; done")
        screen.expect("begun")
        screen.resize(11, 22)
        screen.expect("11 22")
        screen.send("\x03")
        screen.end()

    def test_stdin_may_be_another_thing(self):
        with open(self.file("in"), "w", encoding="ascii") as file:
            file.write("from a file\n")
        screen = self.screen("--", "sh", "-c", "cat; test -t 1 && echo terminal",
                             before=lambda: os.dup2(os.open("in", os.O_RDONLY), 0))
        self.assertEqual(screen.end(), 0)
        self.assertIn(b"from a file\r\nterminal\r\n", screen.text)
        self.assertNotIn(b"\r\r\n", screen.text)

    def test_stderr_may_be_another_thing(self):
        screen = self.screen("--", "sh", "-c", "echo out; echo err >&2",
                             before=lambda: os.dup2(os.open("err", os.O_WRONLY | os.O_CREAT), 2))
        self.assertEqual(screen.end(), 0)
        self.assertEqual(screen.text, b"out\r\n")
        with open(self.file("err"), encoding="ascii") as file:
            self.assertTrue(file.read().startswith("err\ndaybook: created ./daybook.sqlite\n"))

    def test_what_stays_in_the_background_lives_on(self):
        screen = self.screen("--", "sh", "-c", "(sleep 0.5; echo lived > proof) & echo begun")
        self.assertEqual(screen.end(), 0)
        wait_until(lambda: os.path.exists(self.file("proof")), "the proof")

    def test_a_terminal_that_goes_away_ends_the_command(self):
        screen = self.screen("--", "sh", "-c", "echo $$ begun; exec sleep 60")
        screen.expect(" begun")
        command = int(screen.text.split()[-2])
        self.assertEqual(screen.close(), -signal.SIGHUP)
        wait_until(lambda: not is_running(command), "its end")
        self.assertEqual(self.build()["results"], CANCELLED)

    def test_a_killed_recorder_takes_the_command_along(self):
        screen = self.screen("--", "sh", "-c", "echo $$ begun; exec sleep 60")
        screen.expect(" begun")
        command = int(screen.text.split()[-2])
        os.kill(screen.pid, signal.SIGKILL)
        wait_until(lambda: not is_running(command), "its end")


class Shell(Case):
    """Under a shell with job control."""

    def setUp(self):
        super().setUp()
        bash = shutil.which("bash")
        if not bash:
            self.skipTest("bash is not installed")
        self.screen = Screen([bash, "--norc", "--noprofile", "-i"], self.folder)
        self.addCleanup(self.screen.close)
        self.screen.send("bind 'set enable-bracketed-paste off'\n")
        self.say(f"daybook() {{ {PROGRAM} \"$@\"; }}")

    def say(self, line):
        self.screen.send(line + "; echo ready''-\n")
        self.screen.expect("ready-")

    def wait_for_output(self):
        path = self.file("out")
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path), "some output")

    def leave(self):
        self.screen.send("exit\n")
        self.screen.end()

    def stop_and_go_on(self, line):
        os.mkfifo(self.file("gate"))
        self.say("stty -g > before")
        self.screen.send(line + "\n")
        self.screen.expect("begun")
        self.screen.send("\x1a")
        self.screen.expect("Stopped")
        self.say("stty -g > after")
        self.screen.send("fg\n")
        self.screen.expect("run")
        self.open_gate()
        wait_until(lambda: self.build()["complete_at"], "the end")
        self.leave()
        with open(self.file("before"), "rb") as before, open(self.file("after"), "rb") as after:
            self.assertEqual(before.read(), after.read())
        self.assertEqual(self.build()["results"], SUCCESS)

    def test_ctrl_z_and_fg_with_a_terminal(self):
        self.stop_and_go_on(f"{PROGRAM} run -- sh -c 'echo be''gun; read x < gate; echo went on'")
        self.assertEqual(self.log("sh").replace(b"^Z", b""), b"begun\nwent on\n")

    def test_ctrl_z_and_fg_with_pipes(self):
        self.stop_and_go_on(f"{PROGRAM} run -- sh -c 'echo be''gun; read x < gate; echo went on'"
                            " | cat")
        self.assertEqual(self.log("sh"), b"begun\nwent on\n")

    def test_ctrl_c_with_pipes_cancels(self):
        self.screen.send(f"{PROGRAM} run -- {' '.join(self.lasting())} | cat\n")
        self.screen.expect("begun")
        self.screen.send("\x03")
        wait_until(lambda: self.build()["complete_at"], "the end")
        self.assertEqual(self.build()["results"], CANCELLED)
        self.leave()

    def test_ctrl_c_with_pipes_may_be_taken_by_the_command(self):
        self.screen.send(f"{PROGRAM} run -- sh -c 'trap \"echo caught; exit 0\" INT; echo be''gun; "
                         "while :; do sleep 0.05; done' > out\n")
        self.wait_for_output()
        self.screen.send("\x03")
        wait_until(lambda: self.build()["complete_at"], "the end")
        self.assertEqual(self.build()["results"], SUCCESS)
        self.leave()

    def test_in_the_background_it_leaves_the_terminal_alone(self):
        self.say("stty -g > before")
        os.mkfifo(self.file("gate"))
        self.screen.send(f"{PROGRAM} run -- sh -c 'echo be''gun; read x < gate' &\n")
        self.screen.expect("begun")
        self.say("stty -g > after")
        self.open_gate()
        self.screen.expect("success")
        self.leave()
        with open(self.file("before"), "rb") as before, open(self.file("after"), "rb") as after:
            self.assertEqual(before.read(), after.read())

    def test_commands_that_ask_the_terminal_are_not_stopped(self):
        self.screen.send(f"{PROGRAM} run -- sh -c 'echo be''gun; read x < /dev/tty; echo got $x' "
                         "< /dev/null > out\n")
        self.wait_for_output()
        self.screen.send("an answer\n")
        wait_until(lambda: self.build()["complete_at"], "the end")
        self.leave()
        self.assertEqual(self.log("sh"), b"begun\ngot an answer\n")


if __name__ == "__main__":
    sys.exit(main(__name__))
