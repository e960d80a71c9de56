"""What becomes of a master's database URL."""

import sys

from harness import main
from twisted.trial import unittest

from daybook.buildbot.urls import UnknownUrl, translate


class TestUrls(unittest.TestCase):
    def check(self, url, expected, basedir="/srv/master"):
        self.assertEqual(translate(url, basedir), expected)

    def test_a_relative_path_is_below_the_basedir(self):
        self.check("sqlite:///state.sqlite", "sqlite:////srv/master/state.sqlite?writes=master")
        self.check("sqlite:///%(basedir)s/x.sqlite", "sqlite:////srv/master/x.sqlite?writes=master")

    def test_an_absolute_path_stays(self):
        self.check("sqlite:////var/a%b c.sqlite", "sqlite:////var/a%25b%20c.sqlite?writes=master", None)

    def test_a_drivers_name_is_left_out(self):
        self.check("sqlite+pysqlite:////x", "sqlite:////x?writes=master")
        self.check("postgresql+psycopg2://u@h/b", "postgresql://u@h/b?writes=master")
        self.check("mysql+mysqldb://h/b", "mysql://h/b?writes=master")

    def test_names_and_passwords_are_escaped_again(self):
        self.check("postgresql://a%40b:p%2Fw%3A@h:5433/b", "postgresql://a%40b:p%2Fw%3A@h:5433/b?writes=master")

    def test_what_only_buildbot_has_to_know_is_left_out(self):
        self.check("mysql://u:p@h/b?max_idle=300&charset=utf8&use_unicode=True&storage_engine=InnoDB",
                   "mysql://u:p@h/b?writes=master")
        self.check("sqlite:////x?serialize_access=1", "sqlite:////x?writes=master")

    def test_a_socket_is_kept(self):
        self.check("mysql://u@/b?unix_socket=/run/my.sock", "mysql://u@/b?unix_socket=/run/my.sock&writes=master")

    def test_tls_of_mariadb_is_kept(self):
        self.check("mysql+mysqldb://u@h/b?charset=utf8mb4&ssl_mode=REQUIRED&ssl_ca=/etc/ca.pem",
                   "mysql://u@h/b?ssl_mode=REQUIRED&ssl_ca=/etc/ca.pem&writes=master")

    def test_what_the_driver_hands_to_libpq_is_kept(self):
        self.check("postgresql://u@/b?host=/run/postgresql&port=5433",
                   "postgresql://u@/b?host=/run/postgresql&port=5433&writes=master")
        self.check("postgresql+psycopg2://u@h/b?sslmode=verify-full&options=-csearch_path%3Dci",
                   "postgresql://u@h/b?sslmode=verify-full&options=-csearch_path%3Dci&writes=master")

    def test_several_hosts_are_named_in_libpqs_way(self):
        self.check("postgresql://u@/b?host=one:5432&host=two&target_session_attrs=read-write",
                   "postgresql://u@/b?host=one%2Ctwo&target_session_attrs=read-write&port=5432%2C&writes=master")

    def test_an_option_given_twice_is_refused(self):
        with self.assertRaisesRegex(UnknownUrl, "sslmode twice"):
            translate("postgresql://u@/b?sslmode=require&sslmode=disable", None)

    def test_what_is_not_known_is_refused_by_name(self):
        for url, word in (("oracle://h/b", "oracle"), ("postgresql://h/b?executemany_mode=values_only", "executemany_mode"),
                          ("sqlite:////x?cache=shared", "cache"), ("sqlite://", "memory"),
                          ("sqlite:///:memory:", "memory")):
            with self.assertRaisesRegex(UnknownUrl, word):
                translate(url, "/srv/master")


if __name__ == "__main__":
    sys.exit(main(__name__))
