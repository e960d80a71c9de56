#!/usr/bin/env python3
"""Signing in: a token is exchanged for a cookie, what that lets in, and when it is worth nothing any more; and
records that everybody may read."""

import http.cookies
import json
import os
import signal
import sys
import time

from harness import DEADLINE_S, main, run
from server import Daemon, DaemonCase
from test_tls import TlsCase

COOKIE = "daybook_session"


class SessionCase(DaemonCase):
    OTHER_WORDS = ()

    @classmethod
    def record(cls):
        run(cls.folder, "run", "--db", cls.db, "--builder", "b", "true")
        cls.file = os.path.join(cls.folder, "tokens")
        cls.tokens = {right: cls.add(right, right) for right in ("read", "write")}
        cls.WORDS = ("--tokens", cls.file, *cls.OTHER_WORDS)

    @classmethod
    def add(cls, name, right, file=None):
        return run(cls.folder, "token", "add", name, "--right", right, "--tokens", file or cls.file).out.strip()

    def sign_in(self, token, daemon=None, **headers):
        return (daemon or self.daemon).write("POST", "session", {"token": token}, **headers)

    def cookie(self, token, daemon=None):
        """Signs in. Result: the header that a browser sends from then on."""
        answer = self.sign_in(token, daemon)
        self.assertEqual(answer.status, 200, answer.body)
        morsel = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
        return {"Cookie": f"{COOKIE}={morsel.value}"}

    def origin(self, daemon=None):
        return f"http://127.0.0.1:{(daemon or self.daemon).port}"

    def status(self, headers, path="builds", daemon=None):
        return (daemon or self.daemon).ask(path, headers=headers).status

    def becomes(self, status, headers, daemon=None):
        end = time.monotonic() + DEADLINE_S
        while (got := self.status(headers, daemon=daemon)) != status:
            self.assertLess(time.monotonic(), end, got)


class TestSessions(SessionCase):
    def test_a_token_is_exchanged_for_a_cookie_that_only_the_browser_sees(self):
        answer = self.sign_in(self.tokens["write"])
        self.assertEqual((answer.status, answer.json),
                         (200, {"name": "write", "right": "write", "is_session": True,
                                "takes_tokens": True, "is_public": False}))
        morsel = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
        self.assertRegex(morsel.value, r"^[A-Za-z0-9_-]{43}$")
        self.assertEqual((morsel["httponly"], morsel["samesite"], morsel["path"], morsel["max-age"], morsel["secure"]),
                         (True, "Strict", "/", str(7 * 86400), ""))
        self.assertNotIn(self.tokens["write"], str(answer.headers))
        self.assertNotEqual(self.cookie(self.tokens["write"]), self.cookie(self.tokens["write"]))

    def test_the_cookie_reads_and_says_who_one_is(self):
        cookie = self.cookie(self.tokens["read"])
        self.assertEqual(self.status(cookie), 200)
        self.assertEqual(self.daemon.ask("session", headers=cookie).json["name"], "read")
        self.assertEqual(self.status({"Cookie": "other=1; " + cookie["Cookie"] + "; more=2"}), 200)
        self.assertEqual(self.status({}), 401)
        self.assertEqual(self.daemon.ask("session").json, {"name": None, "right": None, "is_session": False,
                                                            "takes_tokens": True, "is_public": False})

    def test_what_is_no_token_and_no_session_lets_nobody_in(self):
        for value, status in (("", 401), ("dbk_", 401), (self.tokens["read"][:-1], 401), (None, 400), (1, 400)):
            answer = self.sign_in(value)
            self.assertEqual((answer.status, answer.headers["Set-Cookie"]), (status, None), value)
        self.assertEqual(self.daemon.write("POST", "session", {}).status, 400)
        self.assertEqual(self.daemon.ask("session", "POST", {"Content-Type": "text/plain"},
                                         json.dumps({"token": self.tokens["read"]}).encode()).status, 415)
        good = self.cookie(self.tokens["read"])["Cookie"].partition("=")[2]
        for value in ("", good[:-1], good + "x", "x" * 43, self.tokens["read"], good.swapcase()):
            self.assertEqual(self.status({"Cookie": f"{COOKIE}={value}"}), 401, value)
        self.assertEqual(self.status({"Cookie": f"x{COOKIE}={good}"}), 401)

    def test_a_write_by_cookie_needs_this_address_as_its_origin(self):
        cookie = self.cookie(self.tokens["write"])
        for origin in (None, "http://example.org", "null", "", self.origin() + "0", "http://localhost:1", "127.0.0.1",
                       f"ftp://127.0.0.1:{self.daemon.port}", f"http://x@127.0.0.1:{self.daemon.port}"):
            headers = {**cookie, **({} if origin is None else {"Origin": origin})}
            self.assertEqual(self.daemon.write("POST", "builders/none/builds", {}, **headers).status, 403, origin)
        self.assertEqual(self.daemon.ask("builders?name=none", headers=cookie).json["builders"], [])
        self.assertEqual(self.daemon.write("POST", "builders/c/builds", {}, Origin=self.origin(), **cookie).status, 201)
        reader = self.cookie(self.tokens["read"])
        self.assertEqual(self.daemon.write("POST", "builders/c/builds", {}, Origin=self.origin(), **reader).status, 403)
        bearer = {"Authorization": "Bearer " + self.tokens["write"]}
        self.assertEqual(self.daemon.write("POST", "builders/c/builds", {}, **bearer).status, 201)

    def test_no_other_sites_page_signs_anybody_in_or_out(self):
        cookie = self.cookie(self.tokens["read"])
        self.assertEqual(self.sign_in(self.tokens["read"], Origin="http://example.org").status, 403)
        self.assertEqual(self.daemon.ask("session", "DELETE", {**cookie, "Origin": "http://example.org"}).status, 403)
        self.assertEqual(self.status(cookie), 200)
        self.assertEqual(self.sign_in(self.tokens["read"], Origin=self.origin()).status, 200)

    def test_signing_out_ends_that_session_and_its_streams_alone(self):
        first, second = self.cookie(self.tokens["read"]), self.cookie(self.tokens["read"])
        with self.daemon.connect() as client:
            client.sendall(f"GET /api/v2/events HTTP/1.1\r\nHost: x\r\nCookie: {first['Cookie']}\r\n\r\n".encode())
            self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200"))
            answer = self.daemon.ask("session", "DELETE", {**first, "Origin": self.origin()})
            self.assertEqual(answer.status, 200)
            self.assertIn("Max-Age=0", answer.headers["Set-Cookie"])
            while client.recv(65536):
                pass
        self.assertEqual((self.status(first), self.status(second)), (401, 200))
        self.assertEqual(self.daemon.ask("session", "DELETE").status, 200)

    def test_a_wrong_token_beside_a_good_cookie_is_401(self):
        headers = {**self.cookie(self.tokens["read"]), "Authorization": "Bearer x"}
        self.assertEqual(self.status(headers), 401)

    def test_a_session_and_its_stream_die_with_their_token(self):
        path = os.path.join(self.folder, "changing")
        token, other = self.add("me", "read", path), self.add("other", "read", path)
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--tokens", path)
        self.addCleanup(daemon.stop)
        mine, others = self.cookie(token, daemon), self.cookie(other, daemon)
        with daemon.connect() as client:
            client.sendall(f"GET /api/v2/events HTTP/1.1\r\nHost: x\r\nCookie: {mine['Cookie']}\r\n\r\n".encode())
            self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200"))
            run(self.folder, "token", "revoke", "me", "--tokens", path)
            self.add("me", "read", path)
            daemon.process.send_signal(signal.SIGHUP)
            while client.recv(65536):
                pass
        self.becomes(401, mine, daemon)
        self.assertEqual(self.status(others, daemon=daemon), 200)

    def test_a_session_and_its_stream_end_after_a_while(self):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", *self.WORDS, "--session", "2s")
        self.addCleanup(daemon.stop)
        cookie = self.cookie(self.tokens["read"], daemon)
        self.assertEqual(self.status(cookie, daemon=daemon), 200)
        with daemon.connect() as client:
            client.sendall(f"GET /api/v2/events HTTP/1.1\r\nHost: x\r\nCookie: {cookie['Cookie']}\r\n\r\n".encode())
            while client.recv(65536):
                pass
        self.becomes(401, cookie, daemon)

    def test_keys_of_a_session_are_its_tokens_own(self):
        headers = {"Idempotency-Key": "k", "Origin": self.origin()}
        numbers = [self.daemon.write("POST", "builders/keys/builds", {}, **headers, **who).json["number"]
                   for who in (self.cookie(self.tokens["write"]), self.cookie(self.tokens["write"]),
                               {"Authorization": "Bearer " + self.tokens["write"]})]
        self.assertEqual(numbers, [1, 1, 1])

    def test_who_may_ask_is_one_of_two_words(self):
        for words in (("--access", "all"), ("--access", ""), ("--session", "0"), ("--session", "x")):
            self.assertEqual(run(self.folder, "serve", "--db", self.db, *words).code, 2, words)


class TestSecure(TlsCase):
    def test_under_tls_the_cookie_is_for_tls_alone_and_so_is_the_origin(self):
        tokens = os.path.join(self.folder, "tokens")
        token = run(self.folder, "token", "add", "me", "--right", "write", "--tokens", tokens).out.strip()
        daemon = self.start("--tls-cert", self.cert, "--tls-key", self.key, "--tokens", tokens)
        answer = daemon.write("POST", "session", {"token": token})
        self.assertIn("; Secure", answer.headers["Set-Cookie"])
        cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        for scheme, status in (("http", 403), ("https", 201)):
            origin = f"{scheme}://127.0.0.1:{daemon.port}"
            self.assertEqual(daemon.write("POST", "builders/x/builds", {}, Origin=origin, **cookie).status, status)


class TestPublic(SessionCase):
    OTHER_WORDS = ("--access", "public-read")

    def test_everybody_reads_and_nobody_writes_without_a_token(self):
        self.get("builds")
        self.assertEqual(self.status({"Host": "ci.example.org"}), 200)
        self.assertEqual(self.daemon.ask("session").json, {"name": None, "right": None, "is_session": False,
                                                            "takes_tokens": True,
                                                            "is_public": True})
        self.assertEqual(self.daemon.write("POST", "builders/c/builds", {}).status, 401)
        bearer = {"Authorization": "Bearer " + self.tokens["write"]}
        self.assertEqual(self.daemon.write("POST", "builders/c/builds", {}, **bearer).status, 201)
        self.assertEqual(self.status({"Authorization": "Bearer x"}), 401)
        self.assertEqual(self.daemon.ask("session", headers=self.cookie(self.tokens["read"])).json["name"], "read")

    def test_without_any_tokens_it_can_only_be_read_also_elsewhere(self):
        daemon = Daemon(self.db, "--listen", "0.0.0.0:0", "--access", "public-read")
        self.addCleanup(daemon.stop)
        daemon.port = int(daemon.greeting.partition("http://0.0.0.0:")[2].partition("/")[0])
        self.assertEqual(daemon.ask("builds", headers={"Host": "ci.example.org"}).status, 200)
        self.assertEqual(daemon.write("POST", "builders/c/builds", {}).status, 401)
        self.assertEqual(self.sign_in("x", daemon).status, 409)


class TestOpen(DaemonCase):
    def test_without_tokens_nobody_signs_in(self):
        self.assertEqual(self.get("session").json, {"name": None, "right": None, "is_session": False,
                                                            "takes_tokens": False, "is_public": False})
        self.assertEqual(self.daemon.write("POST", "session", {"token": "x"}).status, 409)


if __name__ == "__main__":
    sys.exit(main(__name__))
