"""The store behind a master's components: opened at the first call, closed with Buildbot's pool."""

from __future__ import annotations

import ctypes
import importlib
from typing import Any, Optional

import sqlalchemy as sa
from twisted.internet import defer
from twisted.python import log

from daybook import Store, __version__, _native
from daybook.buildbot.urls import translate


def store_of(db: Any) -> Optional[Store]:
    """The store that serves a master's db, or None where Buildbot's own components do."""
    pool = db.pool
    try:
        return pool._daybook_store
    except AttributeError:
        pool._daybook_store = _open(db, pool)
        return pool._daybook_store


def _open(db: Any, pool: Any) -> Optional[Store]:
    store = None
    try:
        _check_sqlite(pool.engine)
        store = Store(
            translate(pool.engine.url, None),
            clock=lambda: db.master.reactor.seconds(),
        )
        _check_writable(store)
    except Exception as error:
        if store:
            store.close()
        log.msg(f"daybook {__version__} does not serve this database, Buildbot itself does: {error}")
        return None
    _close_with(pool, store)
    _announce(store)
    return store


def _check_writable(store: Store) -> None:
    info = store.info()
    if info.is_own:
        raise RuntimeError("it is a store of daybook's own, not a Buildbot master's")
    if info.is_read_only:
        raise RuntimeError(info.warning or "it can only be read")


def _announce(store: Store) -> None:
    info = store.info()
    log.msg(
        f"daybook {__version__}: master.db.builds, .steps and .build_data of {info.url} go through "
        f"daybook ({info.engine} {info.engine_version})"
    )
    if not info.is_adopted:
        log.msg(
            "daybook: the database is not adopted: no events, operation keys and quick lineages; "
            "`daybook adopt` adds them while the master is stopped"
        )
    if info.warning:
        log.msg(f"daybook: {info.warning}")


# ---- Its end


def _close_with(pool: Any, store: Store) -> None:
    """Whatever ends Buildbot's pool ends the store first: its methods, or the reactor."""
    from twisted.internet import reactor

    trigger = reactor.addSystemEventTrigger("during", "shutdown", store.close)

    def ending(method: Any) -> Any:
        @defer.inlineCallbacks
        def end(*args: Any, **kwargs: Any) -> Any:
            if not store.is_closed:
                reactor.removeSystemEventTrigger(trigger)
            yield store.close()
            return (yield method(*args, **kwargs))

        return end

    for name in ("stop", "shutdown"):
        method = getattr(pool, name, None)
        if method is not None:
            setattr(pool, name, ending(method))


# ---- SQLite in one process


def stop_checkpoints(engine: Any) -> None:
    """Turns automatic checkpoints off on the connections that an engine opens.

    Before 3.51.3 SQLite can damage the file when a checkpoint meets a commit; daybook makes the
    checkpoints, while nobody commits.
    """
    if engine.dialect.name == "sqlite" and engine.url.database:
        sa.event.listen(engine, "connect", _stop_checkpoints_of)


def _stop_checkpoints_of(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA wal_autocheckpoint = 0")


def _check_sqlite(engine: Any) -> None:
    """Refuses a process with two SQLite libraries.

    Each would hold its own list of the locks on the file, and closing the file in one gives up the
    locks of the other.
    """
    if engine.dialect.name != "sqlite":
        return
    driver = engine.dialect.dbapi.__name__
    native = importlib.import_module("_sqlite3" if driver.startswith("sqlite3") else driver)
    theirs = _sqlite_of(getattr(native, "__file__", None))
    if theirs is None or theirs != _sqlite_of(_native.__file__):
        raise RuntimeError(f"Python's module {driver} uses another SQLite library than daybook")


def _sqlite_of(path: Optional[str]) -> Optional[int]:
    """Where the SQLite is that an extension (None: the interpreter) finds; None when it shows none."""
    try:
        return ctypes.cast(ctypes.CDLL(path).sqlite3_libversion, ctypes.c_void_p).value
    except (AttributeError, OSError):
        return None
