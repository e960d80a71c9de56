#!/usr/bin/env python3
"""`daybook run` as a process among others: output, descriptors, environment, signals."""

import os
import random
import signal
import subprocess
import sys
import time

from harness import DEADLINE_S, PROGRAM, environment, main

from run_case import (CANCELLED, EXCEPTION, SKIPPED, SUCCESS, Case, is_running, state_of,
                      wait_until)


class Output(Case):
    def test_fifty_megabytes_pass_byte_for_byte(self):
        data = random.Random(1).randbytes(50_000_000)
        with open(self.file("data"), "wb") as file:
            file.write(data)
        self.assertEqual(self.run_it("--", "cat", "data").out, data)
        with open(self.file("copy"), "wb") as copy:
            self.assertEqual(self.start("--", "cat", "data", stdout=copy).wait(DEADLINE_S), 0)
        with open(self.file("copy"), "rb") as copy:
            self.assertEqual(copy.read(), data)
        value = self.log("cat")
        self.assertLessEqual(len(value), 1 << 20)
        self.assertGreater(len(value), (1 << 20) - 100)
        head, gap, tail = value.partition(b"\n[daybook: ")
        left_out, _, tail = tail.partition(b" bytes left out]\n")
        self.assertTrue(data.startswith(head) and gap and data.endswith(tail))
        self.assertEqual(int(left_out), len(data) - len(head) - len(tail))
        self.assertLess(abs(len(head) - len(tail)), 100)

    def test_log_max_sets_what_is_kept(self):
        script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done"
        full = b"".join(b"line %d\n" % i for i in range(3000))
        self.assertEqual(self.shell(script, "--log-max", "2K").out, full)
        value = self.log("sh")
        self.assertLessEqual(len(value), 2048)
        self.assertRegex(value, rb"\Aline 0\n(?s:.*)\n\[daybook: \d+ bytes left out\]\n(?s:.*)"
                                rb"line 2999\n\Z")
        self.shell(script, "--log-max", str(len(full)))
        self.assertEqual(self.log("sh"), full)
        self.shell(script, "--log-max", str(len(full) - 1))
        self.assertIn(b" bytes left out]\n", self.log("sh"))

    def test_log_max_zero_keeps_nothing(self):
        self.assertEqual(self.shell("echo x", "--log-max", "0").out, b"x\n")
        self.assertIsNone(self.log("sh"))
        self.assertEqual(self.build()["results"], SUCCESS)

    def test_a_log_max_that_is_none_is_refused(self):
        for size in ("x", "-1", "10", "2G", "1Q"):
            self.assertEqual(self.shell("echo x", "--log-max", size).code, 2, size)

    def test_stdout_and_stderr_stay_apart(self):
        done = self.shell("echo one; echo two >&2; echo three")
        self.assertEqual(done.out, b"one\nthree\n")
        self.assertTrue(done.err.startswith("two\n") or "\ntwo\n" in done.err)
        self.assertEqual(sorted(self.log("sh").split()), [b"one", b"three", b"two"])

    def test_in_one_place_they_keep_their_order(self):
        child = self.start("--", "sh", "-c",
                           "for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done",
                           stderr=subprocess.STDOUT)
        order = b"".join(b"o%d\ne%d\n" % (i, i) for i in range(1, 10))
        self.assertIn(order, child.communicate(timeout=DEADLINE_S)[0])
        self.assertEqual(self.log("sh"), order)

    def test_output_is_not_held_back(self):
        os.mkfifo(self.file("gate"))
        child = self.start("--", "sh", "-c", "printf 'no newline'; read x < gate")
        self.assertEqual(os.read(child.stdout.fileno(), 100), b"no newline")
        self.open_gate()
        self.assertEqual(child.wait(DEADLINE_S), 0)

    def test_stdin_is_the_commands(self):
        self.assertEqual(self.run_it("--", "cat", stdin=b"given\0\xff").out, b"given\0\xff")

    def test_a_reader_that_goes_away_ends_the_command_as_ever(self):
        reader, writer = os.pipe()
        child = self.start("--", "yes", stdout=writer)
        os.close(writer)
        os.read(reader, 10)
        os.close(reader)
        self.assertEqual(child.wait(DEADLINE_S), 128 + signal.SIGPIPE)
        self.assertEqual(self.steps()[0]["state_string"], "ended by signal 13 (Broken pipe)")

    def test_a_slow_reader_gets_all(self):
        child = self.start("--", "seq", "1", "100000")
        wait_until(lambda: os.path.exists(self.path) and self.builds(), "the build")
        out = child.communicate(timeout=DEADLINE_S)[0]
        self.assertEqual(out, b"".join(b"%d\n" % i for i in range(1, 100001)))

    def test_closed_descriptors_are_no_harm(self):
        for closing in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            script = f'"$0" run --step s "echo out; echo err >&2" {closing}'
            done = subprocess.run(["sh", "-c", script, PROGRAM], cwd=self.folder, check=False,
                                  env=environment(), capture_output=True, timeout=DEADLINE_S)
            self.assertEqual(done.returncode, 0, closing)
            self.assertEqual(sorted(self.log("s").split()), [b"err", b"out"], closing)
        self.assertEqual(self.query("PRAGMA integrity_check")[0][0], "ok")

    def test_a_full_disk_behind_stdout_is_told_and_no_harm(self):
        with open("/dev/full", "wb") as full:
            child = self.start("--", "sh", "-c", "echo x; echo y", stdout=full)
        self.assertIn(b"No space left", child.communicate(timeout=DEADLINE_S)[1])
        self.assertEqual(child.returncode, 0)
        self.assertEqual(self.log("sh"), b"x\ny\n")

    def test_what_stays_in_the_background_holds_nobody_up(self):
        done = self.shell("sleep 30 & echo $!")
        self.assertEqual(done.code, 0)
        self.assertLess(done.seconds, 10)
        self.assertEqual(self.log("sh"), done.out)
        os.kill(int(done.out), signal.SIGKILL)

    def test_what_chatters_in_the_background_holds_nobody_up(self):
        done = self.shell("(while :; do echo x; sleep 0.02; done) & echo begun")
        self.assertEqual(done.code, 0)
        self.assertLess(done.seconds, 10)
        self.assertIn(b"begun\n", done.out)

    def test_what_was_printed_last_is_there(self):
        for _ in range(5):
            done = self.shell("sleep 30 & head -c 60000 /dev/zero; echo $!")
            self.assertEqual(len(done.out.strip(b"\0").strip()) > 0, True)
            self.assertEqual(done.out.count(b"\0"), 60000)
            os.kill(int(done.out.strip(b"\0")), signal.SIGKILL)


class Surroundings(Case):
    def test_the_command_knows_its_build(self):
        done = self.shell("echo $DAYBOOK_DB $DAYBOOK_BUILD $DAYBOOK_STEP", DAYBOOK_BUILD="77",
                          DAYBOOK_STEP="78")
        step = self.steps()[0]
        self.assertEqual(done.out.decode().split(),
                         [os.path.realpath(self.path), str(step["buildid"]), str(step["id"])])

    def test_without_a_record_it_knows_none(self):
        done = self.shell("echo $DAYBOOK_BUILD.$DAYBOOK_STEP", "--db", "/no/such/place.sqlite",
                          DAYBOOK_BUILD="77", DAYBOOK_STEP="78")
        self.assertEqual((done.code, done.out), (0, b".\n"))

    def test_it_has_three_descriptors_and_those_of_the_caller(self):
        # The shell opens the folder to list it, which makes one more.
        show = "cd /proc/self/fd; echo *"
        direct = subprocess.run(["sh", "-c", show], stdin=subprocess.DEVNULL, capture_output=True,
                                check=True).stdout
        self.assertEqual(self.shell(show).out, direct)
        reader, writer = os.pipe()
        child = self.start("--", "sh", "-c", f"echo kept >&{writer}", pass_fds=[writer])
        os.close(writer)
        self.assertEqual(os.read(reader, 10), b"kept\n")
        self.assertEqual(child.wait(DEADLINE_S), 0)
        os.close(reader)

    def test_its_signals_are_as_the_callers(self):
        show = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"
        direct = subprocess.run(["sh", "-c", show], capture_output=True, check=True).stdout
        self.assertEqual(self.shell(show).out, direct)
        ignoring = subprocess.run(["sh", "-c", f"trap '' HUP PIPE; \"$0\" run -- sh -c \"{show}\"",
                                   PROGRAM], cwd=self.folder, env=environment(), check=True,
                                  capture_output=True).stdout
        ignored = int(ignoring.split()[3], 16)
        self.assertEqual(ignored & 1 << signal.SIGHUP - 1, 1 << signal.SIGHUP - 1)
        self.assertEqual(ignored & 1 << signal.SIGPIPE - 1, 1 << signal.SIGPIPE - 1)

    def test_sigchld_may_be_ignored_by_the_caller(self):
        child = self.start("--", "sh", "-c", "exit 7",
                           preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertEqual(child.wait(DEADLINE_S), 7)


class Signals(Case):
    def begin(self, script, *options, before="", **popen):
        """Starts a script, and waits until it is under way."""
        child = self.start(*options, "--", "sh", "-c", before + "echo begun; " + script, **popen)
        self.assertEqual(child.stdout.readline(), b"begun\n")
        return child

    def expect_cancelled(self, child, signo):
        self.assertEqual(child.wait(DEADLINE_S), -signo)
        self.assertEqual(self.build()["results"], CANCELLED)
        self.assertIn(f"signal {signo:d}", self.build()["state_string"])
        self.assertEqual(self.steps()[0]["results"], EXCEPTION)
        self.assertIn(f"ended by signal {signo:d}", self.steps()[0]["state_string"])

    def test_the_command_gets_it_and_the_build_is_cancelled(self):
        for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            child = self.start("--", *self.lasting())
            self.assertEqual(child.stdout.readline(), b"begun\n")
            child.send_signal(signo)
            self.expect_cancelled(child, signo)
            os.unlink(self.path)
            for leftover in os.listdir(self.folder):
                os.unlink(self.file(leftover))

    def test_it_reaches_all_that_the_command_started(self):
        child = self.begin("sleep 60 & echo $!; wait")
        grandchild = int(child.stdout.readline())
        child.send_signal(signal.SIGTERM)
        self.expect_cancelled(child, signal.SIGTERM)
        self.assertFalse(is_running(grandchild))

    def test_who_does_not_listen_is_killed(self):
        child = self.begin("sleep 60 & echo $!; wait; sleep 60", before="trap '' TERM; ")
        grandchild = int(child.stdout.readline())
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(DEADLINE_S), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(self.steps()[0]["state_string"], "ended by signal 9 (Killed)")
        self.assertEqual(self.build()["results"], CANCELLED)
        self.assertFalse(is_running(grandchild))

    def test_a_command_may_tidy_up(self):
        child = self.begin("while :; do :; done", before="trap 'echo tidy; exit 3' TERM; ")
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.stdout.read(), b"tidy\n")
        self.expect_cancelled(child, signal.SIGTERM)
        self.assertIn("exit status 3", self.steps()[0]["state_string"])
        self.assertEqual(self.log("sh"), b"begun\ntidy\n")

    def test_the_remaining_steps_are_skipped(self):
        child = self.start("--keep-going", "--step", "a", "echo begun; sleep 60",
                           "--step", "b", "echo b")
        self.assertEqual(child.stdout.readline(), b"begun\n")
        child.send_signal(signal.SIGTERM)
        self.expect_cancelled(child, signal.SIGTERM)
        self.assertEqual(self.steps()[1]["results"], SKIPPED)
        self.assertEqual(child.stdout.read(), b"")

    def test_one_that_the_caller_ignores_stays_ignored(self):
        os.mkfifo(self.file("gate"))
        child = self.begin("read x < gate; echo ended",
                           preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        child.send_signal(signal.SIGHUP)
        self.open_gate()
        self.assertEqual(child.stdout.read(), b"ended\n")
        self.assertEqual(child.wait(DEADLINE_S), 0)

    def test_stop_and_continue(self):
        child = self.begin("echo $$; exec sleep 60")
        command = int(child.stdout.readline())
        child.send_signal(signal.SIGTSTP)
        wait_until(lambda: state_of(child.pid) == "T" and state_of(command) == "T", "the stop")
        child.send_signal(signal.SIGCONT)
        wait_until(lambda: state_of(child.pid) != "T" and state_of(command) != "T", "the end of it")
        child.send_signal(signal.SIGTERM)
        child.stdout.read()
        self.expect_cancelled(child, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(__name__))
