"""Whole builds, the event log and long work through the package."""

import os
import shutil
import sys

from harness import FolderCase, in_reactor, main
from twisted.internet import defer, reactor, task

import daybook
from daybook import Call, NewBuild, NewStep, SourcestampKey, Spec


class TestRecordBuild(FolderCase):
    BUILD = NewBuild(
        "nightly", worker="w", reason="why", state_string="\u2713", started_at=1000, complete_at=1060, results=2,
        locks_duration_s=3, sourcestamps=[SourcestampKey("main", "abc", "r"), SourcestampKey(codebase="lib")],
        properties=[("p", '{"a": 1}', "test"), ("q", "2", "test")],
        steps=[NewStep("make", "done", 1000, 1001, 1050, 0, urls=[("a", "http://a/"), ("b", "http://b/")]),
               NewStep("make", started_at=1050, complete_at=1060, results=2, hidden=True)],
        data=[("report", b"\0\xff", "test")])

    @in_reactor
    async def test_a_whole_build_is_read_back_as_it_was_given(self):
        store = self.open()
        buildid, number = await store.record_build(self.BUILD)
        build = await store.get_build(buildid)
        self.assertEqual((number, build.number, build.state_string, build.started_at, build.complete_at,
                          build.results, build.locks_duration_s), (1, 1, "\u2713", 1000, 1060, 2, 3))
        self.assertEqual([(p.name, p.value, p.source) for p in await store.get_build_properties(buildid)],
                         [("p", '{"a": 1}', "test"), ("q", "2", "test")])
        first, second = await store.get_steps(buildid)
        self.assertEqual((first.name, first.state_string, first.started_at, first.locks_acquired_at,
                          first.complete_at, first.results, first.hidden, first.urls),
                         ("make", "done", 1000, 1001, 1050, 0, 0, (("a", "http://a/"), ("b", "http://b/"))))
        self.assertEqual((second.name, second.locks_acquired_at, second.hidden, second.urls),
                         ("make_1", None, 1, ()))
        self.assertEqual((await store.get_build_data(buildid, "report")).value, b"\0\xff")
        request = await store.get_buildrequest(build.buildrequestid)
        stamps = await store.get_sourcestamps(request.buildsetid)
        self.assertEqual([(s.branch, s.revision, s.repository, s.codebase) for s in stamps],
                         [("main", "abc", "r", ""), (None, None, "", "lib")])

    @in_reactor
    async def test_with_a_key_it_is_recorded_once(self):
        store = self.open()
        call = Call(scope="s", key="k")
        self.assertEqual(await store.record_build(self.BUILD, call=call),
                         await store.record_build(self.BUILD, call=call))
        self.assertEqual(len(await store.get_builds()), 1)

    @in_reactor
    async def test_a_part_of_the_wrong_kind_is_refused_and_nothing_is_recorded(self):
        store = self.open()
        for wrong in (NewBuild("b", properties=[("p", "1")]), NewBuild("b", steps=[NewStep(7)]),
                      NewBuild("b", data=[("d", "text", "s")]), NewBuild("b", steps=[NewStep("s", urls=[("n",)])])):
            with self.assertRaises(TypeError):
                await store.record_build(wrong)
        await self.assertFailure(store.record_build(NewBuild("b", results=99)), daybook.InvalidError)
        self.assertEqual(await store.get_builds(), [])

    @in_reactor
    async def test_builds_are_found_by_a_property(self):
        store = self.open()
        for value in ("1", "2", "3"):
            await store.record_build(NewBuild("b", results=0, properties=[("p", value, "test")]))
        found = await store.get_builds(spec=Spec(properties=(("p", ("1", "3")),)))
        self.assertEqual([build.number for build in found], [1, 3])


class TestFollowing(FolderCase):
    @in_reactor
    async def test_events_come_in_their_order_until_it_is_cancelled(self):
        store = self.open()
        seen, enough = [], defer.Deferred()

        def event(found):
            self.assertIsInstance(found, daybook.Event)
            seen.append(found)
            if len(seen) == 4:
                enough.callback(None)

        following = store.follow_events(0, event, Spec(filters=(("kind", "eq", "build"),)))
        for _ in range(2):
            await store.record_build(NewBuild("b", results=0))
        await enough
        following.cancel()
        await self.assertFailure(following, daybook.CancelledError)
        self.assertEqual([each.verb for each in seen], ["new", "finished"] * 2)
        self.assertEqual([each.id for each in seen], sorted(each.id for each in seen))
        await store.record_build(NewBuild("b", results=0))
        await task.deferLater(reactor, 0.7)
        self.assertEqual(len(seen), 4)

    @in_reactor
    async def test_what_a_callback_raises_ends_nothing(self):
        store = self.open()
        seen, raised = defer.Deferred(), []
        self.patch(sys, "unraisablehook", raised.append)

        def event(found):
            if found.verb == "new":
                raise RuntimeError("mine")
            seen.callback(found)

        following = store.follow_events(0, event, Spec(filters=(("kind", "eq", "build"),)))
        await store.record_build(NewBuild("b", results=0))
        self.assertEqual((await seen).verb, "finished")
        self.assertEqual([str(each.exc_value) for each in raised], ["mine"])
        following.cancel()
        await self.assertFailure(following, daybook.CancelledError)


class TestWork(FolderCase):
    def setUp(self):
        super().setUp()
        shutil.copyfile(os.environ["BUILDBOT_DATABASE"], self.path("state.sqlite"))

    def adoptable(self, **options):
        store = daybook.Store(f"sqlite:///{self.path('state.sqlite')}?writes=none&master=stopped", **options)
        self.addCleanup(store.close)
        return store

    @in_reactor
    async def test_a_dry_run_says_the_statements_and_changes_nothing(self):
        store, reports = self.adoptable(), []
        await store.adopt(reports.append, is_dry_run=True)
        statements = [each.text for each in reports if each.kind == "statement"]
        self.assertTrue([text for text in statements if "daybook_events" in text], statements)
        self.assertFalse(store.info().is_adopted)

    @in_reactor
    async def test_a_database_is_adopted_and_released(self):
        for work, is_adopted in (("adopt", True), ("release", False)):
            store, reports = self.adoptable(is_exclusive=True), []
            await getattr(store, work)(reports.append)
            self.assertTrue(reports)
            await store.close()
            store = self.adoptable()
            self.assertEqual(store.info().is_adopted, is_adopted)
            await store.close()

    @in_reactor
    async def test_a_check_reports_its_progress(self):
        store, reports = self.adoptable(), []
        await store.check(reports.append)
        progress = [each for each in reports if each.kind == "progress"]
        self.assertTrue([each for each in progress if each.subject == "steps" and each.done], progress)


if __name__ == "__main__":
    sys.exit(main(__name__))
