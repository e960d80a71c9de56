#!/usr/bin/env python3
"""What `daybook serve` answers: as a Buildbot master did, byte by byte where that was recorded.

test/data/rest-answers.jsonl holds a master's answers on test/data/buildbot-4.3.sqlite.gz, one a line;
rest-answers-more.jsonl holds others, with the number of all that match in meta.total.
"""

import base64
import contextlib
import json
import os
import sqlite3
import sys

from harness import main, run
from server import DATA, DaemonCase

BUILD_INTS = ("buildid", "number", "builderid", "buildrequestid", "workerid", "masterid", "started_at",
              "complete_at", "locks_duration_s", "results")
STEP_INTS = ("stepid", "number", "buildid", "started_at", "locks_acquired_at", "complete_at", "results")
ORDERED = {"lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b,
           "ge": lambda a, b: a >= b}


class RecordedCase(DaemonCase):
    def check(self, daemon, want):
        answer = daemon.ask(want["path"])
        self.assertEqual(answer.status, want["status"])
        if want["status"] != 200:
            self.assertIsInstance(answer.json["error"], str)
            return
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], want["content_type"])
        if "json" in want:
            self.assertEqual(answer.json, want["json"])
        else:
            self.assertEqual(answer.body, base64.b64decode(want["base64"]))
            self.assertEqual(answer.headers["Content-Disposition"], want["content_disposition"])

    def expect_every_answer(self, daemon):
        for name, expected in (("rest-answers.jsonl", 84), ("rest-answers-more.jsonl", 40)):
            count = 0
            with open(os.path.join(DATA, name), encoding="utf-8") as answers:
                for line in answers:
                    want = json.loads(line)
                    with self.subTest(path=want["path"]):
                        self.check(daemon, want)
                    count += 1
            self.assertEqual(count, expected)


class TestRecorded(RecordedCase):
    def test_every_recorded_answer_is_given(self):
        self.expect_every_answer(self.daemon)


class TestPatch(DaemonCase):
    @classmethod
    def record(cls):
        super().record()
        with contextlib.closing(sqlite3.connect(cls.db)) as db, db:
            db.execute("INSERT INTO patches VALUES (7, 1, 'cGF0Y2g=', 'me', 'why', NULL)")
            db.execute("UPDATE sourcestamps SET patchid = 7 WHERE id = (SELECT sourcestampid FROM buildset_sourcestamps"
                       " s JOIN buildrequests r ON r.buildsetid = s.buildsetid JOIN builds b ON b.buildrequestid = r.id"
                       " WHERE b.id = 3)")

    def test_a_sourcestamp_names_its_patch(self):
        stamps = self.records("sourcestamps")
        self.assertEqual([s["patch"] for s in stamps if s["patch"]], [{"patchid": 7}])
        self.assertNotIn("patchid", stamps[0])
        self.assertEqual(self.records("sourcestamps?patchid=7&field=patchid"), [{"patchid": 7}])

    def test_the_command_says_the_same_from_afar(self):
        here = run(self.folder, "build", "3", "--json", "--db", self.db)
        there = run(self.folder, "build", "3", "--json", "--db", f"http://127.0.0.1:{self.daemon.port}")
        self.assertEqual((there.code, there.json), (0, here.json))
        self.assertEqual([s["patchid"] for s in here.json["sourcestamps"]], [7])


class TestFilters(DaemonCase):
    """Each comparison on each field, held against the same done here."""

    def expect(self, path, records, keeps, key):
        separator = "&" if "?" in path else "?"
        got = [r[key] for r in self.records(path + separator + "order=" + key)]
        want = [r[key] for r in records if keeps(r)]
        self.assertEqual(got, want, path)

    def compare_all(self, base, records, key, ints, is_none_kept):
        for field in ints:
            values = sorted({r[field] for r in records if r[field] is not None})
            low, middle = values[0], values[len(values) // 2]
            for op, holds in ORDERED.items():
                self.expect(f"{base}?{field}__{op}={middle}", records,
                            lambda r: r[field] is not None and holds(r[field], middle), key)
            for op in ("eq", "in"):
                self.expect(f"{base}?{field}__{op}={low}&{field}__{op}={middle}", records,
                            lambda r: r[field] in (low, middle), key)
            for op in ("ne", "notin"):
                self.expect(f"{base}?{field}__{op}={low}&{field}__{op}={middle}", records,
                            lambda r: r[field] not in (low, middle)
                            and (r[field] is not None or is_none_kept), key)
            self.expect(f"{base}?{field}__contains={middle}", records,
                        lambda r: r[field] is not None and str(middle) in str(r[field]), key)

    def test_of_builds(self):
        builds = self.records("builds?order=buildid")
        self.compare_all("builds", builds, "buildid", BUILD_INTS, False)
        self.expect("builds?state_string=build successful", builds,
                    lambda b: b["state_string"] == "build successful", "buildid")
        self.expect("builds?state_string__gt=f", builds, lambda b: b["state_string"] > "f", "buildid")
        self.expect("builds?complete__ne=on", builds, lambda b: not b["complete"], "buildid")

    def test_of_steps(self):
        steps = self.records("builds/210/steps?order=stepid")
        self.assertGreater(len(steps), 3)
        self.compare_all("builds/210/steps", steps, "stepid", STEP_INTS, True)
        self.expect("builds/210/steps?name__contains=i", steps, lambda s: "i" in s["name"], "stepid")
        self.expect("builds/210/steps?hidden=off", steps, lambda s: not s["hidden"], "stepid")

    def test_a_claim_is_a_truth_value(self):
        requests = self.records("buildrequests")
        self.assertGreater(len(requests), 300)
        self.assertEqual(self.records("buildrequests?claimed=true"), requests)
        for none in ("claimed=false", "claimed__ne=true", "claimed__notin=0&claimed__notin=1"):
            self.assertEqual(self.records("buildrequests?" + none), [])
        self.assertEqual(self.records("buildrequests?claimed__in=0&claimed__in=1"), requests)

    def test_what_is_ignored_as_buildbot_does(self):
        every = self.get("builds?limit=3").json
        for ignored in ("nosuch__eq=1", "number__like=3", "number__lt=3&number__lt=4", "limit=9", "nosuch", "order"):
            self.assertEqual(self.get("builds?limit=3&" + ignored).json, every)
        self.assertEqual(self.get("builds/3?limit=0&offset=7&order=-number").json,
                         self.get("builds/3").json)


class TestPages(DaemonCase):
    def test_a_cursor_walks_through_all_once(self):
        seen, cursor = [], ""
        while cursor is not None:
            page = self.get(f"builds?order=-number&limit=50&cursor={cursor}").json
            seen += [b["buildid"] for b in page["builds"]]
            cursor = page["meta"]["next_cursor"]
            self.assertEqual(page["meta"]["total"], 282)
        self.assertEqual(len(seen), 282)
        self.assertEqual(len(set(seen)), 282)

    def test_a_cursor_walks_forwards_through_changes(self):
        self.assertEqual([c["changeid"] for c in self.records("changes")], list(range(8, 0, -1)))
        self.assertEqual([c["changeid"] for c in self.records("changes?cursor=")], list(range(1, 9)))

    def test_a_cursor_walks_through_what_is_equal_in_an_order(self):
        for path in ("builds/4/steps?order=-results", "builders?order=-projectid", "builds/4/data?order=-source"):
            whole, seen, cursor = self.records(path + "&cursor="), [], ""
            while cursor is not None:
                page = self.get(f"{path}&limit=1&cursor={cursor}").json
                cursor = page["meta"].pop("next_cursor")
                seen += next(records for name, records in page.items() if name != "meta")
            self.assertEqual(seen, whole)
            self.assertCountEqual(seen, self.records(path))

    def test_a_cursor_of_another_order_is_400(self):
        cursor = self.get("builds?order=number&limit=5&cursor=").json["meta"]["next_cursor"]
        self.get(f"builds?order=-number&limit=5&cursor={cursor}", 400)

    def test_without_a_total_none_is_counted(self):
        self.assertEqual(self.get("builds?total=none&limit=1").json["meta"], {})

    def test_fields_that_are_filtered_or_ordered_by_must_be_selected(self):
        self.get("builds?field=number&results=0", 400)
        self.get("builds?field=number&order=results", 400)


class TestForms(DaemonCase):
    def test_a_builder_is_named_by_id_or_name(self):
        for path in ("", "/builds?limit=2", "/builds/2", "/builds/2/steps", "/builds/2/steps/0",
                     "/builds/2/data", "/builds/2/properties", "/builds/2/property_list",
                     "/builds/2/triggered_builds", "/buildrequests?limit=3"):
            self.assertEqual(self.get("builders/3" + path).json,
                             self.get("builders/hiredis-gcc" + path).json)

    def test_a_worker_and_a_master_too(self):
        worker = self.records("workers/1")[0]
        self.assertEqual(self.records("workers/" + worker["name"]), [worker])
        self.assertEqual(self.get("workers/1/builds?limit=3").json,
                         self.get(f"workers/{worker['name']}/builds?limit=3").json)
        master = self.records("masters/1")[0]
        self.assertEqual(self.records("masters"), [master])

    def test_a_build_by_number_has_what_its_id_has(self):
        build = self.records("builders/3/builds/2")[0]
        for part in ("steps", "data", "properties", "property_list", "steps/git", "data/size-report"):
            self.assertEqual(self.get(f"builders/3/builds/2/{part}").json,
                             self.get(f"builds/{build['buildid']}/{part}").json)

    def test_last_and_last_failed_name_a_build_in_every_read(self):
        builds = self.records("builders/3/builds?order=-number")
        failed = [b for b in builds if b["results"] in (2, 4)]
        self.assertNotEqual(failed[0], builds[0])
        for name, build in (("last", builds[0]), ("last-failed", failed[0])):
            for builder in ("3", "hiredis-gcc"):
                for part in ("", "/steps", "/steps/0", "/steps/git", "/data", "/data/size-report",
                             "/properties", "/property_list", "/triggered_builds", "?property=*"):
                    path = f"builders/{builder}/builds/{name}{part}"
                    self.assertEqual(self.daemon.ask(path).json,
                                     self.daemon.ask(f"builds/{build['buildid']}{part}").json, path)
                self.assertEqual(self.records(f"builders/{builder}/builds/{name}"), [build])
        self.assertEqual(self.daemon.ask("builders/3/builds/last/data/size-report/value").body,
                         self.daemon.ask(f"builds/{builds[0]['buildid']}/data/size-report/value").body)

    def test_last_of_none_is_404_and_no_name_for_writes(self):
        for path in ("builders/nosuch/builds/last", "builders/99/builds/last-failed", "builds/last",
                     "builders/nosuch/builds/last/steps", "builders/3/builds/first"):
            self.get(path, 404)
        answer = self.daemon.write("PATCH", "builders/3/builds/last", {"state_string": "x"})
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.daemon.write("POST", "builders/3/builds/last/finish", {}).status, 404)

    def test_parents_find_one_another(self):
        request = self.records("buildrequests/7")[0]
        buildset = self.records(f"buildsets/{request['buildsetid']}")[0]
        stamp = self.records(f"buildsets/{buildset['bsid']}/sourcestamps")[0]
        self.assertEqual(self.records(f"sourcestamps/{stamp['ssid']}"), [stamp])
        change = self.records("changes/1")[0]
        self.assertIn(change, self.records(f"sourcestamps/{change['sourcestampid']}/changes"))
        self.assertEqual(change["parent_changeids"], [])
        self.assertGreater(len(self.records("sourcestamps")), 1)

    def test_what_is_not_there_is_404_by_every_form(self):
        for path in ("builds/0", "builds/9223372036854775807", "builds/99999999999999999999999",
                     "builders/99", "builders/nosuch", "builders/nosuch/builds/1",
                     "builders/nosuch/builds/1/steps", "builders/3/builds/99999/data/x",
                     "workers/nosuch", "masters/x", "buildrequests/999999", "buildsets/999999",
                     "changes/999", "sourcestamps/999", "builds/1/steps/" + "x" * 300,
                     "builders/" + "x" * 300, "builds/1/data/" + "x" * 300 + "/value",
                     "builds/-1", "builds/1/", "/api/v2//builds", "/builds", "builds//1", "", "builds/1/steps/1/2/3/4"):
            with self.subTest(path=path):
                self.get(path, 404)

    def test_head_is_get_without_a_body(self):
        for path in ("builds/1", "builds?limit=3", "builds/4/data/size-report/value", "nosuch"):
            get, head = self.daemon.ask(path), self.daemon.ask(path, "HEAD")
            self.assertEqual((head.status, head.body), (get.status, b""))
            for name in ("Content-Type", "Content-Length", "Content-Disposition"):
                self.assertEqual(head.headers[name], get.headers[name])


if __name__ == "__main__":
    sys.exit(main(__name__))
