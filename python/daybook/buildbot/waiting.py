"""Buildbot's own connectors wait for a server that is away, as daybook's calls do.

Buildbot repeats what a lost connection cut off on MySQL alone, and connects once; so a server that restarts
ends the builds that run meanwhile, whoever keeps their records. Here its connectors wait until the server is
back and do their work again, unless they may have committed some of it.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, Tuple

import sqlalchemy as sa
from twisted.python import log

LIMIT_S = 24 * 3600  # as long as Buildbot goes on where it repeats
PAUSE_S = 0.5


class Presence:
    """Whether the server of an engine is there, as its connections find it."""

    def __init__(self, engine: Any) -> None:
        self.was_reached = False  # until then a mistake in the URL is likelier than a server that is away
        self.is_away = False
        self.is_ending = threading.Event()
        self._lock = threading.Lock()
        self._here = threading.local()
        sa.event.listen(engine, "do_connect", self._connect)
        sa.event.listen(engine, "commit", self._note_commit)

    def run(self, connection: Any, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Does work on a connection, and again while the server goes away before a commit of it was sent."""
        began = time.monotonic()
        while True:
            self._here.has_committed = False
            try:
                result = work(connection, *args, **kwargs)
            except sa.exc.DBAPIError as error:
                if not error.connection_invalidated or self._here.has_committed or not self._pause(began):
                    raise
                self._say_away(error)
            else:
                _end_transaction(connection)
                return result
            connection.rollback()

    def _connect(self, dialect: Any, record: Any, args: Tuple[Any, ...], options: Dict[str, Any]) -> Any:
        began = time.monotonic()
        while True:
            try:
                connection = dialect.connect(*args, **options)
            except dialect.dbapi.OperationalError as error:
                if not self.was_reached or not self._pause(began):
                    raise
                self._say_away(error)
            else:
                self._say_back()
                return connection

    def _note_commit(self, connection: Any) -> None:
        self._here.has_committed = True

    def _pause(self, began: float) -> bool:
        return time.monotonic() - began < LIMIT_S and not self.is_ending.wait(PAUSE_S)

    def _say_away(self, error: Exception) -> None:
        with self._lock:
            if not self.is_away:
                # The driver's own first line: SQLAlchemy adds the statement and its values.
                why = str(getattr(error, "orig", error)).partition("\n")[0]
                log.msg(f"daybook: the database server is away, Buildbot's calls wait for it: {why}")
            self.is_away = True

    def _say_back(self) -> None:
        with self._lock:
            if self.is_away:
                log.msg("daybook: the database server is back")
            self.is_away, self.was_reached = False, True


def _end_transaction(connection: Any) -> None:
    """Buildbot closes the connection next, which fails where it is lost; but the work is done.

    The pool rolls back what it gets, also when nothing is to be, and logs it as an error where that fails: so it is tried
    here, and a connection that is lost is not given back.
    """
    try:
        connection.rollback()
        connection.connection.rollback()
    except sa.exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
    except connection.dialect.dbapi.Error as error:
        if not connection.dialect.is_disconnect(error, connection.connection, None):
            raise
        connection.invalidate(error)


def watch(engine: Any) -> None:
    """Has a server's engine wait. A file is never away."""
    if engine.dialect.name != "sqlite":
        engine._daybook_presence = Presence(engine)


def waiting(do: Any) -> Any:
    """The pool's method do(), in whose thread the work waits."""

    def do_waiting(pool: Any, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        presence = getattr(pool.engine, "_daybook_presence", None)
        if presence is None:
            return do(pool, work, *args, **kwargs)
        return do(pool, presence.run, work, *args, **kwargs)

    return do_waiting


def ending(stop: Any) -> Any:
    """The pool's method that ends it: nobody waits any longer."""

    def stop_waiting(pool: Any) -> Any:
        presence = getattr(pool.engine, "_daybook_presence", None)
        if presence is not None:
            presence.is_ending.set()
        return stop(pool)

    return stop_waiting
