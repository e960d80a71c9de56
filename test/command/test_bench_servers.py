#!/usr/bin/env python3
"""`daybook bench report` of stores of several engines, side by side."""

import sys

from harness import StoreCase, main, run
from servers import Server

UNTIL = "1700000000"
ONLY = "get_build_by_number"


class TestReport(StoreCase):
    @classmethod
    def record(cls):
        cls.servers = [Server("postgresql"), Server("mariadb")]
        cls.addClassCleanup(lambda: [server.end() for server in cls.servers])
        cls.urls = [["small.sqlite", "large.sqlite"]]
        cls.urls += [[server.database().url for _ in range(2)] for server in cls.servers]
        for urls in cls.urls:
            for url, count in zip(urls, ("20", "60")):
                run(cls.folder, "bench", "fill", url, "--builds", count, "--until", UNTIL)

    def report(self, *words, codes=(0, 1)):
        done = run(self.folder, "bench", "report", "--rounds", "1", "--only", ONLY, *words)
        self.assertIn(done.code, codes, done.err)
        return done

    def test_each_engine_has_its_stores_and_its_growth(self):
        found = self.report("--json", *sum(self.urls, [])).json
        self.assertEqual([engine["engine"] for engine in found["engines"]], ["sqlite", "postgresql", "mariadb"])
        self.assertTrue(all(engine["version"] for engine in found["engines"]), found)
        read, = found["reads"]
        self.assertEqual([(store["engine"], store["builds"]) for store in read["stores"]],
                         [(engine, builds) for engine in ("sqlite", "postgresql", "mariadb") for builds in (20, 60)])
        self.assertEqual([growth["engine"] for growth in read["growths"]], ["sqlite", "postgresql", "mariadb"])
        for growth, (small, large) in zip(read["growths"], zip(read["stores"][::2], read["stores"][1::2])):
            self.assertAlmostEqual(growth["growth"], large["median_us"] / small["median_us"], delta=0.01)
        self.assertEqual(read["grows"], any(growth["grows"] for growth in read["growths"]))

    def test_the_table_names_the_engine_above_each_column(self):
        head = self.report(*sum(self.urls, [])).out.splitlines()[0]
        for engine in ("sqlite", "postgresql", "mariadb"):
            self.assertIn(f"{engine} 20", head)
            self.assertIn(f"{engine} 60", head)
        self.assertEqual(head.count("PER TENFOLD"), 3)

    def test_one_store_of_each_engine_has_no_growth(self):
        done = self.report("--json", *[urls[1] for urls in self.urls], codes=(0,))
        self.assertEqual(done.json["reads"][0]["growths"], [])

    def test_the_stores_of_an_engine_stand_together(self):
        sqlite, postgresql, _ = self.urls
        done = self.report(sqlite[0], postgresql[0], sqlite[1], codes=(2,))
        self.assertIn("one after another", done.err)
        done = self.report(sqlite[0], postgresql[1], postgresql[0], codes=(2,))
        self.assertIn("in order of their size", done.err)


if __name__ == "__main__":
    sys.exit(main(__name__))
