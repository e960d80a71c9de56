"""The calls for the event log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from daybook import records
from daybook.asking import Asking
from daybook.spec import Spec, native_spec

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from daybook.records import Page
    from daybook.store import Call


class EventCalls(Asking):
    """What a store can be asked about its events."""

    def get_events(
        self, position: int, spec: Optional[Spec] = None, *, call: Optional[Call] = None
    ) -> Deferred[Page[records.Event]]:
        return self.ask("get_events", records.Event, call, position, native_spec(spec))

    def get_newest_event(self, *, call: Optional[Call] = None) -> Deferred[int]:
        return self.ask("get_newest_event", None, call)

    def follow_events(
        self,
        position: int,
        event: Callable[[records.Event], Any],
        filters: Optional[Spec] = None,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[None]:
        """event() is called with each. Goes on until the Deferred is cancelled, and ends with CancelledError;
        what event() raises is printed as unraisable, and ends nothing."""
        return self.ask("follow_events", records.Event, call, position, event, native_spec(filters))
