#!/usr/bin/env python3
"""The files of the page, as `daybook serve` gives them out. What they do in a browser: test/page."""

import contextlib
import http.client
import os
import re
import sys
import unittest

from harness import DEADLINE_S, main, run
from server import Answer, Daemon, DaemonCase

WEB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "web")


def fetch(daemon, path, method="GET", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=DEADLINE_S)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers or {})
        reply = connection.getresponse()
        return Answer(reply.status, reply.headers, reply.read())


def source(name):
    with open(os.path.join(WEB, name), encoding="utf-8") as file:
        return file.read()


class TestFiles(DaemonCase):
    def page(self):
        return fetch(self.daemon, "/")

    def folder_of_files(self):
        return re.search(rb'src="(page/[0-9a-f]{16}/)app\.js"', self.page().body).group(1).decode()

    def test_the_page_is_at_the_root_and_asked_for_each_time(self):
        answer = self.page()
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual(answer.headers["Cache-Control"], "no-cache")
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))

    def test_every_file_is_given_as_it_lies_in_the_sources_and_kept_for_ever(self):
        types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
        for name in sorted(set(os.listdir(WEB)) - {"index.html"}):
            with self.subTest(name):
                answer = fetch(self.daemon, "/" + self.folder_of_files() + name)
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.body.decode(), source(name))
                self.assertEqual(answer.headers["Content-Type"], types[name.split(".")[1]])
                self.assertIn("immutable", answer.headers["Cache-Control"])

    def test_only_own_scripts_and_styles_run_and_nothing_that_is_inline(self):
        for path in ("/", "/" + self.folder_of_files() + "app.js"):
            policy = dict(part.split(" ", 1) for part in
                          fetch(self.daemon, path).headers["Content-Security-Policy"].split("; "))
            for name in ("script-src", "style-src", "connect-src", "worker-src"):
                self.assertEqual(policy[name], "'self'")
            for name in ("default-src", "base-uri", "form-action", "frame-ancestors"):
                self.assertEqual(policy[name], "'none'")
            self.assertEqual(policy["require-trusted-types-for"], "'script'")

    def test_what_a_browser_has_already_is_not_sent_again(self):
        tag = self.page().headers["ETag"]
        again = fetch(self.daemon, "/", headers={"If-None-Match": tag})
        self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", tag))
        self.assertEqual(fetch(self.daemon, "/", headers={"If-None-Match": '"other"'}).status, 200)

    def test_head_tells_the_length_alone(self):
        answer = fetch(self.daemon, "/", "HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["Content-Length"], self.page().headers["Content-Length"])

    def test_files_of_another_version_or_of_no_name_are_not_there(self):
        folder = self.folder_of_files()
        for path in ("/page/", "/page/0123456789abcdef/app.js", f"/{folder}", f"/{folder}index.html", f"/{folder}../app.js",
                     f"/{folder}app.js/", f"/{folder}%61pp.js", "/page/app.js", "/index.html"):
            self.assertEqual(fetch(self.daemon, path).status, 404, path)

    def test_the_page_can_only_be_read(self):
        for method in ("POST", "PUT", "DELETE"):
            answer = fetch(self.daemon, "/", method)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"))

    def test_a_foreign_host_gets_no_page(self):
        self.assertEqual(fetch(self.daemon, "/", headers={"Host": "example.org"}).status, 403)


class TestTokens(DaemonCase):
    @classmethod
    def record(cls):
        super().record()
        cls.tokens = os.path.join(cls.folder, "tokens")
        cls.WORDS = ("--tokens", cls.tokens)
        run(cls.folder, "token", "add", "someone", "--right", "read", "--tokens", cls.tokens)

    def test_the_page_needs_no_token_and_the_records_do(self):
        self.assertEqual(fetch(self.daemon, "/").status, 200)
        self.assertEqual(fetch(self.daemon, "/api/v2/builds").status, 401)


class TestSources(unittest.TestCase):
    """What the policy forbids is not in the files either."""

    def test_nothing_makes_markup_from_text(self):
        for name in os.listdir(WEB):
            if name.endswith(".js"):
                self.assertNotRegex(source(name), r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(")

    def test_nothing_comes_from_elsewhere(self):
        for name in os.listdir(WEB):
            text = source(name).replace("http://www.w3.org/2000/svg", "")
            self.assertNotRegex(text, r"""["'(]\s*(https?:)?//[a-z]""", name)

    def test_nothing_is_inline(self):
        self.assertNotRegex(source("index.html"), r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)")


if __name__ == "__main__":
    sys.exit(main(__name__))
