"""The two kinds of blocks, of visits and of events, and their columns."""

from collections.abc import Mapping
from typing import Any, NamedTuple

DAY_COLUMN = "day"

DIFFERENCE_COLUMNS = ("id", "at_ms")
"""Columns that are stored as differences between rows, because the differences are mostly small."""

NO_VISIT = 0
"""The `visit_id` of an event whose visitor has no visit."""

Seen = tuple[int, int]
"""The columns `attended_ms` and `facts` of a visit."""

Row = tuple[tuple[int, ...], tuple[Any, ...]]
"""The plain columns of a row, beginning with DIFFERENCE_COLUMNS, and its coded columns."""


class BlockKind(NamedTuple):
    """The columns of a block. All kinds have DIFFERENCE_COLUMNS, and DAY_COLUMN among the `coded` columns."""

    source: str  # the table of its rows
    table: str
    plain: Mapping[str, str]  # name → type code of `array`
    coded: tuple[str, ...]

    @property
    def columns(self) -> dict[str, str]:
        return {"id": "I", "at_ms": "q", **self.plain, **dict.fromkeys(self.coded, "H")}


VISIT_BLOCKS = BlockKind(
    "visits",
    "visit_blocks",
    {"visitor": "I", "new_in": "B", "attended_ms": "I", "facts": "B"},
    ("day", "hour_s", "scope", "page", "traits"),
)
"""`visitor` is the id of the visitor's first visit on the site, or a number for the month of a reduced visit's visitor.
`new_in` has the bits ON_SITE and IN_COMMUNITY, `attended_ms` is 0 for visits that are not attended, `facts` is a byte
of `counting.evidence.facts`, and `traits` has the values that are read from the row (`dimensions`).
"""

EVENT_BLOCKS = BlockKind(
    "events", "event_blocks", {"visit_id": "I"}, ("day", "hour_s", "scope", "name", "page", "props")
)
"""`visit_id` is NO_VISIT if the visitor has no visit. `props` is JSON."""
