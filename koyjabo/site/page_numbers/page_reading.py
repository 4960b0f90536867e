"""The numbers of pages, and what a reading of them contains.

`page_sums` has the views up to two marks: an id of `visits`, and one of `events`. Later views are read from the rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

MAX_ROWS_READ = 2_000
"""Maximum number of rows of each table that a reading contains."""

MAX_LATE_ROWS = 50_000
"""How many rows of both tables the sums may lack."""

SUMS_NOT_READY = -1
"""The mark of `page_visits` while the sums are not complete."""

Position = tuple[int, int]
"""Ids in `visits` and in `events`."""

View = tuple[int, str, str]
"""The id, page and day of a row that counts as a view."""


class PageReading(NamedTuple):
    """The stored sums of some pages, and views that the sums lack, from one moment."""

    epoch: int
    newest: Position
    marks: Position
    version: int  # increases when workers must begin again, also by each id of a removed event that is given again
    sums: Sequence[tuple[str, int, str, int]]  # (page, views, latest day, views of that day)
    views: Sequence[Sequence[View]]  # of visits and of events, up to MAX_ROWS_READ each

    @property
    def is_ready(self) -> bool:
        """Whether the sums can be used. If they lack too many views, computing them again takes less time."""
        return self.marks[0] != SUMS_NOT_READY and sum(self.newest) - sum(self.marks) <= MAX_LATE_ROWS


class PageViews(NamedTuple):
    """The views of a page; None if its number is not shown."""

    views: int | None
    today: int | None


class PageCounts(NamedTuple):
    """The views of pages at one revision, which increases with each view of any page, and at midnight."""

    pages: Mapping[str, PageViews]
    epoch: str
    revision: int

    def as_object(self, paths: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The values as JSON. `paths` are paths as they were sent, each with its page."""
        sent = [(path, self.pages[page]) for path, page in paths]
        pages = [{"path": path, "views": views, "today": today} for path, (views, today) in sent]
        return {"pages": pages, "epoch": self.epoch, "revision": self.revision}
