#!/usr/bin/env python3
"""A daemon in the place of a database: what is read through it is what the database says, byte for byte."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import unittest

from harness import PROGRAM, environment, main, run, run_bytes
from server import DaemonCase

TRIES = 5  # "3 s ago" may be another moment later


class Reads(DaemonCase):
    """Each subcommand on the database, and on the daemon that serves it."""

    BUILDERS = ("builders", "builders -n 2", "builders --order -id --offset 1 -n 3", "builders -n 2 --page --total",
                "builders -f name__contains=i", "builders -f id__ge=2 -f id__lt=4")
    LISTS = ("builds", "builds -n all", "builds -n 7 --page --total", "builds --offset 3 -n 2", "builds -n 0 --page",
             "builds --failed -n 5", "builds --results success,4", "builds --running", "builds -f results=failure",
             "builds -f results__in=0,warnings -n 3", "builds -f number__gt=2 --order builderid --order -number -n 9",
             "builds -f complete=true -n 4", "builds -f state_string__contains=a -n 4", "builds -f results__ne=0 -n 4",
             "builds nobody", "builds -f bogus=1", "builds -f bogus__gt=1", "builds -f results=x",
             "builds --order bogus", "builds -f number__gt=1 -f number__gt=2", "builds --cursor nonsense",
             "builds --cursor x --offset 1")

    def same(self, *words, **env):
        """Both ways in text and as JSON give the same."""
        for more in ((), ("--json",)):
            for _ in range(TRIES):
                here = run_bytes(self.folder, *words, *more, "--db", self.db, **env)
                there = run_bytes(self.folder, *words, *more, "--db", self.url, **env)
                if here.out == there.out:
                    break
            told = there.err.replace(self.url.encode(), self.db.encode())
            self.assertEqual((here.code, here.out), (there.code, there.out), (words, more, there.err))
            if here.code != 2:  # whose words are the daemon's
                self.assertEqual(here.err, told, (words, more))
        return here

    @property
    def url(self):
        return f"http://127.0.0.1:{self.daemon.port}"

    def builds(self):
        return run(self.folder, "builds", "-n", "all", "--json", "--db", self.db).json


class TestReadsOfAMaster(Reads):
    def test_the_overview_is_the_same(self):
        self.same()
        self.same("-n", "2")

    def test_the_address_of_its_api_names_the_daemon_too(self):
        here = run(self.folder, "builders", "--db", self.db)
        for end in ("/", "/api/v2", "/api/v2/", "//api/v2//"):
            there = run(self.folder, "builders", "--db", self.url + end)
            self.assertEqual((there.code, there.out), (0, here.out), (end, there.err))

    def test_builders_are_the_same(self):
        for words in self.BUILDERS:
            self.same(*words.split())

    def test_lists_of_builds_are_the_same(self):
        for words in self.LISTS:
            self.same(*words.split())

    def test_pages_by_cursor_are_the_same_and_go_to_the_end(self):
        words, seen = ["builds", "-n", "100", "--page"], []
        while True:
            here = run(self.folder, *words, "--json", "--db", self.db)
            there = run(self.folder, *words, "--json", "--db", self.url)
            self.assertEqual(here.out, there.out)
            page = there.json
            seen += [build["id"] for build in page["builds"]]
            if not page["next_cursor"]:
                break
            words = ["builds", "-n", "100", "--page", "--cursor", page["next_cursor"]]
        self.assertEqual(seen, [build["id"] for build in self.builds()])
        self.assertGreater(len(seen), 200)

    def test_single_builds_are_the_same(self):
        builds = self.builds()
        by_result = {build["results"]: build for build in builds}
        chosen = [str(build["id"]) for build in by_result.values()] + [str(builds[-1]["id"])]
        for name in (*chosen, "hiredis-gcc", "hiredis-gcc/last-failed", "hiredis-gcc/2", "ünïcode büilder/1", "fan-out/last",
                     "0", "999999", "hiredis-gcc/9999", "hiredis-gc", "hiredis-gcc/x", "nobody/1"):
            self.same("build", name)

    def test_steps_properties_and_data_are_the_same(self):
        for build in self.builds()[::70]:
            name = str(build["id"])
            for words in ("steps {}", "steps {} --all", "steps {} -f results__ne=0", "steps {} --order -number -n 2",
                          "properties {}", "properties {} -n 3 --page --total", "properties get {} buildername",
                          "properties get {} nothing", "properties {} --order source", "data {}", "data list {} --order -length",
                          "data {} -f name__contains=e --total"):
                self.same(*[word.format(name) for word in words.split()])

    def test_values_are_the_same_bytes(self):
        found = 0
        for build in self.builds():
            names = run(self.folder, "data", str(build["id"]), "--json", "--db", self.db).json if found < 6 else []
            for value in names[:2]:
                here = run_bytes(self.folder, "data", "get", str(build["id"]), value["name"], "--db", self.db)
                there = run_bytes(self.folder, "data", "get", str(build["id"]), value["name"], "--db", self.url)
                self.assertEqual((here.code, here.out), (there.code, there.out))
                found += 1
        self.assertGreater(found, 2)

    def test_what_a_daemon_cannot_be_asked_is_refused(self):
        for words in (("builds", "-f", "results"), ("builds", "--failed", "-f", "results__in=0")):
            done = run(self.folder, *words, "--db", self.url)
            self.assertEqual((done.code, done.out), (5, ""), done.err)

    def test_what_works_on_a_database_itself_is_refused(self):
        for words in (("init",), ("adopt",), ("release",), ("upgrade",), ("check",), ("serve",),
                      ("prune", "--older-than", "30d")):
            done = run(self.folder, *words, "--db", self.url)
            self.assertEqual((done.code, done.out), (5, ""), words)
            self.assertIn("not for a daemon", done.err)
        self.assertEqual(run(self.folder, "init", self.url).code, 5)


class TestReadsOfAStore(Reads):
    @classmethod
    def record(cls):
        for number in range(3):
            run(cls.folder, "run", "--db", cls.db, "--builder", "nightly", "--property", "ratio=1.50",
                "--property", 'text="a\\"\\u00e9\\n"', "--step", "make", f"seq {number * 100}", "--step", "a b/c?d",
                "printf 'x\\r\\ny'", "--step", "end", f"exit {number}")
        run(cls.folder, "run", "--db", cls.db, "--builder", "12", "--", "sh", "-c", "daybook() { :; }; echo %; sleep 0")
        run(cls.folder, "run", "--db", cls.db, "--builder", "a/b %", "--log-max", "8M", "--", "seq", "400000")
        run(cls.folder, "steps", "url", "1", "make", "a name", "http://example.org/?a=b&c", "--db", cls.db)
        run(cls.folder, "data", "put", "1", "empty", "/dev/null", "--db", cls.db)
        run(cls.folder, "data", "put", "1", "all/bytes ?&%", "--db", cls.db, stdin=bytes(range(256)))

    def test_all_lists_are_the_same(self):
        for words in ("", *self.BUILDERS, *self.LISTS, "builds nightly", "builds 12", "builds nightly --failed",
                      "builds 1", "builds -n 2 --total"):
            self.same(*words.split())

    def test_builds_and_their_parts_are_the_same(self):
        for name in ("1", "nightly", "nightly/2", "12", "12/last", "a/b %", "a/b %/1", "nightly/last-failed", "#2", "."):
            for words in (("build",), ("steps",), ("properties",), ("data",)):
                self.same(*words, name)
        self.same("build", ".", DAYBOOK_BUILD="2")
        self.same("properties", "get", "1", "ratio")
        self.same("properties", "get", "1", "text")

    def test_logs_are_the_same(self):
        for words in ((), ("nightly",), ("--failed",), ("nightly/1", "make"), ("nightly/2", "0"), ("1", "mak"), ("12",),
                      ("a/b %",), ("nightly/1", "--failed")):
            here = run_bytes(self.folder, "log", *words, "--db", self.db)
            there = run_bytes(self.folder, "log", *words, "--db", self.url)
            self.assertEqual((here.code, here.out, here.err), (there.code, there.out, there.err), words)

    def test_values_are_the_same(self):
        for name in ("empty", "all/bytes ?&%", "log/make", "nothing"):
            here = run_bytes(self.folder, "data", "get", "1", name, "--db", self.db)
            there = run_bytes(self.folder, "data", "get", "1", name, "--db", self.url)
            self.assertEqual((here.code, here.out, here.err), (there.code, there.out, there.err), name)
        self.assertEqual(run_bytes(self.folder, "data", "get", "1", "all/bytes ?&%", "--db", self.url).out,
                         bytes(range(256)))

    def test_a_value_that_nobody_reads_to_its_end_ends_quietly(self):
        done = subprocess.run(f"'{PROGRAM}' log 'a/b %' --db {self.url} | head -c 100 | wc -c", shell=True,
                              cwd=self.folder, env=environment(), capture_output=True, check=False, timeout=60)
        self.assertEqual((done.stdout.strip(), done.stderr), (b"100", b""))


class TestWhoIsAsked(DaemonCase):
    """The token and the address: what goes where, and what never does."""

    TOKEN = "dbk_" + "x" * 43

    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)
        cls.tokens = os.path.join(cls.folder, "tokens")
        cls.token = run(cls.folder, "token", "add", "reader", "--tokens", cls.tokens).out.strip()
        cls.limited = run(cls.folder, "token", "add", "limited", "--builder", "mine-*", "--tokens", cls.tokens).out.strip()
        for builder in ("mine-1", "others"):
            run(cls.folder, "run", "--db", cls.db, "--builder", builder, "--", "echo", builder)
        cls.WORDS = ("--tokens", cls.tokens)

    def ask(self, url=None, code=0, **env):
        done = run(self.folder, "builds", "--db", url or f"http://127.0.0.1:{self.daemon.port}", **env)
        self.assertEqual(done.code, code, done.err)
        for secret in (self.token, self.TOKEN):
            self.assertNotIn(secret, done.out + done.err)
        return done

    def token_file(self, text, mode=0o600):
        path = os.path.join(self.folder, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def test_the_token_comes_from_the_environment_or_a_file(self):
        self.ask(DAYBOOK_TOKEN=self.token)
        self.ask(DAYBOOK_TOKEN_FILE=self.token_file(self.token + "\n"))
        self.ask(DAYBOOK_TOKEN_FILE=self.token_file(self.token), DAYBOOK_TOKEN=self.TOKEN)

    def test_without_a_token_that_is_known_it_is_denied(self):
        self.assertIn("DAYBOOK_TOKEN_FILE", self.ask(code=17).err)
        self.ask(code=17, DAYBOOK_TOKEN=self.TOKEN)
        self.ask(code=17, DAYBOOK_TOKEN_FILE=self.token_file(self.TOKEN), DAYBOOK_TOKEN=self.token)

    def test_a_token_that_others_can_read_or_that_is_none_is_not_used(self):
        self.ask(code=17, DAYBOOK_TOKEN_FILE=self.token_file(self.token, 0o644))
        self.ask(code=17, DAYBOOK_TOKEN_FILE=self.token_file("\n"))
        self.ask(code=17, DAYBOOK_TOKEN_FILE=os.path.join(self.folder, "missing"))
        self.ask(code=17, DAYBOOK_TOKEN=self.token + "\r\nX: y")

    def test_a_token_that_is_limited_to_builders_shows_theirs(self):
        def ask(*words):
            return run(self.folder, *words, "--db", f"http://127.0.0.1:{self.daemon.port}", DAYBOOK_TOKEN=self.limited)

        self.assertEqual([builder["name"] for builder in ask("--json").json], ["mine-1"])
        build = ask("build", "mine-1", "--json").json
        self.assertEqual((build["worker"], build["reason"], [step["name"] for step in build["steps"]]), (None, None, ["echo"]))
        self.assertEqual(ask("log", "mine-1").out, "mine-1\n")
        self.assertEqual({event["builderid"] for event in ask("events", "--json").json}, {build["builderid"]})
        followed = ask("events", "--follow", "--json", "--limit", "3").out.splitlines()
        self.assertEqual({json.loads(line)["builderid"] for line in followed}, {build["builderid"]})
        for words in (("build", "2"), ("steps", "2"), ("data", "get", "2", "log/echo")):
            self.assertEqual((ask(*words).code, ask(*words).out), (17, ""), words)
        self.assertEqual(ask("build", "others/1").code, 3)

    def test_only_this_machine_is_asked_in_clear_text(self):
        for url in ("http://example.org", "http://10.0.0.1:8011", "http://127.0.0.1.example.org", "http://user@127.0.0.1",
                    "http://u:p@127.0.0.1:1", "https://", "http://127.0.0.1:1/?a=b", "https://a b/", "http://[::2]:1"):
            done = self.ask(url, code=2, DAYBOOK_TOKEN=self.token)
            self.assertNotIn(":p@", done.err)

    def test_a_token_follows_nobody_to_another_address(self):
        seen = []

        class Elsewhere(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append((self.path, self.headers.get("Authorization")))
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:{other.server_port}/stolen")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as one, \
                http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as other:
            for server in (one, other):
                threading.Thread(target=server.serve_forever, daemon=True).start()
            done = self.ask(f"http://127.0.0.1:{one.server_port}", code=13, DAYBOOK_TOKEN=self.token)
            one.shutdown()
            other.shutdown()
        self.assertIn("302", done.err)
        self.assertEqual(seen, [("/api/v2/builders?limit=0&total=none", "Bearer " + self.token)])

    def test_a_proxy_does_not_see_what_is_for_this_machine(self):
        with socket.create_server(("127.0.0.1", 0)) as proxy:
            address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
            self.ask(DAYBOOK_TOKEN=self.token, http_proxy=address, all_proxy=address)
            proxy.setblocking(False)
            with self.assertRaises(BlockingIOError):
                proxy.accept()

    def test_what_is_no_daemon_is_told(self):
        class Other(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"<html>hello</html>"
                self.send_response(404 if "x404" in self.path else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for path in ("", "/x404", "/below/"):
                done = self.ask(f"http://127.0.0.1:{server.server_port}{path}", code=13)
                self.assertIn("no `daybook serve` answers there", done.err)
            server.shutdown()

    def test_a_daemon_that_is_away_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        self.assertIn("cannot be reached", self.ask(f"http://127.0.0.1:{port}", code=13).err)


@unittest.skipUnless(shutil.which("openssl"), "openssl makes the certificates")
class TestCertificates(DaemonCase):
    """https:// to a daemon that speaks TLS."""

    @classmethod
    def record(cls):
        run(cls.folder, "run", "--db", cls.db, "--builder", "b", "--", "true")
        cls.certificate = os.path.join(cls.folder, "certificate.pem")
        cls.key = os.path.join(cls.folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", cls.key,
                        "-out", cls.certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, capture_output=True)
        cls.WORDS = ("--tls-cert", cls.certificate, "--tls-key", cls.key)

    def ask(self, host, **env):
        return run(self.folder, "builds", "--json", "--db", f"https://{host}:{self.daemon.port}", **env)

    def test_a_certificate_that_is_trusted_lets_ask(self):
        done = self.ask("localhost", DAYBOOK_CA_FILE=self.certificate)
        self.assertEqual((done.code, [b["builder"] for b in done.json]), (0, ["b"]), done.err)

    def test_one_that_is_not_trusted_or_for_another_host_does_not(self):
        self.assertIn("certificate", self.ask("localhost").err)
        for done in (self.ask("localhost"), self.ask("127.0.0.1", DAYBOOK_CA_FILE=self.certificate),
                     self.ask("localhost", DAYBOOK_CA_FILE=self.key)):
            self.assertEqual((done.code, done.out), (17, ""), done.err)


if __name__ == "__main__":
    sys.exit(main(__name__))
