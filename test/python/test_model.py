"""Random sequences of calls beside a model in memory: whatever is written is read back as the model has it."""

import os
import shutil
import sys
import tempfile

from harness import Parents, main
from hypothesis import HealthCheck, Verbosity, given, settings
from hypothesis import strategies as st
from servers import File, Server
from twisted.internet import defer
from twisted.trial import unittest

import daybook
from daybook import Spec

# Text as the library takes it: no surrogates, no zero.
TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=40)
NAME = st.sampled_from(["a", "b", "a_1", "x" * 49, "x" * 50, "\u00fc\u4e2d" * 25, "\U0001f600" * 50])
JSON = st.sampled_from(["0", "null", '"\\u0000"', "[1e400]", '{"a": [true]}', " 7 "])
PICK = st.integers(0, 10**6)

CALLS = st.lists(st.one_of(
    st.tuples(st.just("add_build"), TEXT),
    st.tuples(st.just("set_state"), PICK, TEXT),
    st.tuples(st.just("finish"), PICK, st.integers(0, 6)),
    st.tuples(st.just("locks"), PICK, st.integers(0, 2**40)),
    st.tuples(st.just("property"), PICK, NAME, JSON, TEXT),
    st.tuples(st.just("step"), PICK, NAME),
    st.tuples(st.just("url"), PICK, TEXT, TEXT),
    st.tuples(st.just("data"), PICK, NAME, st.binary(max_size=300)),
    st.tuples(st.just("delete_data"), PICK, NAME),
    st.tuples(st.just("missing"), st.integers(10**9, 2**63 - 1), TEXT),
), max_size=30)


class Build:
    def __init__(self, number, state, now):
        self.number, self.state, self.started_at = number, state, now
        self.complete_at = self.results = None
        self.locks = 0
        self.properties, self.steps, self.data = {}, [], {}


class Model:
    """What a store should hold. A step is [name, urls]."""

    def __init__(self):
        self.builds, self.now = {}, 1000

    def free_name(self, build, name):
        taken = {step[0] for step in build.steps}
        count, free = 0, name
        while free in taken:
            count += 1
            free = name[:50 - len(f"_{count}")] + f"_{count}"
        return free


class Run:
    """One example: the same calls on the store and on the model."""

    def __init__(self, store):
        self.store, self.model, self.step_ids = store, Model(), []

    async def call(self, words):
        self.model.now += 1
        name, *args = words
        if name in ("add_build", "missing"):
            await getattr(self, name)(*args)
        elif self.model.builds:
            ids = sorted(self.model.builds)
            buildid = ids[args[0] % len(ids)]
            await getattr(self, name)(buildid, self.model.builds[buildid], *args[1:])

    async def add_build(self, state):
        buildid, number = await self.parents.add_build(self.store, state)
        assert number == len(self.model.builds) + 1, number
        self.model.builds[buildid] = Build(number, state, self.model.now)

    async def missing(self, buildid, text):
        for call in (self.store.set_build_state_string(buildid, text), self.store.finish_build(buildid, 0),
                     self.store.add_step(buildid, "s", text), self.store.add_url(buildid, text, text),
                     self.store.set_build_property(buildid, "p", "1", "s")):
            try:
                await call
            except daybook.NotFoundError:
                continue
            raise AssertionError("a write to what is not there went through")

    async def set_state(self, buildid, build, state):
        await self.store.set_build_state_string(buildid, state)
        build.state = state

    async def finish(self, buildid, build, results):
        await self.store.finish_build(buildid, results)
        build.results, build.complete_at = results, self.model.now

    async def locks(self, buildid, build, seconds):
        await self.store.add_build_locks_duration(buildid, seconds)
        build.locks += seconds

    async def property(self, buildid, build, name, value, source):
        await self.store.set_build_property(buildid, name, value, source)
        build.properties[name] = (value, source)

    async def step(self, buildid, build, name):
        stepid, number, given_name = await self.store.add_step(buildid, name, "")
        wanted = self.model.free_name(build, name)
        assert (number, given_name) == (len(build.steps), wanted), (number, given_name, wanted)
        build.steps.append([wanted, []])
        self.step_ids.append((stepid, build.steps[-1]))

    async def url(self, buildid, build, name, url):
        if self.step_ids:
            stepid, step = self.step_ids[buildid % len(self.step_ids)]
            await self.store.add_url(stepid, name, url)
            if (name, url) not in step[1]:
                step[1].append((name, url))

    async def data(self, buildid, build, name, value):
        await self.store.set_build_data(buildid, name, value, "test")
        build.data[name] = value

    async def delete_data(self, buildid, build, name):
        try:
            await self.store.delete_build_data(buildid, name)
            assert name in build.data
        except daybook.NotFoundError:
            assert name not in build.data
        build.data.pop(name, None)

    async def compare(self):
        found = await self.store.get_builds(spec=Spec(order=("number",), total="exact"))
        builds = list(self.model.builds.items())
        assert found.total == len(builds)
        assert [(each.id, each.number, each.state_string, each.started_at, each.complete_at, each.results,
                 each.locks_duration_s) for each in found] == [
            (buildid, b.number, b.state, b.started_at, b.complete_at, b.results, b.locks)
            for buildid, b in builds], found
        for buildid, build in builds:
            properties = await self.store.get_build_properties(buildid)
            assert {p.name: (p.value, p.source) for p in properties} == build.properties, properties
            steps = await self.store.get_steps(buildid)
            assert [[s.name, list(s.urls)] for s in steps] == build.steps, steps
            kept = await self.store.get_all_build_data_no_values(buildid)
            assert {d.name: d.length for d in kept} == {n: len(v) for n, v in build.data.items()}, kept
            for name, value in build.data.items():
                assert (await self.store.get_build_data(buildid, name)).value == value
        for results in (0, 2, None):
            filtered = await self.store.get_builds(spec=Spec(filters=(("results", "eq", results),)))
            assert [each.id for each in filtered] == [i for i, b in builds if b.results == results]


class Files:
    """Where each example gets an SQLite file of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-model-")
        self.count = 0

    def database(self):
        self.count += 1
        return File(os.path.join(self.folder, f"{self.count}.sqlite"))

    def end(self):
        shutil.rmtree(self.folder)


def check(databases, count):
    """Hypothesis is not asynchronous: each example runs to its end in the store's own turns."""

    @settings(max_examples=count, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck), verbosity=Verbosity.quiet)
    @given(CALLS)
    def check_calls(calls):
        run = Run(None)
        run.store = store = daybook.Store(databases.database().url, is_created=True,
                                          clock=lambda: run.model.now)

        async def work():
            run.parents = await Parents.add(store)
            for words in calls:
                await run.call(words)
            await run.compare()

        try:
            wait_for(store, defer.ensureDeferred(work()))
        finally:
            wait_for(store, store.close())

    check_calls()


def wait_for(store, deferred):
    """Gives the store turns until the Deferred has fired."""
    import select

    ends = []
    deferred.addBoth(ends.append)
    while not ends:
        select.select([store._reader.fileno()], [], [], 10)
        store._dispatch()
    if hasattr(ends[0], "raiseException"):
        ends[0].raiseException()


class TestModel(unittest.TestCase):
    timeout = 250

    def check_on(self, databases, count):
        self.addCleanup(databases.end)
        check(databases, int(os.environ.get("DAYBOOK_EXAMPLES", count)))

    def test_a_file_gives_back_what_was_written_as_the_model_has_it(self):
        self.check_on(Files(), 60)

    def test_a_postgresql_server_gives_back_what_was_written_as_the_model_has_it(self):
        self.check_on(Server(), 30)

    def test_a_mariadb_server_gives_back_what_was_written_as_the_model_has_it(self):
        self.check_on(Server("mariadb"), 15)


if __name__ == "__main__":
    sys.exit(main(__name__))
