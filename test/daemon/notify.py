"""What the tests of notifications share: a daemon that tells somebody, and those who are told. Not a test itself."""

import contextlib
import hashlib
import hmac
import http.server
import json
import os
import queue
import shutil
import signal
import ssl
import tempfile
import threading
import time
import unittest

from harness import DEADLINE_S, run
from server import Daemon

SECRET = "correct horse battery staple"


class Told:
    """A request as the receiver got it."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def delivery(self):
        return self.headers["X-Daybook-Delivery"]

    def is_signed(self, secret=SECRET):
        digest = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(self.headers.get("X-Daybook-Signature", ""), "sha256=" + digest)


class Receiver:
    """A server of HTTP that takes what is posted, and answers as `answers` says: a status for each request, in turn,
    then 200; a callable gets the handler and answers by itself."""

    def __init__(self, *answers, tls=None):
        self.told, self.answers = queue.Queue(), list(answers)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.told.put(Told(self.path, self.headers, body))
                answer = receiver.answers.pop(0) if receiver.answers else 200
                if callable(answer):
                    with contextlib.suppress(OSError):
                        answer(self)
                    self.close_connection = True
                    return
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A client that goes, or trusts nobody, is no error here."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_address[1]}/hook/s3cret"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def next(self):
        return self.told.get(timeout=DEADLINE_S)

    def take(self, count):
        return [self.next() for _ in range(count)]


class NotifyCase(unittest.TestCase):
    """A folder with a store, a secret and a state directory, for each test."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-notify-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db, self.state = self.path("daybook.sqlite"), self.path("state")
        self.secret = self.write("secret", SECRET + "\n")
        run(self.folder, "init", self.db)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def receiver(self, *answers, **more):
        receiver = Receiver(*answers, **more)
        self.addCleanup(receiver.close)
        return receiver

    def start(self, *words, state=None):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--state-directory", state or self.state,
                        "--notify-secret", self.secret, *words)
        self.addCleanup(daemon.stop)
        self.assertTrue(daemon.port, daemon.greeting)
        return daemon

    def kill(self, daemon):
        self.assertEqual(daemon.stop(signal.SIGKILL)[0], -signal.SIGKILL)

    def build(self, builder, *results, daemon=None):
        """Records builds: by the daemon, or by another process when there is none."""
        for result in results:
            if daemon:
                answer = daemon.write("POST", f"builders/{builder}/builds", {"results": result})
                self.assertEqual(answer.status, 201, answer.body)
            else:
                code = {"success": "0", "failure": "1"}[result]
                run(self.folder, "run", "--db", self.db, "--builder", builder, "sh", "-c", "exit " + code)

    def metric(self, daemon, name):
        for line in daemon.ask("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return None

    def settle(self, daemon, count):
        """Waits until the daemon knows that so many deliveries were made."""
        self.wait_for(lambda: self.metric(daemon, "daybook_deliveries_made_total") == count)

    def wait_for(self, condition, what=""):
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            got = condition()
            if got:
                return got
            time.sleep(0.02)
        raise AssertionError(f"it did not come about: {what}")

    def lines(self, name="deliveries.jsonl"):
        with open(os.path.join(self.state, name), encoding="utf-8") as file:
            return [json.loads(line) for line in file]
