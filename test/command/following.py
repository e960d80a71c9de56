"""`daybook events --follow` while it runs. Not a test itself."""

import subprocess
import threading
import time

from harness import DEADLINE_S, PROGRAM, environment


class Following:
    """A `daybook events --follow` that runs. Its lines are read by a thread: a wait for one has an end."""

    def __init__(self, case, *words):
        self.child = subprocess.Popen([PROGRAM, "events", "--follow", *words], cwd=case.folder,
                                      env=environment(), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.times = [], []  # and when each of them came
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        case.addCleanup(self.stop)

    def read(self):
        for line in self.child.stdout:
            with self.news:
                self.lines.append(line)
                self.times.append(time.monotonic())
                self.news.notify_all()

    def wait_for(self, count):
        """Waits until there are so many lines; gives them."""
        with self.news:
            if not self.news.wait_for(lambda: len(self.lines) >= count, DEADLINE_S):
                raise AssertionError(f"only {len(self.lines)} of {count} lines came")
            return list(self.lines)

    def end(self, signo=None):
        """Gives the exit status and what came on stderr."""
        if signo:
            self.child.send_signal(signo)
        code = self.child.wait(DEADLINE_S)
        self.reader.join()
        return code, self.child.stderr.read()

    def stop(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.reader.join()
        self.child.stdout.close()
        self.child.stderr.close()
