"""The two kinds of blocks, of visits and of events, and their columns."""

from typing import Any

from .block_kind import BlockKind

DAY_COLUMN = "day"

DIFFERENCE_COLUMNS = ("id", "at_ms")
"""Columns that are stored as differences between rows, because the differences are mostly small."""

NO_VISIT = 0
"""The `visit_id` of an event whose visitor has no visit."""

Seen = tuple[int, int]
"""The columns `attended_ms` and `facts` of a visit."""

Row = tuple[tuple[int, ...], tuple[Any, ...]]
"""The plain columns of a row, beginning with DIFFERENCE_COLUMNS, and its coded columns."""


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
