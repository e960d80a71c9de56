#!/usr/bin/env python3
"""TLS: what is given with a certificate, and which certificates are none."""

import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import unittest
import warnings

from harness import DEADLINE_S, main, run
from server import Daemon, DaemonCase

VALUE_LEN = 3 << 20


def make_certificate(folder, name, *words):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    cert, key = (os.path.join(folder, f"{name}.{kind}") for kind in ("pem", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert,
                    *(words or ("-nodes",))], check=True, capture_output=True, timeout=DEADLINE_S)
    return cert, key


def context_for(*certs):
    context = ssl.create_default_context()
    for cert in certs:
        context.load_verify_locations(cert)
    return context


def read_until(client, word):
    got = b""
    while word not in got:
        piece = client.recv(65536)
        if not piece:
            raise AssertionError(got)
        got += piece


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class TlsCase(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "run", "--db", cls.db, "--builder", "b", "true")
        cls.cert, cls.key = make_certificate(cls.folder, "first")

    def start(self, *words, trusted=None):
        daemon = Daemon(self.db, "--listen", "127.0.0.1:0", *words, tls=context_for(trusted or self.cert))
        self.addCleanup(daemon.stop)
        return daemon


class TestTls(TlsCase):
    def setUp(self):
        self.daemon = self.start("--tls-cert", self.cert, "--tls-key", self.key)

    def test_it_answers_under_the_certificate_and_says_https(self):
        self.assertRegex(self.daemon.greeting, r"https://127\.0\.0\.1:\d+/api/v2/ and a page at https://")
        self.assertEqual(self.get("builders/1").json["builders"][0]["name"], "b")

    def test_a_large_value_comes_and_goes_whole(self):
        value = os.urandom(VALUE_LEN)
        put = self.daemon.ask("builds/1/data/large/value", "PUT", {"Content-Type": "application/octet-stream"}, value)
        self.assertEqual(put.status, 200)
        self.assertEqual(self.get("builds/1/data/large/value").body, value)

    def test_events_come_as_they_happen(self):
        with self.daemon.connect() as client:
            client.sendall(b"GET /api/v2/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            read_until(client, b"retry:")
            self.assertEqual(self.daemon.write("POST", "builders/b/builds", {}).status, 201)
            read_until(client, b'"new"]')

    def test_many_requests_share_a_connection_and_its_end_is_said(self):
        with self.daemon.connect() as client:
            client.suppress_ragged_eofs = False
            for last in (b"keep-alive",) * 20 + (b"close",):
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: " + last + b"\r\n\r\n")
                read_until(client, b"alive")
            self.assertEqual(client.recv(1), b"")

    def test_who_speaks_no_tls_or_an_old_one_gets_nothing(self):
        self.daemon.tls = None
        self.assertNotIn(b"HTTP/1.1 200", self.daemon.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        old = context_for(self.cert)
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        self.daemon.tls = old
        with self.assertRaises(ssl.SSLError):
            self.daemon.ask("builds")
        self.daemon.tls = context_for(self.cert)
        self.daemon.tls.maximum_version = ssl.TLSVersion.TLSv1_2
        self.assertEqual(self.daemon.ask("builds").status, 200)

    def test_who_leaves_in_the_middle_harms_nobody(self):
        for count in (0, 1, 5, 100):
            tls, self.daemon.tls = self.daemon.tls, None
            with self.daemon.connect() as client:
                client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[:count] + bytes(count))
            self.daemon.tls = tls
            with self.daemon.connect() as client:
                client.sendall(b"GET /api/v2/builds HTTP/1.1\r\n"[:count])
        self.assertEqual(self.daemon.ask("builds").status, 200)

    def test_a_signal_ends_it_while_clients_wait(self):
        with self.daemon.connect() as idle:
            begun = time.monotonic()
            self.assertEqual(self.daemon.stop(), (0, ""))
            self.assertLess(time.monotonic() - begun, 4)
            self.assertEqual(idle.recv(1), b"")


class TestFiles(TlsCase):
    def refused(self, *words, code=17):
        done = run(self.folder, "serve", "--db", self.db, "--listen", "127.0.0.1:0", *words)
        self.assertEqual((done.code, done.out), (code, ""), words)
        return done.err

    def test_files_that_cannot_be_used_are_refused_by_name(self):
        _, other = make_certificate(self.folder, "other")
        cert, locked = make_certificate(self.folder, "locked", "-passout", "pass:secret")
        self.assertIn("missing.pem: No such file", self.refused("--tls-cert", "missing.pem"))
        self.assertIn("missing.key: No such file", self.refused("--tls-cert", self.cert, "--tls-key", "missing.key"))
        self.assertIn("first.key: not a certificate", self.refused("--tls-cert", self.key, "--tls-key", self.key))
        self.assertIn("other.key: not this certificate's key",
                      self.refused("--tls-cert", self.cert, "--tls-key", other))
        self.assertIn("first.pem: not this certificate's key", self.refused("--tls-cert", self.cert))
        self.assertIn("without a password", self.refused("--tls-cert", cert, "--tls-key", locked))
        self.assertIn("--tls-cert", self.refused("--tls-key", self.key, code=2))

    def test_one_file_may_hold_both(self):
        both = os.path.join(self.folder, "both.pem")
        with open(both, "wb") as file:
            for path in (self.cert, self.key):
                with open(path, "rb") as part:
                    file.write(part.read())
        self.assertEqual(self.start("--tls-cert", both).ask("builds").status, 200)

    def test_a_hangup_reads_them_again_and_what_is_broken_changes_nothing(self):
        cert, key = os.path.join(self.folder, "now.pem"), os.path.join(self.folder, "now.key")

        def install(pair):
            shutil.copy(pair[0], cert)
            shutil.copy(pair[1], key)
        install((self.cert, self.key))
        daemon = self.start("--tls-cert", cert, "--tls-key", key)
        with daemon.connect() as before:
            second = make_certificate(self.folder, "second")
            install(second)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.tls = context_for(second[0])
            end = time.monotonic() + DEADLINE_S
            while True:
                try:
                    self.assertEqual(daemon.ask("builds").status, 200)
                    break
                except ssl.SSLCertVerificationError:
                    self.assertLess(time.monotonic(), end)
            before.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            read_until(before, b"alive")
        shutil.copy(self.key, key)
        daemon.process.send_signal(signal.SIGHUP)
        said = daemon.process.stderr.readline()
        self.assertIn("now.key: not this certificate's key", said)
        self.assertIn("from before stays", said)
        self.assertEqual(daemon.ask("builds").status, 200)


if __name__ == "__main__":
    sys.exit(main(__name__))
