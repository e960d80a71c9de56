"""Puts the components in Buildbot's places."""

from __future__ import annotations

from typing import Any

from buildbot.data import builds as data_builds
from buildbot.db import build_data, builds, enginestrategy, pool, steps

from daybook.buildbot import serving, waiting
from daybook.buildbot.build_data import BuildData
from daybook.buildbot.builds import Builds
from daybook.buildbot.endpoint import ask_at_once
from daybook.buildbot.steps import Steps

_is_installed = False


def install() -> None:
    """The master makes its components by these names, which its modules look up then."""
    global _is_installed
    if _is_installed:
        return
    builds.BuildsConnectorComponent = Builds
    steps.StepsConnectorComponent = Steps
    build_data.BuildDataConnectorComponent = BuildData
    data_builds.BuildsEndpoint.get = ask_at_once(data_builds.BuildsEndpoint.get)
    enginestrategy.create_engine = _with_daybook(enginestrategy.create_engine)
    pool.DBThreadPool.do = waiting.waiting(pool.DBThreadPool.do)
    for name in ("stop", "shutdown"):  # Buildbot 4.1 has both
        if hasattr(pool.DBThreadPool, name):
            setattr(pool.DBThreadPool, name, waiting.ending(getattr(pool.DBThreadPool, name)))
    _is_installed = True


def _with_daybook(create_engine: Any) -> Any:
    def create(*args: Any, **kwargs: Any) -> Any:
        engine = create_engine(*args, **kwargs)
        serving.stop_checkpoints(engine)
        waiting.watch(engine)
        return engine

    return create
