"""Long work on databases, and watching a master's: copy(), verify(), watch_look()."""

import os
import shutil
import sys

from harness import FolderCase, in_reactor, main

import daybook
from daybook import NewBuild, Watch


class TestCopy(FolderCase):
    async def source(self):
        store = self.open("from.sqlite")
        for _ in range(3):
            await store.record_build(NewBuild("b", results=0))
        await store.close()
        return self.path("from.sqlite")

    @in_reactor
    async def test_a_copy_has_the_records_and_verifies(self):
        source, reports = await self.source(), []
        store = self.open("to.sqlite", is_exclusive=True)
        await store.copy(source, reports.append)
        self.assertTrue([each for each in reports if each.kind == "progress" and each.subject == "builds"], reports)
        await store.close()
        store, findings = self.open("to.sqlite"), []
        self.assertEqual([each.number for each in await store.get_builds()], [1, 2, 3])
        await store.verify(source, findings.append)
        self.assertEqual([each for each in findings if each.kind == "finding"], [])
        await store.set_build_state_string(2, "other")
        await store.verify(source, findings.append)
        found = [(each.subject, each.problem, each.id) for each in findings if each.kind == "finding"]
        self.assertIn(("builds", "different", 2), found)

    @in_reactor
    async def test_a_buildbot_database_is_copied_when_its_records_are_enough(self):
        shutil.copyfile(os.environ["BUILDBOT_DATABASE"], self.path("state.sqlite"))
        url, reports = f"sqlite:///{self.path('state.sqlite')}?master=stopped", []
        store = self.open("to.sqlite", is_exclusive=True)
        await self.assertFailure(store.copy(url, reports.append), daybook.UnsupportedError)
        self.assertTrue([each for each in reports if each.problem == "left"], reports)
        await store.copy(url, reports.append, is_records_only=True, skips_dirty=True)
        await store.close()
        builds = await self.open("to.sqlite").get_builds()
        self.assertTrue(len(builds) > 0)

    @in_reactor
    async def test_a_store_that_is_not_exclusive_is_refused(self):
        source = await self.source()
        await self.assertFailure(self.open("to.sqlite").copy(source, lambda report: None), daybook.UnsupportedError)


class TestWatch(FolderCase):
    """Whoever writes is no daybook, but SQL."""

    def setUp(self):
        super().setUp()
        shutil.copyfile(os.environ["BUILDBOT_DATABASE"], self.path("state.sqlite"))

    def sql(self, statement):
        """In a process of its own: here the file is open in the store."""
        self.run_script("import sqlite3, sys; c = sqlite3.connect('state.sqlite', timeout=60)\n"
                        f"c.execute({statement!r}); c.commit()")

    def begin_build(self, number):
        self.sql("INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at, state_string,"
                 f" locks_duration_s) SELECT {number}, builderid, buildrequestid, workerid, masterid, started_at,"
                 " 'building', 0 FROM builds LIMIT 1")

    def watched(self):
        return self.open("state.sqlite", is_created=False)

    @in_reactor
    async def test_a_look_finds_what_others_began_and_ended_since_the_last(self):
        store, watch = self.watched(), Watch()
        self.assertEqual(watch.position, "")
        self.assertEqual(await store.watch_look(watch), [])
        self.begin_build(7001)
        look = await store.watch_look(watch)
        self.assertEqual([(each.kind, each.verb, each.id) for each in look], [("build", "new", 0)])
        self.assertEqual((look.is_lost, look.has_more), (False, False))
        self.sql("UPDATE builds SET results = 0, complete_at = started_at + 1 WHERE number = 7001")
        look = await store.watch_look(watch)
        self.assertEqual([each.verb for each in look if each.kind == "build"], ["finished"])
        self.assertEqual(await store.watch_look(watch), [])

    @in_reactor
    async def test_a_watch_goes_on_from_a_position(self):
        store, watch = self.watched(), Watch()
        await store.watch_look(watch)
        position = watch.position
        self.begin_build(7001)
        again = Watch(position)
        self.assertEqual([each.verb for each in await store.watch_look(again)], ["new"])
        self.assertNotEqual(again.position, position)
        with self.assertRaises(daybook.InvalidError):
            Watch("no position")

    @in_reactor
    async def test_a_watch_has_one_look_at_a_time_and_outlives_none(self):
        store, watch = self.watched(), Watch()
        first = store.watch_look(watch)
        await self.assertFailure(store.watch_look(watch), daybook.InvalidError)
        del watch  # the look holds it
        self.assertEqual(await first, [])

    def test_the_interpreter_ends_with_a_look_under_way(self):
        self.run_script("import sys, daybook\n"
                        "store = daybook.Store('sqlite:///state.sqlite')\n"
                        "store.watch_look(daybook.Watch())\n")


if __name__ == "__main__":
    sys.exit(main(__name__))
