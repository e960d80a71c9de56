"""master.db.steps. Names, parameters and models are Buildbot's own."""

from __future__ import annotations

from buildbot.db import steps
from buildbot.util import epoch2datetime
from twisted.internet import defer

from daybook.buildbot.builds import silent
from daybook.buildbot.serving import store_of

_Own = steps.StepsConnectorComponent


def _time(seconds):
    return None if seconds is None else epoch2datetime(seconds)


def _model(
    id,
    number,
    name,
    buildid,
    started_at,
    locks_acquired_at,
    complete_at,
    state_string,
    results,
    hidden,
    urls,
    urls_text,
):
    return steps.StepModel(
        id=id,
        number=number,
        name=name,
        buildid=buildid,
        started_at=_time(started_at),
        locks_acquired_at=_time(locks_acquired_at),
        complete_at=_time(complete_at),
        state_string=state_string,
        results=results,
        urls=[steps.UrlModel(*each) for each in urls],
        hidden=bool(hidden),
    )


class Steps(_Own):
    def getStep(self, stepid=None, buildid=None, number=None, name=None):
        store = store_of(self.db)
        if store is None:
            return super().getStep(stepid, buildid, number, name)
        if stepid is None and (buildid is None or (number is None and name is None)):
            return defer.fail(
                RuntimeError("a step is named by its id, or by buildid and number or name")
            )
        return store.ask("get_step", _model, None, stepid, buildid, number, name)

    def getSteps(self, buildid):
        store = store_of(self.db)
        if store is None:
            return super().getSteps(buildid)
        return store.ask("get_steps", _model, None, buildid, None).addCallback(list)

    def addStep(self, buildid, name, state_string):
        store = store_of(self.db)
        if store is None:
            return super().addStep(buildid, name, state_string)
        return store.add_step(buildid, name, state_string)

    def startStep(self, stepid, started_at, locks_acquired):
        store = store_of(self.db)
        if store is None:
            return super().startStep(stepid, started_at, locks_acquired)
        return store.start_step(stepid, int(started_at), locks_acquired).addErrback(silent)

    def set_step_locks_acquired_at(self, stepid, locks_acquired_at):
        store = store_of(self.db)
        if store is None:
            return super().set_step_locks_acquired_at(stepid, locks_acquired_at)
        asked = store.set_step_locks_acquired_at(stepid, int(locks_acquired_at))
        return asked.addErrback(silent)

    def setStepStateString(self, stepid, state_string):
        store = store_of(self.db)
        if store is None:
            return super().setStepStateString(stepid, state_string)
        return store.set_step_state_string(stepid, state_string).addErrback(silent)

    def addURL(self, stepid, name, url, _racehook=None):
        store = store_of(self.db)
        if store is None:
            return super().addURL(stepid, name, url, _racehook)
        if _racehook is None:
            return store.add_url(stepid, name, url)
        raced = self.db.pool.do(lambda conn: _racehook())
        return raced.addCallback(lambda _: store.add_url(stepid, name, url))

    def finishStep(self, stepid, results, hidden):
        store = store_of(self.db)
        if store is None:
            return super().finishStep(stepid, results, hidden)
        return store.finish_step(stepid, results, bool(hidden)).addErrback(silent)
