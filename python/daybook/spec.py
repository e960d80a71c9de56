"""What a list call filters, orders and pages by; all of it runs in the database. See `struct dbk_spec`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple, Union

Value = Union[int, str, None]

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge", "contains", "in", "notin")
_NUMBERS = {name: number for number, name in enumerate(COMPARISONS)}


@dataclass
class Spec:
    """filters are (field, comparison, value or values), a comparison one of COMPARISONS. order are fields, a
    leading "-" reverses. total is "none", "exact", or a number up to which is counted. properties are filters
    of builds, (name, JSON texts of which one must be its value); see dbk_spec_property()."""

    filters: Tuple[Tuple[str, str, Union[Value, Tuple[Value, ...]]], ...] = ()
    order: Tuple[str, ...] = ()
    limit: Optional[int] = None
    offset: Optional[int] = None
    cursor: Optional[str] = None
    fields: Tuple[str, ...] = ()
    total: Union[str, int] = "none"
    properties: Tuple[Tuple[str, Tuple[str, ...]], ...] = ()


def native_spec(spec: Optional[Spec]) -> Optional[tuple]:
    """The form in which the extension takes a spec."""
    if spec is None:
        return None
    filters = tuple(
        (field, _comparison(name), values if isinstance(values, tuple) else (values,))
        for field, name, values in spec.filters
    )
    if isinstance(spec.total, str):
        total, up_to = ("none", "exact").index(spec.total), None
    else:
        total, up_to = 2, spec.total
    return (
        filters,
        tuple(spec.order),
        spec.limit,
        spec.offset,
        spec.cursor,
        tuple(spec.fields),
        total,
        up_to,
        tuple((name, tuple(values)) for name, values in spec.properties),
    )


def _comparison(name: str) -> int:
    if name not in _NUMBERS:
        raise ValueError(f"{name} is no comparison: it is one of {', '.join(COMPARISONS)}")
    return _NUMBERS[name]
