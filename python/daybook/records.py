"""The records: the members of daybook.h's structs, in their order (the extension fills them by position)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, List, Optional, Tuple, TypeVar

_Record = TypeVar("_Record")


class Page(List[_Record], Generic[_Record]):
    """A list of records, and what the call says of it.

    total: all that match, None when it was not wanted; is_total_exact: False where there are at least that
    many; next_cursor: goes on after this page, None when it was not full.
    """

    total: Optional[int] = None
    is_total_exact: bool = False
    next_cursor: Optional[str] = None


def make_page(records, total, is_total_exact, next_cursor):
    page = Page(records)
    page.total = total
    page.is_total_exact = is_total_exact
    page.next_cursor = next_cursor
    return page


@dataclass
class Property:
    """value is JSON text; is_json is False where an old database holds what is not JSON."""

    buildid: int
    name: str
    value: str
    source: str
    is_json: bool


@dataclass
class Build:
    id: int
    number: int
    builderid: int
    buildrequestid: int
    workerid: Optional[int]
    masterid: int
    started_at: int
    complete_at: Optional[int]
    locks_duration_s: int
    state_string: str
    results: Optional[int]
    properties: Tuple[Property, ...] = ()


def make_build(*members):
    """Makes a build with its properties, which come as their members."""
    return Build(*members[:-1], tuple(Property(*each) for each in members[-1]))


@dataclass
class Step:
    """urls are pairs of name and URL; urls_text is what the database holds in place of a list of them."""

    id: int
    number: int
    name: str
    buildid: int
    started_at: Optional[int]
    locks_acquired_at: Optional[int]
    complete_at: Optional[int]
    state_string: str
    results: Optional[int]
    hidden: int
    urls: Tuple[Tuple[str, str], ...]
    urls_text: Optional[str]


@dataclass
class BuildData:
    """length is the whole value's; value is None when it was not asked for."""

    id: int
    buildid: int
    name: str
    length: int
    source: str
    value: Optional[bytes]


@dataclass
class Builder:
    id: int
    name: str
    description: Optional[str]
    description_format: Optional[str]
    description_html: Optional[str]
    projectid: Optional[int]


@dataclass
class Worker:
    id: int
    name: str
    info: str
    paused: int
    pause_reason: Optional[str]
    graceful: int


@dataclass
class Master:
    id: int
    name: str
    active: int
    last_active: int


@dataclass
class Sourcestamp:
    id: int
    branch: Optional[str]
    revision: Optional[str]
    patchid: Optional[int]
    repository: str
    codebase: str
    project: str
    created_at: int


@dataclass
class Buildset:
    id: int
    external_idstring: Optional[str]
    reason: str
    submitted_at: int
    complete: int
    complete_at: Optional[int]
    results: Optional[int]
    parent_buildid: Optional[int]
    parent_relationship: Optional[str]
    rebuilt_buildid: Optional[int]


@dataclass
class Buildrequest:
    id: int
    buildsetid: int
    builderid: int
    priority: int
    complete: int
    results: Optional[int]
    submitted_at: int
    complete_at: Optional[int]
    waited_for: int
    claimed_at: Optional[int]
    claimed_by_masterid: Optional[int]


@dataclass
class Change:
    id: int
    author: str
    committer: Optional[str]
    comments: str
    branch: Optional[str]
    revision: Optional[str]
    revlink: Optional[str]
    when_timestamp: int
    category: Optional[str]
    repository: str
    codebase: str
    project: str
    sourcestampid: int
    parent_changeid: Optional[int]


@dataclass
class Event:
    """id is the position in the log."""

    id: int
    at: int
    kind: str
    verb: str
    builderid: Optional[int]
    buildid: Optional[int]
    stepid: Optional[int]
    name: Optional[str]


@dataclass
class Report:
    """What long work says; struct dbk_report. kind is "progress", "statement", "finding" or "sum"."""

    kind: str
    subject: str
    problem: Optional[str]
    text: Optional[str]
    id: Optional[int]
    done: Optional[int]
    total: Optional[int]
    rows: Optional[int]
    bytes: Optional[int]


@dataclass
class Info:
    """What is known of the database behind a store; struct dbk_info."""

    engine: str
    url: str
    engine_version: str
    is_own: bool
    is_adopted: bool
    is_read_only: bool
    has_events: bool
    buildbot_version: Optional[str]
    warning: Optional[str]
    path: Optional[str]


@dataclass
class Stats:
    """Counters of a store since it was opened; struct dbk_stats."""

    waiting_count: int
    running_count: int
    ready_count: int
    read_count: int
    write_count: int
    failed_count: int
    commit_count: int
    retry_count: int
    checkpoint_count: int
    lock_wait_ms: int
