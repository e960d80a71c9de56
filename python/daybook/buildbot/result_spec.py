"""Pushes a master's ResultSpec down into the database, and leaves in it what cannot be pushed.

What is left is what Buildbot leaves: when a filter or an order stays, so do limit and offset, and its data
layer applies all of them in memory.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from buildbot.data.base import ListResult

from daybook import Page, Spec

_COLUMNS: Dict[str, Dict[str, type]] = {
    "builds": {
        "id": int,
        "number": int,
        "builderid": int,
        "buildrequestid": int,
        "workerid": int,
        "masterid": int,
        "started_at": int,
        "complete_at": int,
        "locks_duration_s": int,
        "state_string": str,
        "results": int,
    },
    "build_properties": {"name": str, "value": str, "source": str},
}
_VALUES_MAX = 1000
_FILTERS_MAX = 64
_ORDER_MAX = 8
_ONE_VALUE = ("lt", "le", "gt", "ge")


def push_down(result_spec: Any) -> Tuple[Optional[Spec], Callable[[Page], list]]:
    """Gives the spec for the database, and what makes Buildbot's list of the page that comes."""
    if result_spec is None:
        return None, list
    spec = Spec()
    mapping = result_spec.fieldMapping
    left = [each for each in result_spec.filters if not _push_filter(spec, each, mapping)]
    left_order = [each for each in result_spec.order or () if not _push_order(spec, each, mapping)]
    result_spec.filters = left
    if left or left_order:
        result_spec.order = tuple(left_order)
        return spec, list
    result_spec.order = None
    offset, limit = result_spec.offset, result_spec.limit
    result_spec.offset = result_spec.limit = None
    spec.offset = offset if offset and offset > 0 else None
    spec.limit = limit if limit is None or limit >= 0 else None  # as SQLite takes a negative one
    if not offset and not limit:
        return spec, list
    spec.total = "exact"
    return spec, lambda page: _list_result(page, offset, limit)


def _list_result(page: Page, offset: Optional[int], limit: Optional[int]) -> Any:
    result = ListResult(page)
    result.offset, result.limit, result.total = offset, limit, page.total
    return result


def _column(field: Any, mapping: Dict[Any, str]) -> Tuple[Optional[str], Optional[type]]:
    table, _, name = mapping.get(field, "").partition(".")
    kind = _COLUMNS.get(table, {}).get(name)
    return (name, kind) if kind else (None, None)


def _push_filter(spec: Spec, item: Any, mapping: Dict[Any, str]) -> bool:
    name, kind = _column(item.field, mapping)
    if name is None or len(spec.filters) == _FILTERS_MAX:
        return False
    values = _values(item.op, kind, list(item.values))
    if values is None:
        return False
    spec.filters += ((name, item.op, values),)
    return True


def _values(op: str, kind: Any, given: List[Any]) -> Optional[Tuple[Any, ...]]:
    """The values as the database compares them, or None when it must not."""
    if not 0 < len(given) <= _VALUES_MAX or (op in _ONE_VALUE and len(given) > 1):
        return None
    if given == [None]:
        return (None,) if op in ("eq", "ne") else None
    if op == "contains":
        return tuple(given) if all(isinstance(each, str) for each in given) else None
    values = tuple(_value(kind, each) for each in given)
    return None if None in values else values


def _value(kind: Any, value: Any) -> Any:
    if kind is str:
        return value if isinstance(value, str) else None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return int(value) if isinstance(value, int) and -(2**63) < value < 2**63 else None


def _push_order(spec: Spec, field: str, mapping: Dict[Any, str]) -> bool:
    sign = "-" if field.startswith("-") else ""
    name, _ = _column(field[len(sign) :], mapping)
    if name is None or len(spec.order) == _ORDER_MAX:
        return False
    spec.order += (sign + name,)
    return True
