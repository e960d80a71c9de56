#!/usr/bin/env python3
"""What others show of the builders: the feed that CCTray reads, and a badge for each."""

import datetime
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

from harness import main, run
from server import DaemonCase

SVG = "{http://www.w3.org/2000/svg}"
STATUS = {0: "Success", 1: "Success", 2: "Failure", 4: "Exception"}
WORDS = ["success", "warnings", "failure", "skipped", "exception", "retry", "cancelled"]
ODD = 'a<b>&"\'\u00fc \u0001\ufffe\n\t' + "x" * 60


class TestMasters(DaemonCase):
    def test_the_feed_has_each_builder_as_its_builds_say(self):
        answer = self.daemon.ask("/cc.xml")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/xml; charset=utf-8"))
        projects = {p.get("name"): p.attrib for p in ElementTree.fromstring(answer.body)}
        builders = self.records("builders")
        self.assertEqual(set(projects), {b["name"] for b in builders})
        for builder in builders:
            project = projects[builder["name"]]
            self.assertEqual(project["webUrl"], f"http://127.0.0.1:{self.daemon.port}/#/builders/{builder['builderid']}")
            self.assertEqual(project["activity"], "Sleeping")
            ended = self.records(f"builders/{builder['builderid']}/builds?complete=1&order=-complete_at&order=-number&limit=1")
            if not ended:
                self.assertEqual((project["lastBuildStatus"], project.get("lastBuildLabel")), ("Unknown", None))
                continue
            self.assertEqual(project["lastBuildStatus"], STATUS.get(ended[0]["results"], "Unknown"))
            self.assertEqual(project["lastBuildLabel"], str(ended[0]["number"]))
            at = datetime.datetime.fromtimestamp(ended[0]["complete_at"], datetime.timezone.utc)
            self.assertEqual(project["lastBuildTime"], at.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def test_a_badge_by_id_and_by_name(self):
        answer = self.daemon.ask("builders/3/badge.svg")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "image/svg+xml"))
        self.assertEqual(self.daemon.ask("builders/hiredis-gcc/badge.svg").body, answer.body)
        for path in ("builders/99/badge.svg", "builders/nosuch/badge.svg"):
            self.get(path, 404)


class TestOwn(DaemonCase):
    @classmethod
    def record(cls):
        run(cls.folder, "init", cls.db)

    def add(self, builder, **build):
        answer = self.daemon.write("POST", f"builders/{builder}/builds", build)
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json["buildid"]

    def badge(self, builder):
        """The badge's root, and its texts."""
        root = ElementTree.fromstring(self.daemon.ask(f"builders/{builder}/badge.svg").body)
        return root, [text.text for text in root.iter(SVG + "text")]

    def project(self, name):
        return next(p for p in ElementTree.fromstring(self.daemon.ask("/cc.xml").body) if p.get("name") == name)

    def test_each_result_has_its_word_and_a_colour_that_white_can_be_read_on(self):
        for word in WORDS:
            self.add("r-" + word, results=word)
            root, texts = self.badge("r-" + word)
            self.assertEqual(texts, ["r-" + word, word])
            self.assertEqual(root.find(SVG + "title").text, f"r-{word}: {word}")
            rects = list(root.iter(SVG + "rect"))
            self.assertEqual(int(rects[0].get("width")) + int(rects[1].get("width")), int(root.get("width")))
            for rect in rects:
                light = [int(rect.get("fill")[i:i + 2], 16) / 255 for i in (1, 3, 5)]
                light = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in light]
                contrast = 1.05 / (0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] + 0.05)
                self.assertGreaterEqual(contrast, 4.5, word)

    def test_a_build_that_runs_leaves_the_last_result_and_is_told_in_the_feed(self):
        self.add("busy", results="failure")
        self.add("busy")
        self.assertEqual(self.badge("busy")[1], ["busy", "failure"])
        project = self.project("busy")
        self.assertEqual((project.get("activity"), project.get("lastBuildStatus"), project.get("lastBuildLabel")),
                         ("Building", "Failure", "1"))

    def test_what_ended_last_counts_whatever_its_number(self):
        first, second = self.add("two"), self.add("two")
        for build, results in ((second, "success"), (first, "failure")):
            self.assertEqual(self.daemon.write("POST", f"builds/{build}/finish", {"results": results}).status, 200)
        # Both may have ended in the same second: then the higher number counts.
        ended = self.records("builders/two/builds?order=-complete_at&order=-number")[0]
        self.assertEqual(self.badge("two")[1], ["two", WORDS[ended["results"]]])

    def test_a_builder_without_builds_has_no_result(self):
        self.daemon.write("POST", "builders", {"name": "new"})
        self.assertEqual(self.badge("new")[1], ["new", "no result"])
        self.assertEqual(self.project("new").get("lastBuildStatus"), "Unknown")

    def test_a_name_with_markup_is_text_and_a_long_one_is_cut_in_the_picture(self):
        builderid = self.daemon.write("POST", "builders", {"name": ODD}).json["builderid"]
        plain = ODD.replace("\u0001", "\ufffd").replace("\ufffe", "\ufffd")
        root, texts = self.badge(builderid)
        self.assertEqual(texts[0], plain[:40])
        self.assertEqual(root.find(SVG + "title").text, plain + ": no result")
        self.assertEqual(self.project(plain).get("activity"), "Sleeping")
        self.assertEqual(self.daemon.ask(f"builders/{urllib.parse.quote(ODD, safe='')}/badge.svg").status, 200)


if __name__ == "__main__":
    sys.exit(main(__name__))
