"""The package's promises to any Twisted program: Deferreds, errors, order, closing."""

import os
import sqlite3
import sys
import threading

from harness import HERE, FolderCase, Parents, in_reactor, main
from twisted.internet import defer, reactor

import daybook
from daybook import Call, Spec


class TestCalls(FolderCase):
    @in_reactor
    async def test_a_build_is_given_as_it_was_added(self):
        store = self.open(clock=lambda: 1700000000.9)
        parents = await Parents.add(store)
        buildid, number = await parents.add_build(store)
        await store.add_build_locks_duration(buildid, 7)
        await store.set_build_state_string(buildid, "so weit \u2713")
        await store.finish_build(buildid, 2)
        self.assertEqual(
            await store.get_build(buildid),
            daybook.Build(buildid, number, parents.builderid, parents.buildrequestid, parents.workerid,
                          parents.masterid, 1700000000, 1700000000, 7, "so weit \u2713", 2))
        self.assertEqual(await store.get_build_by_number(parents.builderid, number),
                         await store.get_build(buildid))

    @in_reactor
    async def test_a_missing_record_is_none(self):
        store = self.open()
        for found in (store.get_build(99), store.get_build(None), store.get_step(1),
                      store.get_build_data(1, "x"), store.get_builder(5), store.get_change(5)):
            self.assertIsNone(await found)
        self.assertEqual(await store.get_steps(4), [])

    @in_reactor
    async def test_a_list_is_filtered_ordered_and_paged_in_the_database(self):
        store = self.open()
        parents = await Parents.add(store)
        for state in ("a", "b", "b", "c"):
            await parents.add_build(store, state)
        spec = Spec(filters=(("state_string", "ne", "a"), ("results", "eq", None)),
                    order=("-number",), limit=2, total="exact")
        page = await store.get_builds(builderid=parents.builderid, complete=False, spec=spec)
        self.assertEqual([build.number for build in page], [4, 3])
        self.assertEqual((page.total, page.is_total_exact), (3, True))
        spec.cursor = page.next_cursor
        rest = await store.get_builds(builderid=parents.builderid, complete=False, spec=spec)
        self.assertEqual([build.number for build in rest], [2])
        self.assertIsNone(rest.next_cursor)

    @in_reactor
    async def test_properties_come_with_a_list_of_builds_that_wants_them(self):
        store = self.open()
        parents = await Parents.add(store)
        first, second = (await parents.add_build(store))[0], (await parents.add_build(store))[0]
        await store.set_build_properties(first, [("a", "1", "test"), ("b", '"x"', "test")])
        await store.set_build_property(second, "a", "[]", "test")
        wanted = daybook.Property(first, "a", "1", "test", True)
        builds = await store.get_builds(spec=Spec(fields=("number", "properties")))
        self.assertEqual(builds[0].properties[0], wanted)
        self.assertEqual([len(build.properties) for build in builds], [2, 1])
        self.assertEqual((await store.get_properties_of([first, second]))[0], wanted)
        self.assertEqual((await store.get_build_properties(first))[0], wanted)

    @in_reactor
    async def test_steps_and_their_urls(self):
        store = self.open()
        parents = await Parents.add(store)
        buildid, _ = await parents.add_build(store)
        stepid, number, name = await store.add_step(buildid, "compile", "waiting")
        self.assertEqual((number, name), (0, "compile"))
        await store.start_step(stepid, 5, locks_acquired=True)
        await store.add_url(stepid, "log", "http://x/")
        await store.finish_step(stepid, 0, hidden=True)
        step = await store.get_step(buildid=buildid, name="compile")
        self.assertEqual((step.started_at, step.locks_acquired_at, step.hidden, step.urls),
                         (5, 5, 1, (("log", "http://x/"),)))
        self.assertEqual(await store.get_steps_of([buildid]), [step])

    @in_reactor
    async def test_a_value_of_build_data_is_bytes(self):
        store = self.open()
        parents = await Parents.add(store)
        buildid, _ = await parents.add_build(store)
        value = bytes(range(256))
        await store.set_build_data(buildid, "d", value, "test")
        found = await store.get_build_data(buildid, "d")
        self.assertEqual((found.value, found.length), (value, 256))
        self.assertEqual((await store.get_build_data_range(buildid, "d", 250, 99)).value, value[250:])
        self.assertIsNone((await store.get_build_data_no_value(buildid, "d")).value)
        await store.set_build_data(buildid, "empty", b"", "test")
        self.assertEqual((await store.get_build_data(buildid, "empty")).value, b"")
        with open(self.path("file"), "w+b") as file:
            file.write(b"from a file")
            file.flush()
            await store.set_build_data_from_fd(buildid, "f", file.fileno(), 5, 6, "test")
        self.assertEqual((await store.get_build_data(buildid, "f")).value, b"a file")
        await store.delete_build_data(buildid, "f")
        self.assertEqual([each.name for each in await store.get_all_build_data_no_values(buildid)],
                         ["d", "empty"])

    @in_reactor
    async def test_what_builds_hang_on(self):
        store = self.open()
        parents = await Parents.add(store)
        self.assertEqual((await store.get_builder(parents.builderid)).name, "b")
        self.assertEqual((await store.get_worker(parents.workerid)).name, "w")
        self.assertEqual((await store.get_master(parents.masterid)).name, "m")
        self.assertEqual((await store.get_sourcestamp(parents.sourcestampid)).repository, "r")
        self.assertEqual((await store.get_buildset(parents.buildsetid)).reason, "why")
        self.assertEqual((await store.get_buildrequest(parents.buildrequestid)).builderid,
                         parents.builderid)
        changeid = await store.add_change("me", parents.sourcestampid, comments="fix")
        self.assertEqual((await store.get_change(changeid)).comments, "fix")
        for listed in (store.get_builders(), store.get_workers(), store.get_masters(),
                       store.get_sourcestamps(parents.buildsetid), store.get_buildsets(),
                       store.get_buildrequests(), store.get_changes()):
            self.assertEqual(len(await listed), 1)
        events = await store.get_events(0, Spec(filters=(("kind", "eq", "change"),)))
        self.assertEqual([event.verb for event in events], ["new"])
        self.assertEqual(await store.get_newest_event(), events[-1].id)

    @in_reactor
    async def test_the_previous_successful_build_of_the_same_sources(self):
        store = self.open()
        parents = await Parents.add(store)
        buildid, _ = await parents.add_build(store)
        await store.finish_build(buildid, 0)
        ask = store.get_prev_successful_build
        self.assertEqual((await ask(parents.builderid, 2, [("r", None, "")])).id, buildid)
        self.assertIsNone(await ask(parents.builderid, 2, [("r", "main", "")]))
        self.assertIsNone(await ask(parents.builderid, 2, []))


class TestErrors(FolderCase):
    @in_reactor
    async def test_a_refusal_comes_through_the_deferred(self):
        store = self.open()
        refused = store.finish_build(1, 99)
        error = await self.assertFailure(refused, daybook.InvalidError)
        self.assertIn("results", error.message)

    @in_reactor
    async def test_what_is_not_there_is_not_found(self):
        store = self.open()
        error = await self.assertFailure(store.finish_build(4, 0), daybook.NotFoundError)
        self.assertEqual((error.outcome, error.action), (daybook.Error.NOT_DONE, "finishing a build"))

    @in_reactor
    async def test_text_that_is_no_utf_8_or_holds_a_zero_is_invalid(self):
        store = self.open()
        for text in ("\ud800", "a\0b"):
            await self.assertFailure(store.set_build_state_string(1, text), daybook.InvalidError)
        await self.assertFailure(store.get_build(2**63), daybook.InvalidError)
        await self.assertFailure(
            store.get_builds(spec=Spec(filters=(("number", "eq", "\ud800"),))), daybook.InvalidError)
        await self.assertFailure(store.get_builds(spec=Spec(order=("nothing",))), daybook.InvalidError)

    def test_opening_what_is_not_there_raises(self):
        with self.assertRaises(daybook.NotFoundError):
            daybook.Store(self.path("missing"))

    @in_reactor
    async def test_an_operation_key_makes_a_write_happen_once(self):
        store = self.open()
        parents = await Parents.add(store)
        call = Call(scope="test", key="k1")
        first = await parents.add_build(store, call=call)
        self.assertEqual(await parents.add_build(store, call=call), first)
        await self.assertFailure(parents.add_build(store, "other", call=call), daybook.ConflictError)
        self.assertEqual(len(await store.get_builds()), 1)


class TestOrder(FolderCase):
    """What waits, is cancelled, is late. A connection of SQLite's own holds the lock meanwhile."""

    async def locked(self, **options):
        self.store = self.open(**options)
        self.parents = await Parents.add(self.store)
        self.buildid, _ = await self.parents.add_build(self.store)
        holder = sqlite3.connect(self.path(), isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN IMMEDIATE")
        return holder

    @in_reactor
    async def test_a_cancelled_call_that_was_not_begun_has_no_effect(self):
        holder = await self.locked()
        first = self.store.set_build_state_string(self.buildid, "first")
        second = self.store.set_build_state_string(self.buildid, "second")
        second.cancel()
        await self.assertFailure(second, daybook.CancelledError, defer.CancelledError)
        holder.execute("ROLLBACK")
        await first
        self.assertEqual((await self.store.get_build(self.buildid)).state_string, "first")

    @in_reactor
    async def test_a_late_call_has_no_effect(self):
        holder = await self.locked()
        late = self.store.set_build_state_string(self.buildid, "late", call=Call(timeout_ms=30))
        await self.assertFailure(late, daybook.TimeoutError)
        holder.execute("ROLLBACK")
        self.assertEqual((await self.store.get_build(self.buildid)).state_string, "starting")

    @in_reactor
    async def test_twisteds_own_timeout_cancels(self):
        holder = await self.locked()
        late = self.store.set_build_state_string(self.buildid, "late")
        late.addTimeout(0.03, reactor)
        await self.assertFailure(late, defer.TimeoutError)
        holder.execute("ROLLBACK")
        self.assertEqual((await self.store.get_build(self.buildid)).state_string, "starting")

    @in_reactor
    async def test_a_full_queue_waits_in_order(self):
        holder = await self.locked(queue_max=3)
        ends = []
        calls = [self.store.set_build_state_string(self.buildid, str(i)) for i in range(50)]
        for i, call in enumerate(calls):
            call.addCallback(lambda _, i=i: ends.append(i))
        cancelled = self.store.set_build_state_string(self.buildid, "cancelled")
        cancelled.cancel()
        await self.assertFailure(cancelled, daybook.CancelledError)
        holder.execute("ROLLBACK")
        await defer.gatherResults(calls)
        self.assertEqual(ends, list(range(50)))
        self.assertEqual((await self.store.get_build(self.buildid)).state_string, "49")

    @in_reactor
    async def test_closing_ends_what_waits_and_fires_last(self):
        holder = await self.locked(queue_max=3)
        ends = []
        calls = [self.store.set_build_state_string(self.buildid, str(i)) for i in range(6)]
        for call in calls:
            call.addBoth(lambda result: ends.append(getattr(result, "value", None)))
        closed = self.store.close()
        closed.addCallback(lambda _: ends.append("closed"))
        holder.execute("ROLLBACK")
        await closed
        self.assertEqual(ends[-1], "closed")
        self.assertEqual(len(ends), 7)
        self.assertTrue(all(isinstance(each, (type(None), daybook.CancelledError, daybook.ClosedError))
                            for each in ends[:-1]), ends)
        self.assertNotIn(self.store._reader, reactor.getReaders())
        await self.assertFailure(self.store.get_build(1), daybook.ClosedError)
        await self.store.close()


class TestThreads(FolderCase):
    @in_reactor
    async def test_only_the_reactors_thread_runs_python(self):
        seen = set()

        def clock():
            seen.add(threading.get_ident())
            return 1

        store = self.open(clock=clock)
        parents = await Parents.add(store)
        calls = [parents.add_build(store) for _ in range(200)]
        for call in calls:
            call.addCallback(lambda _: seen.add(threading.get_ident()))
        await defer.gatherResults(calls)
        self.assertEqual(seen, {threading.main_thread().ident})

    @in_reactor
    async def test_the_global_lock_is_given_up_within_the_library(self):
        await self.open().close()
        with sqlite3.connect(self.path()) as other:
            other.execute("PRAGMA journal_mode=DELETE")
        other.close()
        is_locked = threading.Event()

        def hold():
            holder = sqlite3.connect(self.path(), isolation_level=None)
            holder.execute("BEGIN EXCLUSIVE")
            is_locked.set()
            threading.Event().wait(0.3)
            holder.close()

        thread = threading.Thread(target=hold)
        thread.start()
        is_locked.wait()
        # Opening waits for the holder, who needs Python's lock to let go. It would be late after 5 s.
        await self.open().close()
        thread.join()


SHUTDOWN = """
import sys
from twisted.internet import defer, reactor
import daybook
sys.path.insert(0, sys.argv[2])
from harness import Parents
store = daybook.Store(sys.argv[1], is_created=True)

async def work():
    parents = await Parents.add(store)
    await parents.add_build(store)
    calls = [parents.add_build(store) for _ in range(500)] + [store.get_builds() for _ in range(500)]
    print("outstanding", store.stats().waiting_count + store.stats().running_count > 0)
    reactor.stop()

reactor.callWhenRunning(lambda: defer.ensureDeferred(work()))
reactor.run()
"""


class TestProcesses(FolderCase):
    def test_the_interpreter_ends_cleanly_with_calls_outstanding(self):
        for _ in range(5):
            out = self.run_script(SHUTDOWN, HERE)
            self.assertEqual(out, "outstanding True\n")
        with sqlite3.connect(self.path()) as connection:
            numbers = [row[0] for row in connection.execute("SELECT number FROM builds ORDER BY id")]
        connection.close()
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_the_interpreter_ends_cleanly_without_a_reactor_that_ran(self):
        self.run_script("import sys, daybook\n"
                        "store = daybook.Store(sys.argv[1], is_created=True)\n"
                        "for _ in range(100): store.find_builder_id('b', True)\n")

    @in_reactor
    async def test_a_store_is_refused_after_a_fork(self):
        store = self.open()
        child = os.fork()
        if not child:
            refused = []
            store.get_build(1).addErrback(lambda failure: refused.append(failure.type))
            os._exit(0 if refused == [daybook.ClosedError] else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertIsNone(await store.get_build(1))

    def test_a_child_that_was_forked_before_opens_its_own(self):
        out = self.run_script(
            "import os, sys, daybook\n"
            "from twisted.internet import defer, task\n"
            "child = os.fork()\n"
            "if child: sys.exit(os.waitpid(child, 0)[1])\n"
            "async def work(reactor):\n"
            "    store = daybook.Store(sys.argv[1], is_created=True)\n"
            "    print(await store.find_builder_id('b', True))\n"
            "    await store.close()\n"
            "task.react(lambda reactor: defer.ensureDeferred(work(reactor)))\n")
        self.assertEqual(out, "1\n")


if __name__ == "__main__":
    sys.exit(main(__name__))
