"""The package on the database that a real master wrote, beside SQL's own answers."""

import os
import shutil
import sqlite3
import sys

from harness import FolderCase, in_reactor, main

import daybook
from daybook import Spec


class FixtureCase(FolderCase):
    def setUp(self):
        super().setUp()
        shutil.copy(os.environ["BUILDBOT_DATABASE"], self.path("state.sqlite"))
        os.chmod(self.path("state.sqlite"), 0o644)

    def sql(self, statement, *values):
        connection = sqlite3.connect(self.path("state.sqlite"))
        rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def fixture(self, query=""):
        store = daybook.Store(f"sqlite:///{self.path('state.sqlite')}{query}")
        self.addCleanup(store.close)
        return store


class TestReading(FixtureCase):
    @in_reactor
    async def test_every_build_is_read_with_its_steps_and_properties(self):
        columns = ("id, number, builderid, buildrequestid, workerid, masterid, started_at, complete_at,"
                   " locks_duration_s, state_string, results")
        wanted = self.sql(f"SELECT {columns} FROM builds ORDER BY id")
        self.assertGreater(len(wanted), 10)
        steps = self.sql("SELECT id FROM steps ORDER BY buildid, number")
        properties = self.sql("SELECT DISTINCT buildid, name FROM build_properties ORDER BY 1, 2")
        store = self.fixture()
        self.assertFalse(store.info().is_own)
        builds = await store.get_builds()
        self.assertEqual([tuple(vars(build).values())[:-1] for build in builds], wanted)
        ids = [build.id for build in builds]
        self.assertEqual([(step.id,) for step in await store.get_steps_of(ids)], steps)
        self.assertEqual([(each.buildid, each.name) for each in await store.get_properties_of(ids)],
                         properties)

    @in_reactor
    async def test_pages_by_cursor_give_every_build_once(self):
        wanted = [row[0] for row in self.sql("SELECT id FROM builds ORDER BY results, id")]
        store = self.fixture()
        spec, found = Spec(order=("results",), limit=7), []
        while True:
            page = await store.get_builds(spec=spec)
            found += [build.id for build in page]
            if page.next_cursor is None:
                break
            spec.cursor = page.next_cursor
        self.assertEqual(found, wanted)

    @in_reactor
    async def test_it_is_only_read_unless_the_url_says_otherwise(self):
        store = self.fixture()
        await self.assertFailure(store.set_build_state_string(1, "x"), daybook.ReadOnlyError)
        await self.assertFailure(store.find_builder_id("new", True), daybook.UnsupportedError)


class TestWriting(FixtureCase):
    @in_reactor
    async def test_as_a_master_it_adds_builds_below_requests_that_are_there(self):
        (builderid, requestid, masterid, number), = self.sql(
            "SELECT builderid, buildrequestid, masterid, number FROM builds ORDER BY number DESC LIMIT 1")
        store = self.fixture("?writes=master")
        added = await store.add_build(builderid, requestid, None, masterid, "s")
        self.assertEqual(added[1], number + 1)
        error = await self.assertFailure(store.add_build(builderid, requestid, None, 99, "s"),
                                         daybook.NotFoundError)
        self.assertIn("master", error.message)
        await store.finish_build(added[0], 77)
        self.assertEqual(self.sql("SELECT results FROM builds WHERE id = ?", added[0]), [(77,)])


if __name__ == "__main__":
    sys.exit(main(__name__))
