"""The calls for long work on a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from daybook import records
from daybook.asking import Asking

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from daybook.store import Call

    Report = Callable[[records.Report], Any]


class WorkCalls(Asking):
    """What can be done with a store's database. report() is called with what there is to say meanwhile.

    adopt(), release(), upgrade() and copy() need a store that is_exclusive, the first three unless is_dry_run.
    """

    def adopt(
        self,
        report: Report,
        is_dry_run: bool = False,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[None]:
        return self.ask("adopt", records.Report, call, report, is_dry_run)

    def release(
        self,
        report: Report,
        is_dry_run: bool = False,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[None]:
        return self.ask("release", records.Report, call, report, is_dry_run)

    def upgrade(
        self,
        report: Report,
        is_dry_run: bool = False,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[None]:
        return self.ask("upgrade", records.Report, call, report, is_dry_run)

    def check(self, report: Report, *, call: Optional[Call] = None) -> Deferred[None]:
        return self.ask("check", records.Report, call, report)

    def copy(
        self,
        from_url: str,
        report: Report,
        is_records_only: bool = False,
        skips_dirty: bool = False,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[None]:
        """Copies all records of another store into this one, which is new."""
        return self.ask("copy", records.Report, call, from_url, report, is_records_only, skips_dirty)

    def verify(
        self, from_url: str, report: Report, *, call: Optional[Call] = None
    ) -> Deferred[None]:
        """Compares this store with the one that it was copied from; what differs is a finding."""
        return self.ask("verify", records.Report, call, from_url, report)

    def prune(
        self,
        report: Report,
        rules: str,
        is_dry_run: bool = False,
        *,
        call: Optional[Call] = None,
    ) -> Deferred[None]:
        """rules are lines as of `daybook prune --rules`; a ValueError names the one that is wrong."""
        return self.ask("prune", records.Report, call, report, rules, is_dry_run)
