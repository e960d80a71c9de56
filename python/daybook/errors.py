"""The exceptions: one for each status of daybook.h, which lists what they mean. Branch on the class alone;
the message is for people."""

from __future__ import annotations

from twisted.internet import defer


class Error(Exception):
    """What all of them have.

    outcome says whether the operation took effect: NOT_DONE, DONE (it did all the same) or UNKNOWN (the
    database was lost before it could say). is_retryable: the same operation may succeed later as it is.
    engine_code and sqlstate are the database's own, action is what was being done.
    """

    NOT_DONE, DONE, UNKNOWN = 0, 1, 2
    status = 0

    def __init__(
        self,
        message: str,
        *,
        outcome: int = 0,
        is_retryable: bool = False,
        engine_code: int = 0,
        sqlstate: str = "",
        action: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.outcome = outcome
        self.is_retryable = is_retryable
        self.engine_code = engine_code
        self.sqlstate = sqlstate
        self.action = action

    def __str__(self) -> str:
        return f"{self.action}: {self.message}" if self.action else self.message


class InvalidError(Error):
    status = 1


class NotFoundError(Error):
    status = 2


class ConflictError(Error):
    status = 3


class UnsupportedError(Error):
    status = 4


class ReadOnlyError(Error):
    status = 5


class TooLargeError(Error):
    status = 6


class BusyError(Error):
    status = 7


class TimeoutError(Error):
    status = 8


class CancelledError(Error, defer.CancelledError):
    """Also what Twisted takes for a cancelled Deferred."""

    status = 9


class ClosedError(Error):
    status = 10


class NoMemoryError(Error):
    status = 11


class UnreachableError(Error):
    status = 12


class FullError(Error):
    status = 13


class SchemaError(Error):
    status = 14


class DamagedError(Error):
    status = 15


class DeniedError(Error):
    status = 16


class InternalError(Error):
    status = 17


class GoneError(Error):
    status = 18


BY_STATUS: dict[int, type[Error]] = {cls.status: cls for cls in Error.__subclasses__()}


def make_error(
    status: int,
    outcome: int,
    is_retryable: bool,
    engine_code: int,
    sqlstate: str,
    action: str,
    message: str,
) -> Error:
    """Makes an exception of what the library says."""
    return BY_STATUS.get(status, InternalError)(
        message,
        outcome=outcome,
        is_retryable=is_retryable,
        engine_code=engine_code,
        sqlstate=sqlstate,
        action=action,
    )
