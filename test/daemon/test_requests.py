#!/usr/bin/env python3
"""Requests that are wrong, hostile or odd, byte by byte: each is refused with the right status, nothing is
read as a second request, and the daemon goes on serving.
"""

import contextlib
import json
import sys

from harness import main
from server import DaemonCase

HOST = b"Host: localhost\r\n"
GOOD = b"GET /api/v2/builds/1 HTTP/1.1\r\n" + HOST + b"\r\n"
SECOND = b"GET /api/v2/builds/2 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


def get(target=b"/api/v2/builds/1", headers=b"", method=b"GET", version=b"HTTP/1.1", host=HOST):
    return method + b" " + target + b" " + version + b"\r\n" + host + headers + b"\r\n"


def smuggling(headers, method=b"GET"):
    """A request that may or may not be taken for two."""
    return get(headers=headers, method=method) + SECOND


LENGTH = b"Content-Length: %d\r\n" % len(SECOND)

# What, the bytes, and the status, of which there are several where evhttp refuses by itself and does not
# care which; the daemon ends the connection after each.
REFUSED = [
    ("chunked", get(headers=b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + SECOND, 411),
    ("chunked in a bad way", smuggling(b"Transfer-Encoding: chunked\r\n"), (400, 413)),
    ("chunked, posted", get(headers=b"Transfer-Encoding: chunked\r\n", method=b"POST")
     + b"5\r\nhello\r\n0\r\n\r\n" + SECOND, 411),
    ("identity", smuggling(b"Transfer-Encoding: identity\r\n"), 411),
    ("chunked and a length", smuggling(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
     (400, 413)),
    ("an encoding in capitals", smuggling(b"TRANSFER-ENCODING: xchunked\r\n"), 411),
    ("a name with a space behind it", smuggling(b"Transfer-Encoding : chunked\r\n"), 400),
    ("a length with a space behind its name", smuggling(b"Content-Length : 5\r\n"), 400),
    ("a name with a tab", smuggling(b"Content\tLength: 5\r\n"), 400),
    ("two lengths", smuggling(b"Content-Length: 0\r\nContent-Length: 90\r\n"), 400),
    ("one length twice", smuggling(b"Content-Length: 0\r\nContent-Length: 0\r\n"), 400),
    ("a list of lengths", smuggling(b"Content-Length: 0, 0\r\n"), 400),
    ("a negative length", smuggling(b"Content-Length: -1\r\n"), 400),
    ("a length with a sign", smuggling(b"Content-Length: +0\r\n"), 400),
    ("a hexadecimal length", smuggling(b"Content-Length: 0x10\r\n"), 400),
    ("no length", smuggling(b"Content-Length:\r\n"), 400),
    ("a read with a body", smuggling(LENGTH), 400),
    ("HEAD with a body", smuggling(LENGTH, b"HEAD"), 400),
    ("a body far too long", get(headers=b"Content-Length: 9999999999\r\n", method=b"PUT"), 413),
    ("no host", get(host=b""), 400),
    ("no host in 1.0", get(host=b"", version=b"HTTP/1.0"), 400),
    ("two hosts", get(headers=HOST), 400),
    ("an empty host", get(host=b"Host:\r\n"), 403),
    ("a foreign host", get(host=b"Host: example.org\r\n"), 403),
    ("a foreign host that begins like ours", get(host=b"Host: 127.0.0.1.example.org\r\n"), 403),
    ("a foreign host that begins like localhost", get(host=b"Host: localhost.example.org\r\n"), 403),
    ("a host with a user", get(host=b"Host: localhost@example.org\r\n"), 403),
    ("a host with a bad port", get(host=b"Host: localhost:80a\r\n"), 403),
    ("a bracket that stays open", get(host=b"Host: [::1\r\n"), 403),
    ("a foreign host in the target", get(b"http://example.org/api/v2/builds/1"), 403),
    ("a foreign origin", get(headers=b"Origin: http://example.org\r\n"), 403),
    ("an origin of nobody", get(headers=b"Origin: null\r\n"), 403),
    ("an origin that begins like ours", get(headers=b"Origin: http://localhost.example.org\r\n"), 403),
    ("an origin of a file", get(headers=b"Origin: file://\r\n"), 403),
    ("forwarded", get(headers=b"Forwarded: for=192.0.2.1\r\n"), 403),
    ("forwarded for", get(headers=b"X-Forwarded-For: 192.0.2.1\r\n"), 403),
    ("forwarded host", get(headers=b"X-FORWARDED-HOST: localhost\r\n"), 403),
    ("forwarded by one that says so", get(headers=b"Via: 1.1 proxy\r\n"), 403),
    ("a real address", get(headers=b"X-Real-IP: 192.0.2.1\r\n"), 403),
    ("a zero byte in a length", smuggling(b"Content-Length: 0\0 90\r\n"), 400),
    ("a zero byte in a host", get(host=b"Host: 127.0.0.1\0.example.org\r\n"), 400),
    ("a zero byte in a value", get(headers=b"X: a\0b\r\n"), 400),
    ("a control character in a value", get(headers=b"X: a\x01b\r\n"), 400),
    ("an escape sequence in a value", get(headers=b"X: \x1b[2J\r\n"), 400),
    ("a name that is none", get(headers=b"X(Y): a\r\n"), 400),
    ("a name beyond ASCII", get(headers="Ä: a\r\n".encode()), 400),
    ("no name", get(headers=b": a\r\n"), 400),
    ("a line without a colon", get(headers=b"nonsense\r\n"), 400),
    ("a fragment", get(b"/api/v2/builds/1#x"), 400),
    ("POST", get(method=b"POST", headers=b"Content-Length: 2\r\n") + b"{}", 405),
    ("POST without a length", get(method=b"POST"), 405),
    ("PUT", get(method=b"PUT", headers=b"Content-Length: 0\r\n"), 405),
    ("PATCH of a daemon that takes no writes", get(method=b"PATCH", headers=b"Content-Length: 0\r\n"), 403),
    ("DELETE", get(method=b"DELETE"), 405),
    ("OPTIONS", get(method=b"OPTIONS"), 405),
    ("TRACE", get(method=b"TRACE"), 405),
    ("CONNECT", get(method=b"CONNECT", target=b"localhost:80"), 400),
    ("a method of nobody's", get(method=b"BREW"), 501),
    ("a method in small letters", get(method=b"get"), 501),
    ("no version", b"GET /api/v2/builds/1\r\n\r\n", 400),
    ("a version of nobody's", get(version=b"HTTQ/1.1"), 400),
    ("another protocol", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ("a blank line before the request", b"\r\n" + GOOD, 400),
    ("CONNECT and a second request", get(method=b"CONNECT", target=b"localhost:80") + SECOND, 400),
    ("a target that is none", get(b"api/v2"), 400),
    ("a space in the target", get(b"/api/v2/builds/1 /2"), 400),
    ("a head without an end", b"GET /api/v2/builds/1 HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70000, 400),
    ("a line without an end", b"GET /" + b"a" * 70000, 400),
    ("headers without an end", get(headers=b"X: a\r\n" * 20000), 400),
]

# What is wrong with a query or a path; the connection goes on.
ASKED = [
    ("builds?limit=-1", 400), ("builds?limit=", 400), ("builds?limit=1.5", 400),
    ("builds?limit=99999999999999999999", 400), ("builds?offset=-1", 400),
    ("builds?number=0x10", 400), ("builds?number=", 400), ("builds?number=1e3", 400),
    ("builds?number__lt=x", 400), ("builds?complete=maybe", 400), ("builds?complete__eq=", 400),
    ("builds?properties=x", 400), ("builds?order=properties", 400), ("builds?order=", 400),
    ("builds?order=--number", 400), ("builds?field=", 400), ("builds?field=-number", 400),
    ("builds?cursor=nonsense", 400), ("builds?total=7", 400), ("builds?total=", 400),
    ("builds?=1", 400), ("builds?nosuch=", 400), ("builds?state_string__in=%FF", 400),
    ("builds?number=%", 400), ("builds?number=%4", 400), ("builds?number=%zz", 400),
    ("builds?state_string=%00", 400), ("builds?state_string=%C0%80", 400),
    ("builds?state_string=%ED%A0%80", 400), ("builds/%00", 400), ("builds/%FF", 400),
    ("builds/1/steps/%C3", 400), ("builds/1?number=1", 400), ("builds/1?number__eq=1", 400),
    ("builds/1/properties?name=x", 400), ("builds/1/steps?urls=x", 400),
    ("builds/1/data?value=x", 400), ("builds?" + "&".join(["order=number"] * 9), 400),
    ("builds?" + "number__ne=1&" * 1001, 400), ("builds?" + "&" * 3000, 400),
    ("builds?" + "&".join(f"a{i}=1" for i in range(2500)), 400),
    ("builds/1'%20OR%201=1", 404), ("builders/x'%20OR%20'1'='1", 404),
    ("builds?state_string=x'%20OR%20'1'='1", 200), ("builds?state_string__contains=%25", 200),
    ("builds/..", 404), ("builds/%2e%2e/1", 404), ("builds/1%2Fsteps", 404), ("BUILDS", 404),
    ("builds?&&limit=1&", 200), ("builds?limit=0", 200), ("builds?offset=999999999", 200),
    ("builds?number__lt=-5", 200), ("builds?state_string=%F0%9F%94%A5", 200),
]


class TestRequests(DaemonCase):
    WORDS = ("--read-only",)

    def alone(self, got):
        """The one answer among bytes: its status, head and body."""
        self.assertEqual(got.count(b"HTTP/1."), 1, got[:300])
        head, _, body = got.partition(b"\r\n\r\n")
        return int(head.split()[1]), head, body

    def test_what_is_refused_ends_its_connection(self):
        for what, request, status in REFUSED:
            with self.subTest(what=what):
                got, _, body = self.alone(self.daemon.send(request))
                self.assertIn(got, status if isinstance(status, tuple) else (status,), body)
        self.get("builds/1")

    def test_our_own_refusals_are_json(self):
        for request in (get(host=b""), get(method=b"DELETE"), get(host=b"Host: example.org\r\n")):
            _, head, body = self.alone(self.daemon.send(request))
            self.assertTrue(json.loads(body)["error"])
            self.assertIn(b"Connection: close", head)

    def test_405_says_what_is_allowed(self):
        _, head, _ = self.alone(self.daemon.send(get(method=b"DELETE")))
        self.assertIn(b"\r\nAllow: GET, HEAD\r\n", head)

    def test_what_is_asked_wrongly_leaves_the_connection(self):
        for path, status in ASKED:
            with self.subTest(path=path[:60]):
                request = get(b"/api/v2/" + path.encode(), b"")
                got = self.daemon.send(request + SECOND)
                self.assertEqual(got.count(b"HTTP/1.1 "), 2, got[:300])
                self.assertEqual(int(got.split()[1]), status, got[:600])
                self.assertIn(b'"buildid": 2', got)

    def test_two_requests_at_once_are_answered_in_turn(self):
        got = self.daemon.send(GOOD + SECOND)
        self.assertEqual(got.count(b"HTTP/1.1 200"), 2)
        self.assertLess(got.index(b'"buildid": 1'), got.index(b'"buildid": 2'))

    def test_what_is_odd_and_allowed_is_answered(self):
        close = b"Connection: close\r\n"
        for request in (get(headers=close, host=b"Host: 127.0.0.1:80\r\n"),
                        get(headers=close, host=b"Host: [::1]:8011\r\n"),
                        get(headers=close, host=b"hOST:LOCALHOST\r\n"),
                        get(headers=close + b"Origin: http://localhost:3000\r\n"),
                        get(headers=close + b"Content-Length: 0\r\n"),
                        get(headers=b"X: a\r\n folded\r\n" + close),
                        get(b"http://localhost/api/v2/builds/1", close),
                        get(version=b"HTTP/1.0")):
            status, _, body = self.alone(self.daemon.send(request))
            self.assertEqual((status, json.loads(body)["builds"][0]["buildid"]), (200, 1), request)

    def test_a_request_may_come_byte_by_byte(self):
        with self.daemon.connect() as client:
            for i in range(len(SECOND)):
                client.sendall(SECOND[i:i + 1])
            got = b""
            while piece := client.recv(65536):
                got += piece
        self.assertIn(b'"buildid": 2', got)

    def test_clients_that_leave_harm_nobody(self):
        for _ in range(50):
            with self.daemon.connect() as client:
                client.sendall(get(b"/api/v2/builds?property=*"))
            with self.daemon.connect() as client:
                client.sendall(GOOD[:20])
            with contextlib.suppress(OSError), self.daemon.connect() as client:
                client.sendall(GOOD * 200)
        self.get("builds/1")


if __name__ == "__main__":
    sys.exit(main(__name__))
