"""The way of every call to its store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from daybook.store import Call


class Asking:
    """What the classes of calls are made on."""

    def ask(self, name: str, make: Any, call: Optional[Call], *args: Any) -> Any:
        """Submits the call of that name, which every other method here does. `make` makes a record of its
        members, given by position; with None their tuple is the record."""
        raise NotImplementedError
