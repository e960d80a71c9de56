"""A store: an open database in Twisted's reactor."""

from __future__ import annotations

import atexit
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Any, Callable, Deque, Optional, Tuple

from twisted.internet import defer
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from daybook import _native
from daybook.calls import Calls
from daybook.errors import BusyError, Error, InvalidError, make_error
from daybook.records import Info, Stats, make_page


@dataclass
class Call:
    """What a call may carry beside its arguments; struct dbk_call."""

    timeout_ms: int = 0
    scope: Optional[str] = None
    key: Optional[str] = None


class Operation(defer.Deferred):
    """The Deferred of a call.

    cancel() keeps the library's word: what was not begun ends with CancelledError, what was begun with its
    true result; both come later, never within cancel().
    """

    # Whoever makes one sets its store: every call would pay for an __init__ that does.
    _store: Store
    _op = 0

    def cancel(self) -> None:
        if not self.called:
            self._store._cancel(self)
        elif isinstance(self.result, defer.Deferred):
            self.result.cancel()


@implementer(IReadDescriptor)
class _Reader:
    """The store's descriptor in the reactor."""

    def __init__(self, store: Store, fd: int) -> None:
        self._store = store
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def doRead(self) -> None:
        self._store._dispatch()

    def connectionLost(self, reason: Any) -> None:
        """The reactor drops all its descriptors, or this one failed: answers come no more."""

    def logPrefix(self) -> str:
        return "daybook"


class Store(Calls):
    """An open database. Opening blocks until the database has answered.

    The descriptor is in Twisted's global reactor, on whose thread everything here is called. When the queue is
    full a call waits here, in its order, instead of failing with BusyError.
    clock gives the time in seconds since 1970 UTC; without one it is the system's.
    """

    def __init__(
        self,
        url: str,
        *,
        is_created: bool = False,
        reader_count: int = 0,
        queue_max: int = 0,
        clock: Optional[Callable[[], float]] = None,
        is_exclusive: bool = False,
        is_forced: bool = False,
    ) -> None:
        from twisted.internet import reactor  # not before: importing it chooses the reactor

        self._native = _native.open(
            url,
            is_created,
            reader_count,
            queue_max,
            is_exclusive,
            is_forced,
            clock,
            make_error,
            make_page,
        )
        self._waiting: Deque[Tuple[Operation, str, tuple]] = deque()
        self._closed: Optional[defer.Deferred] = None
        self._reactor: Any = reactor
        self._reader = _Reader(self, self._native.fileno())
        self._reactor.addReader(self._reader)
        _open_stores.add(self)

    @property
    def is_closed(self) -> bool:
        """Whether close() was called."""
        return self._closed is not None

    def info(self) -> Info:
        """Tells what is known of the database."""
        return Info(*self._native.info())

    def stats(self) -> Stats:
        """Tells the counters as they are now."""
        return Stats(*self._native.stats())

    def close(self) -> defer.Deferred[None]:
        """Refuses new calls, cancels what was not begun, finishes what was. Fires when all have ended."""
        if self._closed is None:
            self._closed = operation = Operation()
            operation._store = self
            self._closed.addBoth(self._forget)
            waiting, self._waiting = self._waiting, deque()
            self._submit(self._closed, "close", (None, None))
            for each, name, args in waiting:
                self._submit(each, name, args)  # refused: the store is closed
        answer: defer.Deferred[None] = defer.Deferred()
        self._closed.addBoth(lambda result: (answer.callback(None), result)[1])
        return answer

    def _forget(self, result: Any) -> None:
        self._reactor.removeReader(self._reader)
        _open_stores.discard(self)

    # ---- Submitting

    def ask(self, name: str, make: Any, call: Optional[Call], *args: Any) -> Operation:
        operation = Operation()
        operation._store = self
        options = None if call is None else (call.timeout_ms, call.scope, call.key)
        head = (make, options, *args)
        if self._waiting:
            self._waiting.append((operation, name, head))
        else:
            self._submit(operation, name, head)
        return operation

    def _submit(self, operation: Operation, name: str, args: tuple, is_first: bool = False) -> bool:
        """Whether the call was taken, or refused for good."""
        try:
            operation._op = getattr(self._native, name)(operation, *args)
        except BusyError:
            place = self._waiting.appendleft if is_first else self._waiting.append
            place((operation, name, args))
            return False
        except Error as error:
            operation.errback(error)
        except (ValueError, OverflowError) as error:
            operation.errback(InvalidError(str(error), action=name))
        return True

    def _dispatch(self) -> None:
        self._native.dispatch()
        while self._waiting and self._submit(*self._waiting.popleft(), is_first=True):
            pass

    def _cancel(self, operation: Operation) -> None:
        if operation._op:
            self._native.cancel(operation._op)
            return
        for each in self._waiting:
            if each[0] is operation:
                self._waiting.remove(each)
                operation.errback(make_error(9, 0, False, 0, "", "", "cancelled"))
                return


_open_stores: weakref.WeakSet = weakref.WeakSet()


def _close_all() -> None:
    """The interpreter ends: what was begun is finished, the rest has no effect, and nobody is called any more."""
    for store in list(_open_stores):
        store._native.abandon()


atexit.register(_close_all)
