"""A kind of blocks: its table, and its columns."""

from collections.abc import Mapping
from typing import NamedTuple


class BlockKind(NamedTuple):
    """The columns of a block. All kinds have DIFFERENCE_COLUMNS, and DAY_COLUMN among the `coded` columns."""

    source: str  # the table of its rows
    table: str
    plain: Mapping[str, str]  # name → type code of `array`
    coded: tuple[str, ...]

    @property
    def columns(self) -> dict[str, str]:
        return {"id": "I", "at_ms": "q", **self.plain, **dict.fromkeys(self.coded, "H")}
