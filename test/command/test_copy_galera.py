#!/usr/bin/env python3
"""`daybook copy --follow` into a Galera cluster of three and out of one that is written at one node: nothing is lost."""

import sys
import unittest

from harness import main
from servers import Server
from test_copy_follow import FollowCase


class TestGalera(FollowCase):
    def cluster(self):
        if "galera" not in self.servers:
            self.servers["galera"] = Server("galera")
        return self.servers["galera"].database()

    def test_a_file_to_a_cluster_is_the_same_at_each_node(self):
        source, target = self.place("sqlite", "from"), self.cluster()
        self.follow(source, target.url)
        for node in target.urls:
            builds = [self.daybook("builds", "--db", url, "-n", "all", "--json").json for url in (target.url, node)]
            self.assertEqual(builds[0], builds[1])

    def test_a_cluster_that_is_written_at_one_node_to_a_file(self):
        node = self.cluster().urls[0]
        self.follow(node, self.place("sqlite", "to"))


if __name__ == "__main__":
    sys.exit(main(__name__))
