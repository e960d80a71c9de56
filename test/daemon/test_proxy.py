#!/usr/bin/env python3
"""Behind a proxy: whom it is believed, what it says of clients and users, and a path of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

from harness import DEADLINE_S, main, run
from server import Daemon, DaemonCase

HERE = "127.0.0.1"
ELSEWHERE = "192.0.2.1"
HEADER = "X-Remote-User"


class ProxyCase(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "run", "--db", cls.db, "--builder", "b", "true")
        cls.file = os.path.join(cls.folder, "tokens")
        cls.token = run(cls.folder, "token", "add", "me", "--right", "write", "--tokens", cls.file).out.strip()
        cls.WORDS = ("--tokens", cls.file)

    def start(self, *words, listen=HERE + ":0"):
        daemon = Daemon(self.db, "--listen", listen, *words)
        self.addCleanup(daemon.stop)
        return daemon

    def refused(self, *words):
        done = run(self.folder, "serve", "--db", self.db, *words)
        self.assertEqual((done.code, done.out), (2, ""), words)
        return done.err


class TestUsers(ProxyCase):
    def users(self, proxy=HERE, *words, listen=HERE + ":0"):
        return self.start("--proxy", proxy, "--user-header", HEADER, *words, listen=listen)

    def test_a_named_proxy_says_who_the_user_is(self):
        socket_path = "unix:" + os.path.join(self.folder, "socket")
        for daemon in (self.users(), self.users("unix", listen=socket_path), self.users(ELSEWHERE, "--proxy", HERE)):
            self.assertEqual(daemon.ask("builds", headers={HEADER: "ann"}).status, 200)
            who = daemon.ask("session", headers={HEADER: "ann"}).json
            self.assertEqual((who["name"], who["right"], who["is_session"]), ("ann", "read", False))
            self.assertEqual(daemon.ask("builds").status, 401)
            self.assertEqual(daemon.ask("builds", headers={HEADER: ""}).status, 401)

    def test_anybody_else_who_says_so_is_not_believed(self):
        path = "unix:" + os.path.join(self.folder, "other")
        for daemon in (self.users(ELSEWHERE), self.users("unix"), self.users(HERE, listen=path)):
            self.assertEqual(daemon.ask("builds", headers={HEADER: "ann"}).status, 401)
            self.assertEqual(daemon.ask("builds", headers={HEADER: "ann", "X-Forwarded-For": HERE}).status, 401)

    def test_a_name_that_stands_twice_or_is_too_long_is_refused(self):
        daemon = self.users()
        got = daemon.send(f"GET /api/v2/builds HTTP/1.1\r\nHost: x\r\n{HEADER}: root\r\n{HEADER.lower()}: ann\r\n\r\n".encode())
        self.assertTrue(got.startswith(b"HTTP/1.1 400"), got)
        self.assertEqual(daemon.ask("builds", headers={HEADER: "x" * 65}).status, 400)
        self.assertEqual(daemon.ask("builds", headers={HEADER: "x" * 64}).status, 200)

    def test_users_write_where_that_was_said_and_from_the_page_alone(self):
        reading, writing = self.users(), self.users(HERE, "--user-right", "write")
        for daemon, origin, status in ((reading, True, 403), (writing, False, 403), (writing, True, 201)):
            headers = {HEADER: "ann", **({"Origin": f"http://{HERE}:{daemon.port}"} if origin else {})}
            self.assertEqual(daemon.write("POST", "builders/u/builds", {}, **headers).status, status)

    def test_keys_of_a_user_and_of_a_token_are_not_the_same(self):
        daemon = self.users(HERE, "--user-right", "write", "--tokens", self.file)
        origin = f"http://{HERE}:{daemon.port}"
        numbers = [daemon.write("POST", "builders/k/builds", {}, Idempotency_Key="k", Origin=origin, **who).json["number"]
                   for who in ({HEADER: "me"}, {"Authorization": "Bearer " + self.token}, {HEADER: "me"}, {HEADER: "you"})]
        self.assertEqual(numbers, [1, 2, 1, 3])

    def test_a_token_counts_more_than_the_user_and_a_proxys_password_nothing(self):
        daemon = self.users(HERE, "--tokens", self.file)
        for text, name in (("Bearer " + self.token, "me"), ("Basic YW5uOng=", "ann")):
            who = daemon.ask("session", headers={HEADER: "ann", "Authorization": text}).json
            self.assertEqual(who["name"], name)
        self.assertEqual(daemon.ask("builds", headers={"Authorization": "Basic YW5uOng="}).status, 401)

    def test_what_makes_no_sense_is_refused(self):
        for words in (("--proxy", "example.org"), ("--proxy", ""), ("--user-header", HEADER), ("--proxy", HERE),
                      ("--proxy", HERE, "--user-header", ""), ("--user-right", "admin")):
            self.assertIn("--", self.refused(*words))


class TestClients(ProxyCase):
    def count_taken(self, daemon, value, count=40):
        headers = {"X-Forwarded-For": value} if value else {}
        return sum(daemon.ask("/healthz", headers=headers).status == 200 for _ in range(count))

    def test_each_client_behind_a_named_proxy_has_its_own_rate(self):
        daemon = self.start(*self.WORDS, "--proxy", HERE, "--proxy", "2001:db8::1", "--rate", "1")
        self.assertLess(self.count_taken(daemon, "198.51.100.1"), 35)
        for value in ("198.51.100.2", "198.51.100.1, 198.51.100.3", "x,198.51.100.4 , 2001:db8:0::1"):
            self.assertEqual(self.count_taken(daemon, value, 5), 5, value)
        self.assertLess(self.count_taken(daemon, "1.1.1.1, 198.51.100.1"), 35)

    def test_addresses_of_one_network_of_version_6_are_one_client(self):
        daemon = self.start(*self.WORDS, "--proxy", HERE, "--rate", "1")
        taken = sum(self.count_taken(daemon, f"2001:db8::{i:x}", 1) for i in range(1, 41))
        self.assertLess(taken, 35)
        self.assertEqual(self.count_taken(daemon, "2001:db8:0:1::1", 5), 5)

    def test_who_is_no_named_proxy_does_not_choose_its_address(self):
        daemon = self.start(*self.WORDS, "--proxy", ELSEWHERE, "--rate", "1")
        taken = sum(self.count_taken(daemon, f"198.51.100.{i}", 1) for i in range(40))
        self.assertLess(taken, 35)

    def test_lists_that_stand_twice_are_refused(self):
        daemon = self.start(*self.WORDS, "--proxy", HERE)
        for name in ("X-Forwarded-For", "X-Forwarded-Proto"):
            got = daemon.send(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{name}: a\r\n{name}: b\r\n\r\n".encode())
            self.assertTrue(got.startswith(b"HTTP/1.1 400"), got)

    def test_a_client_of_tls_at_the_proxy_gets_a_cookie_for_tls_alone(self):
        daemon = self.start(*self.WORDS, "--proxy", HERE)
        for scheme, is_secure in (("https", True), ("http", False), (None, False)):
            headers = {"X-Forwarded-Proto": scheme} if scheme else {}
            answer = daemon.write("POST", "session", {"token": self.token}, **headers)
            self.assertEqual("; Secure" in answer.headers["Set-Cookie"], is_secure)


class TestBase(ProxyCase):
    def test_everything_is_below_the_path(self):
        daemon = self.start("--base-path", "/ci/daybook")
        self.assertIn("/ci/daybook/api/v2/ and a page at", daemon.greeting)
        self.assertEqual(daemon.ask("/ci/daybook/api/v2/builders/b").status, 200)
        self.assertIn(b"<title>daybook", daemon.ask("/ci/daybook/").body)
        answer = daemon.ask("/ci/daybook")
        self.assertEqual((answer.status, answer.headers["Location"]), (308, "/ci/daybook/"))
        for path in ("/", "/api/v2/builders/b", "/ci/", "/ci/daybookx/", "/ci/daybook2", "/CI/daybook/", "/page/x"):
            self.assertEqual(daemon.ask(path).status, 404, path)
        for path in ("/healthz", "/readyz", "/ci/daybook/healthz"):
            self.assertEqual(daemon.ask(path).status, 200)
        made = daemon.write("POST", "/ci/daybook/api/v2/builders/b/builds", {})
        self.assertRegex(made.headers["Location"], r"^/ci/daybook/api/v2/builds/\d+$")
        self.assertEqual(daemon.ask(made.headers["Location"]).status, 200)

    def test_addresses_that_it_gives_out_are_below_the_path(self):
        daemon = self.start("--base-path", "/ci/daybook")
        self.assertIn(b'/ci/daybook/#/builders/1"', daemon.ask("/ci/daybook/cc.xml").body)

    def test_the_cookie_is_for_that_path(self):
        daemon = self.start("--base-path", "/daybook", *self.WORDS)
        answer = daemon.write("POST", "/daybook/api/v2/session", {"token": self.token})
        self.assertIn("; Path=/daybook/;", answer.headers["Set-Cookie"])
        self.assertEqual(daemon.ask("/daybook/api/v2/builds").status, 401)

    def test_a_path_that_is_none_is_refused(self):
        for path in ("", "/", "daybook", "/daybook/", "/a//b", "/a b", "/a?b", "/" + "x" * 200):
            self.assertIn("--base-path", self.refused("--base-path", path))


NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "nginx.conf")


@unittest.skipUnless(NGINX, "nginx is not installed")
class TestNginx(ProxyCase):
    """The example of the documents, in a real nginx."""

    def setUp(self):
        self.daemon = self.start("--base-path", "/daybook", "--proxy", "unix", *self.WORDS,
                                 listen="unix:" + os.path.join(self.folder, "http"))
        with socket.socket() as free:
            free.bind((HERE, 0))
            self.port = free.getsockname()[1]
        with open(CONFIG, encoding="utf-8") as file:
            example = file.read()
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in
                                ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            user = "" if os.geteuid() else "user root;" # else it would take another one's rights, and no socket of ours
            file.write(f"{user} daemon off; pid {self.folder}/pid; error_log stderr; events {{}}\n"
                       f"http {{ access_log off; {temporary}\n"
                       + example.replace("/run/daybook/http", self.daemon.path)
                       .replace("listen 80;", f"listen {HERE}:{self.port};") + "}\n")
        self.nginx = subprocess.Popen([NGINX, "-p", self.folder, "-c", path], stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop_nginx)
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                socket.create_connection((HERE, self.port), 1).close()
                break
            except OSError:
                self.assertLess(time.monotonic(), end)
                self.assertIsNone(self.nginx.poll())
        self.proxied = Daemon.__new__(Daemon)
        self.proxied.port, self.proxied.path, self.proxied.tls = self.port, "", None

    def stop_nginx(self):
        self.nginx.send_signal(signal.SIGTERM)
        self.nginx.wait(DEADLINE_S)

    def test_the_page_the_records_and_the_events_come_through(self):
        self.assertIn(b"<title>daybook", self.proxied.ask("/daybook/").body)
        self.assertEqual(self.proxied.ask("/daybook/api/v2/builds").status, 401)
        answer = self.proxied.write("POST", "/daybook/api/v2/session", {"token": self.token},
                                    Origin=f"http://{HERE}:{self.port}")
        self.assertEqual(answer.status, 200)
        cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        with self.proxied.connect() as client:
            client.settimeout(DEADLINE_S)
            client.sendall(f"GET /daybook/api/v2/events HTTP/1.1\r\nHost: {HERE}:{self.port}\r\n"
                           f"Cookie: {cookie['Cookie']}\r\n\r\n".encode())
            got = b""
            while b"retry:" not in got:
                got += client.recv(65536)
            made = self.proxied.write("POST", "/daybook/api/v2/builders/b/builds", {},
                                      Origin=f"http://{HERE}:{self.port}", **cookie)
            self.assertEqual(made.status, 201)
            while b'"new"]' not in got:
                piece = client.recv(65536)
                self.assertTrue(piece, got)
                got += piece
        value = os.urandom(3 << 20)
        put = self.proxied.ask("/daybook/api/v2/builds/1/data/large/value", "PUT",
                               {"Authorization": "Bearer " + self.token, "Content-Type": "application/octet-stream"}, value)
        self.assertEqual(put.status, 200)
        self.assertEqual(self.proxied.ask("/daybook/api/v2/builds/1/data/large/value", headers=cookie).body, value)


if __name__ == "__main__":
    sys.exit(main(__name__))
