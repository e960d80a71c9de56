"""A whole build to be recorded at once; struct dbk_new_build says the ranges."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Optional, Sequence, Tuple


@dataclass
class NewStep:
    """urls are (name, url)."""

    name: str
    state_string: Optional[str] = None
    started_at: Optional[int] = None
    locks_acquired_at: Optional[int] = None
    complete_at: Optional[int] = None
    results: Optional[int] = None
    hidden: bool = False
    urls: Sequence[Tuple[str, str]] = ()


@dataclass
class SourcestampKey:
    """What a sourcestamp is found or added by."""

    branch: Optional[str] = None
    revision: Optional[str] = None
    repository: Optional[str] = None
    codebase: Optional[str] = None
    project: Optional[str] = None
    patchid: Optional[int] = None


@dataclass
class NewBuild:
    """Without results it stays open. properties are (name, JSON text, source), data (name, value, source)."""

    builder: str
    worker: Optional[str] = None
    master: Optional[str] = None
    reason: Optional[str] = None
    sourcestamps: Sequence[SourcestampKey] = ()
    state_string: Optional[str] = None
    started_at: Optional[int] = None
    complete_at: Optional[int] = None
    results: Optional[int] = None
    locks_duration_s: int = 0
    properties: Sequence[Tuple[str, str, str]] = ()
    steps: Sequence[NewStep] = ()
    data: Sequence[Tuple[str, bytes, str]] = ()


def native_build(build: NewBuild) -> tuple:
    """The form in which the extension takes it: tuples only, in the order of the members."""
    return (
        build.builder,
        build.worker,
        build.master,
        build.reason,
        tuple(astuple(each) for each in build.sourcestamps),
        build.state_string,
        build.started_at,
        build.complete_at,
        build.results,
        build.locks_duration_s,
        _tuples(build.properties),
        tuple(_native_step(each) for each in build.steps),
        _tuples(build.data),
    )


def _native_step(step: NewStep) -> tuple:
    return (
        step.name,
        step.state_string,
        step.started_at,
        step.locks_acquired_at,
        step.complete_at,
        step.results,
        step.hidden,
        _tuples(step.urls),
    )


def _tuples(items: Sequence[tuple]) -> tuple:
    return tuple(tuple(each) for each in items)
