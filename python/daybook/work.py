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

    adopt(), release() and upgrade() need a store that is_exclusive, unless is_dry_run.
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
