"""Puts the components in Buildbot's places."""

from __future__ import annotations

from typing import Any

from buildbot.data import builds as data_builds
from buildbot.db import build_data, builds, enginestrategy, steps

from daybook.buildbot import serving
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
    enginestrategy.create_engine = _without_checkpoints(enginestrategy.create_engine)
    _is_installed = True


def _without_checkpoints(create_engine: Any) -> Any:
    def create(*args: Any, **kwargs: Any) -> Any:
        engine = create_engine(*args, **kwargs)
        serving.stop_checkpoints(engine)
        return engine

    return create
