#!/usr/bin/env python3
"""Tokens: made and kept so that the file tells nothing of them, and what each right lets in."""

import hashlib
import os
import re
import signal
import stat
import sys
import threading
import time

from harness import main, run
from server import Daemon, DaemonCase


class TokenCase(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)
        cls.file = os.path.join(cls.folder, "tokens")
        cls.tokens = {right: cls.add(right, right) for right in ("read", "write", "admin")}
        cls.WORDS = ("--tokens", cls.file)

    @classmethod
    def token(cls, *words, file=None):
        return run(cls.folder, "token", *words, "--tokens", file or cls.file)

    @classmethod
    def add(cls, name, right, file=None):
        return cls.token("add", name, "--right", right, file=file).out.strip()

    @staticmethod
    def bearer(token):
        return {"Authorization": "Bearer " + token}


class TestFile(TokenCase):
    def test_a_token_is_shown_once_and_kept_as_a_hash(self):
        with open(self.file, encoding="ascii") as file:
            kept = file.read()
        for token in self.tokens.values():
            self.assertRegex(token, r"^dbk_[A-Za-z0-9_-]{43}$")
            self.assertNotIn(token, kept)
            self.assertIn(hashlib.sha256(token.encode()).hexdigest(), kept)
        self.assertEqual(len(set(self.tokens.values())), 3)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)

    def test_list_names_them_and_their_rights(self):
        done = self.token("list", "--json")
        self.assertEqual([(t["name"], t["right"]) for t in done.json],
                         [("read", "read"), ("write", "write"), ("admin", "admin")])
        self.assertRegex(self.token("list").out, r"(?m)^write +write ")

    def test_what_is_wrong_is_refused_and_changes_nothing(self):
        with open(self.file, "rb") as file:
            before = file.read()
        for words, code in ((("add", "read"), 4), (("add", "a b"), 2), (("add", ""), 2), (("add", "x" * 65), 2),
                            (("add", "x", "--right", "all"), 2), (("add",), 2), (("list", "x"), 2),
                            (("revoke", "nobody"), 3), (("change", "x"), 2)):
            self.assertEqual(self.token(*words).code, code, words)
        self.assertEqual(run(self.folder, "token", "list").code, 2)
        with open(self.file, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_through_a_symbolic_link_the_file_itself_is_changed(self):
        file, link = os.path.join(self.folder, "behind"), os.path.join(self.folder, "link")
        os.symlink("behind", link)
        for name in ("stays", "goes"):
            self.add(name, "write", link)
        self.assertEqual(self.token("revoke", "goes", file=link).code, 0)
        self.assertTrue(os.path.islink(link))
        self.assertEqual([token["name"] for token in self.token("list", "--json", file=file).json], ["stays"])

    def test_a_file_that_others_can_read_or_that_is_none_is_refused(self):
        for name, text, mode in (("open", "", 0o644), ("group", "", 0o640), ("none", "nonsense\n", 0o600),
                                 ("long", "a read 1 " + "0" * 64 + "0\n", 0o600), ("cut", "a read 1 00\n", 0o600),
                                 ("right", "a all 1 " + "0" * 64 + "\n", 0o600)):
            path = os.path.join(self.folder, name)
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            os.chmod(path, mode)
            self.assertNotEqual(self.token("list", file=path).code, 0, name)
            self.assertNotEqual(self.token("add", "x", file=path).code, 0, name)
            done = run(self.folder, "serve", "--db", self.db, "--tokens", path)
            self.assertEqual((done.code, done.out), (17, ""), name)
            self.assertIn(name, done.err)

    def test_twenty_at_once_are_all_kept(self):
        path = os.path.join(self.folder, "many")
        threads = [threading.Thread(target=self.add, args=(f"n{i}", "read", path)) for i in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({t["name"] for t in self.token("list", "--json", file=path).json},
                         {f"n{i}" for i in range(20)})


class TestAccess(TokenCase):
    def test_without_a_token_that_is_known_everything_is_401(self):
        good = self.tokens["read"]
        for headers in ({}, self.bearer(""), self.bearer("x"), self.bearer(good[:-1]), self.bearer(good + "x"),
                        self.bearer(hashlib.sha256(good.encode()).hexdigest()), {"Authorization": "Basic " + good},
                        {"Authorization": good}, {"Cookie": good}):
            for method, path in (("GET", "builds"), ("HEAD", "builds"), ("GET", "nosuch"), ("DELETE", "builds/1"),
                                 ("GET", "builds/1/data/x/value?token=" + good)):
                answer = self.daemon.ask(path, method, headers)
                self.assertEqual(answer.status, 401)
                self.assertEqual(answer.headers["WWW-Authenticate"], 'Bearer realm="daybook"')
            self.assertEqual(self.daemon.write("POST", "builders/x/builds", {}, **headers).status, 401)
        self.assertEqual(self.daemon.ask("builders?name=x", "GET", self.bearer(good)).json["builders"], [])

    def test_two_authorizations_are_400(self):
        head = "".join(f"Authorization: Bearer {t}\r\n" for t in self.tokens.values())
        got = self.daemon.send(f"GET /api/v2/builds HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        self.assertTrue(got.startswith(b"HTTP/1.1 400"))

    def test_each_right_lets_in_what_it_says(self):
        for right, status in (("read", 403), ("write", 201), ("admin", 201)):
            bearer = self.bearer(self.tokens[right])
            self.assertEqual(self.daemon.ask("builds", "GET", bearer).status, 200)
            self.assertEqual(self.daemon.write("POST", "builders/a/builds", {}, **bearer).status, status)
        self.assertEqual(self.daemon.ask("builds/1/data/x/value", "DELETE", self.bearer(self.tokens["read"])).status,
                         403)

    def test_with_a_token_the_host_and_where_it_comes_from_do_not_matter(self):
        headers = {"Host": "ci.example.org", "X-Forwarded-For": "192.0.2.1", **self.bearer(self.tokens["read"])}
        self.assertEqual(self.daemon.ask("builds", "GET", headers).status, 200)

    def test_keys_of_two_tokens_are_not_the_same(self):
        numbers = [self.daemon.write("POST", "builders/keys/builds", {}, Idempotency_Key="k",
                                     **self.bearer(self.tokens[name])).json["number"]
                   for name in ("write", "admin", "write")]
        self.assertEqual(numbers, [1, 2, 1])

    def test_with_tokens_it_may_listen_elsewhere(self):
        daemon = Daemon(self.db, "--listen", "0.0.0.0:0", "--tokens", self.file)
        port = int(re.search(r"http://0\.0\.0\.0:(\d+)/", daemon.greeting).group(1))
        daemon.port = port
        self.assertEqual(daemon.ask("builds").status, 401)
        self.assertEqual(daemon.stop(), (0, ""))

    def test_a_hangup_reads_the_tokens_again(self):
        path = os.path.join(self.folder, "changing")
        first = self.add("first", "read", path)
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", "--tokens", path)

        def becomes(token, status):
            end = time.monotonic() + 10
            while (got := daemon.ask("builds", "GET", self.bearer(token)).status) != status:
                self.assertLess(time.monotonic(), end, got)
        second = self.add("second", "read", path)
        becomes(second, 401)
        daemon.process.send_signal(signal.SIGHUP)
        becomes(second, 200)
        self.token("revoke", "first", file=path)
        daemon.process.send_signal(signal.SIGHUP)
        becomes(first, 401)
        os.chmod(path, 0o644)
        daemon.process.send_signal(signal.SIGHUP)
        self.assertIn("chmod 600", daemon.process.stderr.readline())
        becomes(second, 200)
        self.assertEqual(daemon.stop()[0], 0)


if __name__ == "__main__":
    sys.exit(main(__name__))
