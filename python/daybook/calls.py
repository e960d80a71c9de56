"""The calls of daybook.h, under their names. What each does stands there; here are its arguments and what
its Deferred gives. `call` is a Call, for a deadline or an operation key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Optional, Sequence, Tuple

from daybook import records
from daybook.events import EventCalls
from daybook.new_build import NewBuild, native_build
from daybook.spec import Spec, native_spec
from daybook.watch import WatchCalls
from daybook.work import WorkCalls

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from daybook.records import Page
    from daybook.store import Call


class Calls(EventCalls, WatchCalls, WorkCalls):
    """What a Store can be asked."""

    # ---- Builds

    def get_build(
        self, buildid: Optional[int], *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Build]]:
        return self.ask("get_build", records.Build, call, buildid)

    def get_build_by_number(
        self, builderid: int, number: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Build]]:
        return self.ask("get_build_by_number", records.Build, call, builderid, number)

    def get_prev_build(
        self, builderid: int, number: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Build]]:
        return self.ask("get_prev_build", records.Build, call, builderid, number)

    def get_next_build(
        self, builderid: int, number: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Build]]:
        return self.ask("get_next_build", records.Build, call, builderid, number)

    def get_prev_successful_build(
        self,
        builderid: int,
        number: int,
        codebases: Iterable[Tuple[str, Optional[str], str]],
        *,
        call: Optional[Call] = None,
    ) -> Deferred[Optional[records.Build]]:
        return self.ask(
            "get_prev_successful_build",
            records.Build,
            call,
            builderid,
            number,
            tuple(tuple(each) for each in codebases),
        )

    def get_builds(
        self,
        builderid: Optional[int] = None,
        buildrequestid: Optional[int] = None,
        workerid: Optional[int] = None,
        complete: Optional[bool] = None,
        spec: Optional[Spec] = None,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[Page[records.Build]]:
        return self.ask(
            "get_builds",
            _build_of(spec),
            call,
            builderid,
            buildrequestid,
            workerid,
            complete,
            native_spec(spec),
        )

    def get_builds_for_change(
        self, changeid: int, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Build]]:
        return self.ask(
            "get_builds_for_change", _build_of(spec), call, changeid, native_spec(spec)
        )

    def get_triggered_builds(
        self, buildid: int, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Build]]:
        return self.ask("get_triggered_builds", _build_of(spec), call, buildid, native_spec(spec))

    def add_build(
        self,
        builderid: int,
        buildrequestid: int,
        workerid: Optional[int],
        masterid: int,
        state_string: str,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[Tuple[int, int]]:
        return self.ask(
            "add_build", None, call, builderid, buildrequestid, workerid, masterid, state_string
        )

    def set_build_state_string(
        self, buildid: int, state_string: str, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("set_build_state_string", None, call, buildid, state_string)

    def add_build_locks_duration(
        self, buildid: int, duration_s: int, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("add_build_locks_duration", None, call, buildid, duration_s)

    def finish_build(
        self, buildid: int, results: int, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("finish_build", None, call, buildid, results)

    def record_build(
        self, build: NewBuild, *, call: Optional[Call] = None
    ) -> Deferred[Tuple[int, int]]:
        return self.ask("record_build", None, call, *native_build(build))

    # ---- Properties

    def get_build_properties(
        self, buildid: int, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Property]]:
        return self.ask("get_build_properties", records.Property, call, buildid, native_spec(spec))

    def get_properties_of(
        self, buildids: Sequence[int], *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Property]]:
        return self.ask("get_properties_of", records.Property, call, buildids)

    def set_build_property(
        self, buildid: int, name: str, value: str, source: str, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("set_build_property", None, call, buildid, name, value, source)

    def set_build_properties(
        self,
        buildid: int,
        properties: Iterable[Tuple[str, str, str]],
        *,
        call: Optional[Call] = None,
    ) -> Deferred[None]:
        return self.ask(
            "set_build_properties", None, call, buildid, tuple(tuple(each) for each in properties)
        )

    # ---- Steps

    def get_step(
        self,
        stepid: Optional[int] = None,
        buildid: Optional[int] = None,
        number: Optional[int] = None,
        name: Optional[str] = None,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[Optional[records.Step]]:
        return self.ask("get_step", records.Step, call, stepid, buildid, number, name)

    def get_steps(
        self, buildid: int, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Step]]:
        return self.ask("get_steps", records.Step, call, buildid, native_spec(spec))

    def get_steps_of(
        self, buildids: Sequence[int], *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Step]]:
        return self.ask("get_steps_of", records.Step, call, buildids)

    def add_step(
        self, buildid: int, name: str, state_string: str, *, call: Optional[Call] = None
    ) -> Deferred[Tuple[int, int, str]]:
        return self.ask("add_step", None, call, buildid, name, state_string)

    def start_step(
        self,
        stepid: int,
        started_at: Optional[int] = None,
        locks_acquired: bool = False,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[None]:
        return self.ask("start_step", None, call, stepid, started_at, locks_acquired)

    def set_step_locks_acquired_at(
        self, stepid: int, locks_acquired_at: Optional[int] = None, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("set_step_locks_acquired_at", None, call, stepid, locks_acquired_at)

    def set_step_state_string(
        self, stepid: int, state_string: str, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("set_step_state_string", None, call, stepid, state_string)

    def finish_step(
        self, stepid: int, results: int, hidden: bool = False, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("finish_step", None, call, stepid, results, hidden)

    def add_url(
        self, stepid: int, name: str, url: str, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("add_url", None, call, stepid, name, url)

    # ---- Build data

    def set_build_data(
        self, buildid: int, name: str, value: bytes, source: str, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("set_build_data", None, call, buildid, name, value, source)

    def set_build_data_from_fd(
        self,
        buildid: int,
        name: str,
        fd: int,
        offset: int,
        length: int,
        source: str,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[None]:
        return self.ask(
            "set_build_data_from_fd", None, call, buildid, name, fd, offset, length, source
        )

    def get_build_data(
        self, buildid: int, name: str, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.BuildData]]:
        return self.ask("get_build_data", records.BuildData, call, buildid, name)

    def get_build_data_range(
        self, buildid: int, name: str, offset: int, length: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.BuildData]]:
        return self.ask(
            "get_build_data_range", records.BuildData, call, buildid, name, offset, length
        )

    def get_build_data_no_value(
        self, buildid: int, name: str, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.BuildData]]:
        return self.ask("get_build_data_no_value", records.BuildData, call, buildid, name)

    def get_all_build_data_no_values(
        self,
        buildid: int,
        name: Optional[str] = None,
        spec: Optional[Spec] = None,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[Page[records.BuildData]]:
        return self.ask(
            "get_all_build_data_no_values",
            records.BuildData,
            call,
            buildid,
            name,
            native_spec(spec),
        )

    def delete_build_data(
        self, buildid: int, name: str, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        return self.ask("delete_build_data", None, call, buildid, name)

    def delete_old_build_data(
        self, older_than: int, *, call: Optional[Call] = None
    ) -> Deferred[int]:
        return self.ask("delete_old_build_data", None, call, older_than)

    def count_old_build_data(
        self, older_than: int, *, call: Optional[Call] = None
    ) -> Deferred[Tuple[int, int]]:
        return self.ask("count_old_build_data", None, call, older_than)

    def give_space_back(self, *, call: Optional[Call] = None) -> Deferred[int]:
        return self.ask("give_space_back", None, call)

    # ---- What builds hang on

    def find_builder_id(
        self, name: str, is_added: bool = False, *, call: Optional[Call] = None
    ) -> Deferred[int]:
        return self.ask("find_builder_id", None, call, name, is_added)

    def find_worker_id(
        self, name: str, is_added: bool = False, *, call: Optional[Call] = None
    ) -> Deferred[int]:
        return self.ask("find_worker_id", None, call, name, is_added)

    def find_master_id(
        self, name: str, is_added: bool = False, *, call: Optional[Call] = None
    ) -> Deferred[int]:
        return self.ask("find_master_id", None, call, name, is_added)

    def find_sourcestamp_id(
        self,
        branch: Optional[str] = None,
        revision: Optional[str] = None,
        repository: Optional[str] = None,
        codebase: Optional[str] = None,
        project: Optional[str] = None,
        patchid: Optional[int] = None,
        is_added: bool = False,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[int]:
        return self.ask(
            "find_sourcestamp_id",
            None,
            call,
            branch,
            revision,
            repository,
            codebase,
            project,
            patchid,
            is_added,
        )

    def add_buildset(
        self,
        reason: Optional[str] = None,
        external_idstring: Optional[str] = None,
        parent_buildid: Optional[int] = None,
        parent_relationship: Optional[str] = None,
        rebuilt_buildid: Optional[int] = None,
        sourcestampids: Sequence[int] = (),
        *,
        call: Optional[Call] = None,
    ) -> Deferred[int]:
        return self.ask(
            "add_buildset",
            None,
            call,
            reason,
            external_idstring,
            parent_buildid,
            parent_relationship,
            rebuilt_buildid,
            sourcestampids,
        )

    def add_buildrequest(
        self,
        buildsetid: int,
        builderid: int,
        priority: int = 0,
        waited_for: bool = False,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[int]:
        return self.ask(
            "add_buildrequest", None, call, buildsetid, builderid, priority, waited_for
        )

    def add_change(
        self,
        author: str,
        sourcestampid: int,
        committer: Optional[str] = None,
        comments: Optional[str] = None,
        branch: Optional[str] = None,
        revision: Optional[str] = None,
        revlink: Optional[str] = None,
        category: Optional[str] = None,
        repository: Optional[str] = None,
        codebase: Optional[str] = None,
        project: Optional[str] = None,
        when_timestamp: Optional[int] = None,
        parent_changeid: Optional[int] = None,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[int]:
        return self.ask(
            "add_change",
            None,
            call,
            author,
            committer,
            comments,
            branch,
            revision,
            revlink,
            category,
            repository,
            codebase,
            project,
            when_timestamp,
            sourcestampid,
            parent_changeid,
        )

    def get_builder(
        self, builderid: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Builder]]:
        return self.ask("get_builder", records.Builder, call, builderid)

    def get_worker(
        self, workerid: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Worker]]:
        return self.ask("get_worker", records.Worker, call, workerid)

    def get_master(
        self, masterid: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Master]]:
        return self.ask("get_master", records.Master, call, masterid)

    def get_sourcestamp(
        self, sourcestampid: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Sourcestamp]]:
        return self.ask("get_sourcestamp", records.Sourcestamp, call, sourcestampid)

    def get_buildset(
        self, buildsetid: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Buildset]]:
        return self.ask("get_buildset", records.Buildset, call, buildsetid)

    def get_buildrequest(
        self, buildrequestid: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Buildrequest]]:
        return self.ask("get_buildrequest", records.Buildrequest, call, buildrequestid)

    def get_change(
        self, changeid: int, *, call: Optional[Call] = None
    ) -> Deferred[Optional[records.Change]]:
        return self.ask("get_change", records.Change, call, changeid)

    def get_builders(
        self, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Builder]]:
        return self.ask("get_builders", records.Builder, call, native_spec(spec))

    def get_workers(
        self, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Worker]]:
        return self.ask("get_workers", records.Worker, call, native_spec(spec))

    def get_masters(
        self, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Master]]:
        return self.ask("get_masters", records.Master, call, native_spec(spec))

    def get_buildsets(
        self, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Buildset]]:
        return self.ask("get_buildsets", records.Buildset, call, native_spec(spec))

    def get_buildrequests(
        self, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Buildrequest]]:
        return self.ask("get_buildrequests", records.Buildrequest, call, native_spec(spec))

    def get_changes(
        self, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Change]]:
        return self.ask("get_changes", records.Change, call, native_spec(spec))

    def get_sourcestamps(
        self,
        buildsetid: Optional[int] = None,
        spec: Optional[Spec] = None,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[Page[records.Sourcestamp]]:
        return self.ask(
            "get_sourcestamps", records.Sourcestamp, call, buildsetid, native_spec(spec)
        )


def _build_of(spec: Optional[Spec]) -> Any:
    """What makes a build: its properties come along only when the spec wants them."""
    return records.make_build if spec and "properties" in spec.fields else records.Build
