"""The call that finds what a Buildbot master without daybook writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from daybook import _native, records
from daybook.asking import Asking
from daybook.errors import InvalidError

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from daybook.store import Call


class Watch:
    """What was seen of the builds of a master; good for any store of that database.

    With a position of an earlier watch the first look finds what has changed since; without one it only finds
    out what there is. InvalidError: that is no position.
    """

    def __init__(self, position: str = "") -> None:
        try:
            self._native = _native.watch_new(position)
        except ValueError as error:
            raise InvalidError(str(error), action="making a watch") from error

    @property
    def position(self) -> str:
        """What was seen up to now, to be kept; "" before the first look."""
        return _native.watch_position(self._native)


class Look(List[records.Event]):
    """The events that a look found, whose ids are 0.

    is_lost: what was seen before does not fit this database, so read the records again; has_more: the next look
    goes on from there.
    """

    is_lost: bool = False
    has_more: bool = False


def _make_look(found: Tuple[List[Any], bool, bool]) -> Look:
    look = Look(found[0])
    look.is_lost, look.has_more = found[1:]
    return look


class WatchCalls(Asking):
    """What a store of a Buildbot master's database can be asked beside that master."""

    def watch_look(self, watch: Watch, *, call: Optional[Call] = None) -> Deferred[Look]:
        """One look of a watch at a time; look every half second, not more often."""
        return self.ask("watch_look", records.Event, call, watch._native).addCallback(_make_look)
