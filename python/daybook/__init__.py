"""The record of your builds, for programs on Twisted.

    from daybook import Store

    store = Store("sqlite:///daybook.sqlite", is_created=True)
    build = await store.get_build(17)           # a Build, or None
    await store.close()

The calls have the names and the meaning of those in daybook.h, which is their manual; each answers with a
Deferred. A record is a dataclass, a time is whole seconds since 1970 UTC, "none" is None. What fails ends
with an exception named after its status (see daybook.errors).
"""

from daybook import _native
from daybook.errors import (
    BusyError,
    CancelledError,
    ClosedError,
    ConflictError,
    DamagedError,
    DeniedError,
    Error,
    FullError,
    GoneError,
    InternalError,
    InvalidError,
    NoMemoryError,
    NotFoundError,
    ReadOnlyError,
    SchemaError,
    TimeoutError,
    TooLargeError,
    UnreachableError,
    UnsupportedError,
)
from daybook.new_build import NewBuild, NewStep, SourcestampKey
from daybook.records import (
    Build,
    BuildData,
    Builder,
    Buildrequest,
    Buildset,
    Change,
    Event,
    Info,
    Master,
    Page,
    Property,
    Report,
    Sourcestamp,
    Stats,
    Step,
    Worker,
)
from daybook.spec import Spec
from daybook.store import Call, Operation, Store
from daybook.watch import Look, Watch

__version__ = _native.version()
is_json = _native.is_json

__all__ = [
    "Build",
    "BuildData",
    "Builder",
    "Buildrequest",
    "Buildset",
    "BusyError",
    "Call",
    "CancelledError",
    "Change",
    "ClosedError",
    "ConflictError",
    "DamagedError",
    "DeniedError",
    "Error",
    "Event",
    "FullError",
    "GoneError",
    "Info",
    "InternalError",
    "InvalidError",
    "Look",
    "Master",
    "NewBuild",
    "NewStep",
    "NoMemoryError",
    "NotFoundError",
    "Operation",
    "Page",
    "Property",
    "ReadOnlyError",
    "Report",
    "SchemaError",
    "Sourcestamp",
    "SourcestampKey",
    "Spec",
    "Stats",
    "Step",
    "Store",
    "TimeoutError",
    "TooLargeError",
    "UnreachableError",
    "UnsupportedError",
    "Watch",
    "Worker",
    "is_json",
]
