"""master.db.builds. Names, parameters and models are Buildbot's own."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Dict, List

import sqlalchemy as sa
from buildbot.db import builds
from buildbot.util import epoch2datetime
from twisted.internet import defer
from twisted.python.failure import Failure

from daybook import NotFoundError
from daybook.buildbot.result_spec import push_down
from daybook.buildbot.serving import store_of
from daybook.spec import native_spec

_Own = builds.BuildsConnectorComponent
_BUILDS_AT_ONCE = 1000
_UTC = epoch2datetime(0).tzinfo  # Buildbot's own
_at = datetime.fromtimestamp  # what epoch2datetime() calls in the end


def silent(failure: Failure) -> None:
    """A write to what is not there is no error in Buildbot."""
    failure.trap(NotFoundError)


def _model(
    id,
    number,
    builderid,
    buildrequestid,
    workerid,
    masterid,
    started_at,
    complete_at,
    locks_duration_s,
    state_string,
    results,
    properties,
):
    return builds.BuildModel(
        id,
        number,
        builderid,
        buildrequestid,
        workerid,
        masterid,
        None if started_at is None else _at(started_at, _UTC),
        None if complete_at is None else _at(complete_at, _UTC),
        locks_duration_s,
        state_string,
        results,
    )


class Builds(_Own):
    def getBuild(self, buildid):
        store = store_of(self.db)
        if store is None:
            return super().getBuild(buildid)
        return store.ask("get_build", _model, None, buildid)

    def getBuildByNumber(self, builderid, number):
        store = store_of(self.db)
        if store is None:
            return super().getBuildByNumber(builderid, number)
        return store.ask("get_build_by_number", _model, None, builderid, number)

    def getPrevSuccessfulBuild(self, builderid, number, ssBuild):
        store = store_of(self.db)
        if store is None:
            return super().getPrevSuccessfulBuild(builderid, number, ssBuild)
        sources = tuple({(each.repository, each.branch, each.codebase) for each in ssBuild})
        return store.ask("get_prev_successful_build", _model, None, builderid, number, sources)

    def getBuildsForChange(self, changeid):
        store = store_of(self.db)
        if store is None:
            return super().getBuildsForChange(changeid)
        assert changeid > 0
        return store.ask("get_builds_for_change", _model, None, changeid, None).addCallback(list)

    def getBuilds(
        self, builderid=None, buildrequestid=None, workerid=None, complete=None, resultSpec=None
    ):
        store = store_of(self.db)
        if store is None:
            return super().getBuilds(builderid, buildrequestid, workerid, complete, resultSpec)
        spec, make_list = push_down(resultSpec)
        return store.ask(
            "get_builds",
            _model,
            None,
            builderid,
            buildrequestid,
            workerid,
            None if complete is None else bool(complete),
            native_spec(spec),
        ).addCallback(make_list)

    if hasattr(_Own, "get_triggered_builds"):

        def get_triggered_builds(self, buildid):
            store = store_of(self.db)
            if store is None:
                return super().get_triggered_builds(buildid)
            asked = store.ask("get_triggered_builds", _model, None, buildid, None)
            return asked.addCallback(list)

    def addBuild(
        self, builderid, buildrequestid, workerid, masterid, state_string, _race_hook=None
    ):
        store = store_of(self.db)
        if store is None:
            return super().addBuild(
                builderid, buildrequestid, workerid, masterid, state_string, _race_hook
            )
        args = ("add_build", None, None, builderid, buildrequestid, workerid, masterid, state_string)
        if _race_hook is None:
            return store.ask(*args)
        raced = self.db.pool.do(self._thd_race, builderid, _race_hook)
        return raced.addCallback(lambda _: store.ask(*args))

    def _thd_race(self, conn, builderid, hook):
        """Calls a hook of Buildbot's tests until it adds no more builds; no lock of ours is held."""
        table = self.db.model.builds
        highest = sa.select(sa.func.max(table.c.number)).where(table.c.builderid == builderid)
        before, now = object(), None
        while before != now:
            hook(conn)
            before, now = now, conn.execute(highest).scalar()

    def setBuildStateString(self, buildid, state_string):
        store = store_of(self.db)
        if store is None:
            return super().setBuildStateString(buildid, state_string)
        return store.set_build_state_string(buildid, state_string).addErrback(silent)

    def finishBuild(self, buildid, results):
        store = store_of(self.db)
        if store is None:
            return super().finishBuild(buildid, results)
        return store.finish_build(buildid, results).addErrback(silent)

    def getBuildProperties(self, bid, resultSpec=None):
        store = store_of(self.db)
        if store is None:
            return super().getBuildProperties(bid, resultSpec)
        spec, _ = push_down(resultSpec)
        asked = store.ask("get_build_properties", None, None, bid, native_spec(spec))
        return asked.addCallback(_properties)

    def properties_of(self, buildids: List[int]) -> defer.Deferred[Dict[int, Dict[str, Any]]]:
        """Gives the properties of many builds at once, by build."""
        store = store_of(self.db)
        found: Dict[int, Dict[str, Any]] = {buildid: {} for buildid in buildids}

        def take(rows: Any) -> None:
            for buildid, name, value, source, _ in rows:
                found[buildid][name] = (json.loads(value), source)

        asked = [
            store.ask("get_properties_of", None, None, buildids[i : i + _BUILDS_AT_ONCE])
            for i in range(0, len(buildids), _BUILDS_AT_ONCE)
        ]
        for each in asked:
            each.addCallback(take)
        return defer.gatherResults(asked, consumeErrors=True).addCallback(lambda _: found)

    def setBuildProperty(self, bid, name, value, source):
        store = store_of(self.db)
        if store is None:
            return super().setBuildProperty(bid, name, value, source)
        return store.set_build_property(bid, name, json.dumps(value), source)

    def add_build_locks_duration(self, buildid, duration_s):
        store = store_of(self.db)
        if store is None:
            return super().add_build_locks_duration(buildid, duration_s)
        return store.add_build_locks_duration(buildid, int(duration_s)).addErrback(silent)


def _properties(rows: Any) -> Dict[str, Any]:
    return {name: (json.loads(value), source) for _, name, value, source, _ in rows}
