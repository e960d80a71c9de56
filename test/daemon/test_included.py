#!/usr/bin/env python3
"""Builds with what belongs to them in one answer, and builds found by their properties."""

import contextlib
import json
import sqlite3
import sys
import urllib.parse

from harness import main
from server import DaemonCase


class TestIncluded(DaemonCase):
    def expect(self, build):
        """The build as the single reads give its parts."""
        steps = self.records(f"builds/{build['buildid']}/steps")
        properties = self.records(f"builds/{build['buildid']}/properties")[0]
        return {**build, "properties": properties, "steps": steps}

    def test_a_list_has_each_builds_own_steps_and_properties(self):
        for path in ("builds?order=-number&limit=20&offset=5", "builders/3/builds?order=buildid",
                     "builds/210/triggered_builds?limit=9", "changes/1/builds?limit=9",
                     "workers/1/builds?limit=7&order=-complete_at"):
            plain, whole = self.get(path).json, self.get(path + "&include=steps,properties").json
            self.assertEqual(whole["meta"], plain["meta"])
            self.assertEqual(whole["builds"], [self.expect(b) for b in plain["builds"]], path)

    def test_one_build_by_every_name(self):
        build = self.records("builders/3/builds/last")[0]
        want = [self.expect(build)]
        for path in (f"builds/{build['buildid']}", f"builders/3/builds/{build['number']}", "builders/3/builds/last"):
            self.assertEqual(self.records(path + "?include=steps&include=properties"), want)
            self.assertEqual(self.records(path + "?include=steps"), [{**want[0], "properties": {}}])
            self.assertEqual(self.records(path + "?include=properties"),
                             [{k: v for k, v in want[0].items() if k != "steps"}])
        self.get("builds/999999?include=steps,properties", 404)

    def test_with_fields_chosen_the_parts_come_all_the_same(self):
        got = self.records("builds?field=buildid&limit=2&include=steps,properties")
        self.assertEqual([set(b) for b in got], [{"buildid", "properties", "steps"}] * 2)
        self.assertGreater(len(got[0]["steps"]), 0)

    def test_pages_by_cursor_go_on_with_their_parts(self):
        seen, cursor = [], ""
        while cursor is not None:
            page = self.get(f"builds?limit=100&total=none&include=steps&cursor={cursor}").json
            seen += page["builds"]
            cursor = page["meta"]["next_cursor"]
        self.assertEqual([b["buildid"] for b in seen], [b["buildid"] for b in self.records("builds?order=buildid")])
        self.assertTrue(all(s["buildid"] == b["buildid"] for b in seen for s in b["steps"]))

    def test_more_than_200_builds_with_their_steps_are_413(self):
        for path in ("builds?include=steps", "builds?include=steps&limit=201"):
            error = self.get(path, 413).json["error"]
            self.assertIn("200", error)
            self.assertIn("cursor", error)
        self.assertEqual(len(self.records("builds?include=steps&limit=200")), 200)
        self.assertEqual(len(self.records("builds?include=steps&limit=500&cursor=")), 200)
        self.assertEqual(len(self.records("builds?include=properties")), 282)

    def test_what_cannot_be_included_is_400(self):
        for path in ("builds?include=logs", "builds?include=steps,nosuch", "steps/1?include=steps",
                     "builders?include=steps", "builds/1/steps?include=properties"):
            self.get(path, 400)
        self.assertEqual(self.get("builds/1?include=").json, self.get("builds/1").json)


class TestByProperty(DaemonCase):
    @classmethod
    def record(cls):
        super().record()
        with contextlib.closing(sqlite3.connect(cls.db)) as connection, connection:
            connection.executemany("INSERT INTO build_properties (buildid, name, value, source) VALUES (?, ?, ?, 'x')", [
                (3, "town", '"K\\u00f6ln"'), (4, "town", '"Köln"'), (5, "town", '"Bonn"'), (5, "list", '[1, {"a": 2}]'),
                (6, "twice", '"first"'), (6, "twice", '"second"'), (7, "a/b=c", "1.5")])

    def ids(self, path):
        return [b["buildid"] for b in self.records(path)]

    def expect_as_listed(self, name, value):
        """What is found is what the properties of all builds say."""
        every = self.records("builds?include=properties&order=buildid")
        want = [b["buildid"] for b in every if name in b["properties"] and b["properties"][name][0] == value]
        path = f"builds?order=buildid&property.{name}={urllib.parse.quote(json.dumps(value))}"
        self.assertEqual(self.ids(path), want)
        return want

    def test_builds_that_have_it_and_no_others(self):
        first = self.records("builds/1/properties")[0]
        for name, (value, _) in first.items():
            self.assertIn(1, self.expect_as_listed(name, value))
        self.assertLess(1, len(self.expect_as_listed("buildername", first["buildername"][0])))

    def test_a_value_is_found_in_every_form_in_which_json_is_kept(self):
        for value in ('"Köln"', '"K\\u00f6ln"', '"K\\u00F6ln"', '"\\u004böln"'):
            self.assertEqual(self.ids("builds?order=buildid&property.town=" + urllib.parse.quote(value)), [3, 4])
        self.assertEqual(self.ids("builds?property.list=" + urllib.parse.quote('[1,{"a":2}]')), [5])
        self.assertEqual(self.ids("builds?property.a%2Fb%3Dc=1.50"), [7])

    def test_several_values_are_any_of_them_and_several_names_all_of_them(self):
        self.assertEqual(self.ids('builds?order=-buildid&property.town="Bonn"&property.town="K%C3%B6ln"'), [5, 4, 3])
        self.assertEqual(self.ids('builds?property.town="Bonn"&property.list=[1, {"a": 2}]'), [5])
        self.assertEqual(self.ids('builds?property.town="Bonn"&number__lt=0'), [])

    def test_of_a_property_that_is_there_twice_the_last_one_counts(self):
        self.assertEqual(self.ids('builds?property.twice="second"'), [6])
        self.assertEqual(self.ids('builds?property.twice="first"'), [])

    def test_the_answer_says_that_it_came_to_the_end_and_how_to_go_on(self):
        self.assertEqual(self.get('builds?property.town="Bonn"').json["meta"], {"next_cursor": None, "stopped": False})
        page = self.get('builds?order=-buildid&limit=1&property.town="K%C3%B6ln"').json
        self.assertEqual((page["builds"][0]["buildid"], page["meta"]["stopped"]), (4, False))
        rest = self.get('builds?order=-buildid&limit=1&property.town="K%C3%B6ln"&cursor=' + page["meta"]["next_cursor"])
        self.assertEqual(rest.json["builds"][0]["buildid"], 3)

    def test_what_makes_no_sense_is_400(self):
        for path in ("builds?property.town=Bonn", "builds?property.town=", 'builds?property.town="Bonn"&offset=1',
                     'builds?property.town="Bonn"&total=exact', 'builds/5?property.town="Bonn"',
                     'builders?property.town="Bonn"', 'builds/5/steps?property.town="Bonn"',
                     "builds?" + "&".join(f"property.p{i}=1" for i in range(9))):
            self.get(path, 400)


class TestWindow(DaemonCase):
    @classmethod
    def record(cls):
        super().record()
        with contextlib.closing(sqlite3.connect(cls.db)) as connection, connection:
            connection.execute("INSERT INTO builds SELECT NULL, 1000 + 1000 * a.id + b.id, a.builderid, a.buildrequestid,"
                               " a.workerid, a.masterid, a.started_at, a.complete_at, 0, a.state_string, a.results"
                               " FROM builds a, builds b WHERE b.id <= 60 AND a.id <= 200")
            cls.last = connection.execute("SELECT max(id), count(*) FROM builds").fetchone()
            connection.execute("INSERT INTO build_properties (buildid, name, value, source) VALUES (?, 'rare', '1', 'x')",
                               cls.last[:1])

    def test_it_stops_after_10000_builds_and_goes_on_from_there(self):
        self.assertGreater(self.last[1], 10000)
        page = self.get("builds?order=buildid&property.rare=1").json
        self.assertEqual((page["builds"], page["meta"]["stopped"]), ([], True))
        page = self.get("builds?order=buildid&property.rare=1&cursor=" + page["meta"]["next_cursor"]).json
        self.assertEqual([b["buildid"] for b in page["builds"]], [self.last[0]])
        self.assertEqual(page["meta"], {"next_cursor": None, "stopped": False})


if __name__ == "__main__":
    sys.exit(main(__name__))
