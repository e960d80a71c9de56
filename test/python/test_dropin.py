"""The drop-in in a master of Buildbot's, from the first checkout that BUILDBOT_SOURCE names (4.3 or newer).

Its connector, pool and data layer are the real ones; the rest of the master is what Buildbot's own tests use.
"""

import os
import random
import subprocess
import sys
import types

for name in ("master", "worker"):
    sys.path.append(os.path.join(os.environ["BUILDBOT_SOURCE"].split(":")[0], name))
try:
    import buildbot
except ModuleNotFoundError:  # a checkout that was never built
    sys.modules["buildbot._version"] = types.ModuleType("buildbot._version")
    sys.modules["buildbot._version"].version = "latest"
    import buildbot  # noqa: F401

from harness import FolderCase, in_reactor, main
from servers import Server
from twisted.internet import reactor
from twisted.python import log

import daybook
import daybook.buildbot

assert daybook.buildbot.install()

from buildbot.data import resultspec
from buildbot.test.fake import fakemaster

from daybook.buildbot.builds import Builds
from daybook.buildbot.result_spec import push_down
from daybook.buildbot.serving import store_of

OWN = Builds.__bases__[0]
NOW = 1700000000


class MasterCase(FolderCase):
    def setUp(self):
        super().setUp()
        self.url = f"sqlite:///{self.path()}"

    async def master(self, url=None, **more):
        self.said = []
        observer = lambda event: self.said.extend(map(str, event["message"]))  # noqa: E731
        log.addObserver(observer)
        self.addCleanup(log.removeObserver, observer)
        master = await fakemaster.make_master(self, wantDb=True, wantRealReactor=True,
                                              db_url=url or self.url,
                                              basedir=self.path("basedir"), **more)
        self.db = master.db
        return master

    async def insert(self, **tables):
        def thd(conn):
            for name, rows in tables.items():
                conn.execute(getattr(self.db.model, name).insert(), rows)
            conn.commit()

        await self.db.pool.do(thd)

    async def insert_parents(self, builders=1):
        await self.insert(
            masters=[{"id": 1, "name": "m", "name_hash": "m", "active": 1, "last_active": 0}],
            workers=[{"id": 1, "name": "w", "info": {}}],
            builders=[{"id": i, "name": f"b{i}", "name_hash": f"b{i}"} for i in range(1, builders + 1)],
            buildsets=[{"id": 1, "reason": "", "submitted_at": 0, "complete": 0}],
            buildrequests=[{"id": 1, "buildsetid": 1, "builderid": 1, "priority": 0, "complete": 0,
                            "submitted_at": 0, "waited_for": 0}])

    def adopt(self):
        subprocess.run([os.environ["DAYBOOK"], "adopt", "--force", "--db", self.url], check=True,
                       stdout=subprocess.DEVNULL)


class TestServing(MasterCase):
    @in_reactor
    async def test_the_store_opens_at_the_first_call_and_closes_with_the_pool(self):
        await self.master()
        await self.insert_parents()
        self.assertFalse(hasattr(self.db.pool, "_daybook_store"))
        await self.db.builds.addBuild(1, 1, None, 1, "s")
        store = store_of(self.db)
        self.assertIsInstance(store, daybook.Store)
        self.assertTrue([line for line in self.said if "go through daybook" in line], self.said)
        self.assertTrue([line for line in self.said if "not adopted" in line])
        outstanding = [self.db.builds.getBuild(1) for _ in range(50)]
        await self.db.pool.stop()
        self.assertTrue(all(call.called for call in outstanding))
        for call in outstanding:
            call.addErrback(lambda failure: failure.trap(daybook.CancelledError))
        self.assertNotIn(store._reader, reactor.getReaders())

    @in_reactor
    async def test_buildbot_answers_itself_for_a_database_in_memory_and_says_so(self):
        await self.master(url="sqlite://")
        await self.insert_parents()
        self.assertEqual((await self.db.builds.addBuild(1, 1, None, 1, "s"))[1], 1)
        self.assertEqual((await self.db.builds.getBuild(1)).state_string, "s")
        self.assertEqual(await self.db.steps.addStep(1, "s", ""), (1, 0, "s"))
        await self.db.build_data.setBuildData(1, "d", b"v", "s")
        self.assertIsNone(store_of(self.db))
        self.assertTrue([line for line in self.said if "in memory" in line], self.said)

    @in_reactor
    async def test_buildbot_answers_itself_for_a_store_of_daybooks_own(self):
        await self.master()
        store = daybook.Store(self.path("own.sqlite"), is_created=True)
        await store.close()
        self.db.pool.engine.url = self.db.pool.engine.url.set(database=self.path("own.sqlite"))
        self.assertIsNone(store_of(self.db))
        self.assertTrue([line for line in self.said if "daybook's own" in line], self.said)

    @in_reactor
    async def test_buildbot_answers_itself_where_python_brings_an_sqlite_of_its_own(self):
        # A driver whose library shows no SQLite: what a statically linked one looks like.
        await self.master()
        self.patch(self.db.pool.engine.dialect, "dbapi", types.SimpleNamespace(__name__="_json"))
        self.assertIsNone(store_of(self.db))
        self.assertTrue([line for line in self.said if "another SQLite library" in line], self.said)

    @in_reactor
    async def test_no_connection_of_buildbots_makes_checkpoints(self):
        await self.master()
        pages = await self.db.pool.do(
            lambda conn: conn.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar())
        self.assertEqual(pages, 0)

    @in_reactor
    async def test_what_the_drop_in_wrote_buildbot_reads_without_it(self):
        await self.master()
        await self.insert_parents()
        buildid, _ = await self.db.builds.addBuild(1, 1, 1, 1, "starting")
        await self.db.builds.setBuildProperty(buildid, "p", [1, None, "\u2713"], "test")
        await self.db.builds.finishBuild(buildid, 2)
        for ask, args in (("getBuild", (buildid,)), ("getBuildProperties", (buildid,))):
            self.assertEqual(await getattr(OWN, ask)(self.db.builds, *args),
                             await getattr(self.db.builds, ask)(*args))

    @in_reactor
    async def test_writes_to_what_is_not_there_are_silent_but_for_urls(self):
        await self.master()
        for call in (self.db.builds.finishBuild(9, 0), self.db.builds.setBuildStateString(9, "x"),
                     self.db.builds.add_build_locks_duration(9, 1), self.db.steps.finishStep(9, 0, False),
                     self.db.steps.startStep(9, 1, True), self.db.steps.setStepStateString(9, "x"),
                     self.db.steps.set_step_locks_acquired_at(9, 1), self.db.builds.getBuild(None)):
            self.assertIsNone(await call)
        self.assertEqual(await self.db.builds.getBuildProperties(None), {})
        await self.assertFailure(self.db.steps.addURL(9, "a", "b"), daybook.NotFoundError)


class TestResultSpecs(FolderCase):
    def push(self, *filters, mapped=("number", "results", "state_string"), **more):
        self.spec = resultspec.ResultSpec(filters=[resultspec.Filter(*each) for each in filters], **more)
        self.spec.fieldMapping = {name: f"builds.{name}" for name in mapped}
        return push_down(self.spec)[0]

    def test_what_can_be_pushed_is_emptied(self):
        spec = self.push(("number", "gt", [3]), ("state_string", "contains", ["a", "b"]),
                         order=["-number"], limit=5, offset=2)
        self.assertEqual(spec, daybook.Spec(filters=(("number", "gt", (3,)),
                                                     ("state_string", "contains", ("a", "b"))),
                                            order=("-number",), limit=5, offset=2, total="exact"))
        self.assertEqual((self.spec.filters, self.spec.order, self.spec.limit, self.spec.offset),
                         ([], None, None, None))

    def test_what_cannot_be_pushed_stays_with_the_page(self):
        for each in (("complete", "eq", [True]), ("number", "lt", [1, 2]), ("number", "in", [None]),
                     ("number", "eq", ["x"]), ("number", "eq", [2**63]), ("number", "eq", [])):
            spec = self.push(each, ("results", "eq", [0]), order=["number"], limit=5)
            self.assertEqual(spec, daybook.Spec(filters=(("results", "eq", (0,)),), order=("number",)))
            self.assertEqual([item.field for item in self.spec.filters], [each[0]])
            self.assertEqual((self.spec.order, self.spec.limit), ((), 5))

    def test_an_order_that_cannot_be_pushed_keeps_the_page_too(self):
        self.push(order=["-other", "number"], limit=5)
        self.assertEqual((self.spec.order, self.spec.limit), (("-other",), 5))


class TestEndpoint(MasterCase):
    @in_reactor
    async def test_a_list_of_builds_asks_once_for_all_their_properties(self):
        master = await self.master(wantData=True)
        await self.insert_parents()
        for i in range(20):
            buildid, _ = await self.db.builds.addBuild(1, 1, 1, 1, "s")
            await self.db.builds.setBuildProperty(buildid, "i", i, "test")
            await self.db.builds.setBuildProperty(buildid, "other", "x", "test")
        store = store_of(self.db)
        for wanted, names in ((["*"], {"i", "other"}), (["i"], {"i"}), (["none"], set()), ([], set())):
            before = store.stats().read_count
            spec = resultspec.ResultSpec(order=["-number"], limit=10,
                                         properties=[resultspec.Property(b"property", "eq", wanted)])
            endpoint, kwargs = master.data.getEndpoint(("builds",))
            builds = await endpoint.get(spec, kwargs)
            self.assertEqual([build["number"] for build in builds], list(range(20, 10, -1)))
            self.assertEqual([set(build["properties"]) for build in builds], [names] * 10)
            self.assertEqual(store.stats().read_count - before, 2 if wanted else 1)
        self.assertEqual(builds[0]["properties"], {})


class TestPreviousSuccessfulBuild(MasterCase):
    """Both implementations are asked the same, over 200 random histories."""

    histories, builds = 200, 24

    async def make(self):
        self.random = random.Random(4)
        await self.master()
        await self.insert_parents(self.histories)
        stamps = [{"id": i + 1, "ss_hash": str(i), "repository": f"r{i % 2}", "codebase": f"c{i // 4}",
                   "branch": [None, "main"][i // 2 % 2], "project": "", "created_at": 0} for i in range(8)]
        sets, links, requests, builds = [], [], [], []
        for builderid in range(1, self.histories + 1):
            ends = self.random.sample(range(NOW, NOW + 1000), self.builds)
            for number in range(1, self.builds + 1):
                setid = len(sets) + 2
                sets.append({"id": setid, "reason": "", "submitted_at": 0, "complete": 0})
                requests.append({"id": setid, "buildsetid": setid, "builderid": builderid, "priority": 0,
                                 "complete": 0, "submitted_at": 0, "waited_for": 0})
                links += [{"buildsetid": setid, "sourcestampid": each}
                          for each in self.random.sample(range(1, 4), self.random.randint(0, 2))]
                results = self.random.choice([0, 0, 0, 1, 2, None])
                builds.append({"builderid": builderid, "number": number, "buildrequestid": setid,
                               "workerid": 1, "masterid": 1, "started_at": NOW, "locks_duration_s": 0,
                               "complete_at": None if results is None else ends[number - 1],
                               "state_string": "", "results": results})
        await self.insert(sourcestamps=stamps, buildsets=sets, buildrequests=requests,
                          buildset_sourcestamps=links, builds=builds)
        self.stamps = [types.SimpleNamespace(**each) for each in stamps]

    async def compare(self):
        found = 0
        for builderid in range(1, self.histories + 1):
            number = self.random.randint(1, self.builds + 1)
            wanted = self.random.sample(self.stamps[:3], self.random.randint(0, 2))
            theirs = await OWN.getPrevSuccessfulBuild(self.db.builds, builderid, number, wanted)
            ours = await self.db.builds.getPrevSuccessfulBuild(builderid, number, wanted)
            self.assertEqual(ours, theirs, f"builder {builderid}, number {number}, {wanted}")
            found += ours is not None
        # Neither answer is rare.
        self.assertTrue(self.histories / 5 < found < self.histories * 4 / 5, found)

    @in_reactor
    async def test_as_buildbots(self):
        await self.make()
        await self.compare()

    @in_reactor
    async def test_as_buildbots_in_an_adopted_database(self):
        await self.make()
        self.adopt()
        await self.compare()
        self.assertTrue(store_of(self.db).info().is_adopted)


class TestPreviousSuccessfulBuildOnPostgres(TestPreviousSuccessfulBuild):
    kind = "postgresql"

    def setUp(self):
        super().setUp()
        server = Server(self.kind)
        self.addCleanup(server.end)
        self.url = server.database().master_url


class TestPreviousSuccessfulBuildOnMariaDB(TestPreviousSuccessfulBuildOnPostgres):
    kind = "mariadb"


if __name__ == "__main__":
    sys.exit(main(__name__))
