"""The numbers of pages, what a reading of them contains, and the SQL that both databases share.

`page_sums` has the views up to two marks: an id of `visits`, and one of `events`. Later views are read from the rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

ROWS_OF_A_READING = 2_000
"""Maximum number of rows of each table that a reading contains."""

MAX_LATE_VIEWS = 50_000
"""How many rows of both tables the sums may lack."""

SUMS_NOT_READY = -1
"""The mark of `page_visits` while the sums are not complete."""

Position = tuple[int, int]
"""Ids in `visits` and in `events`."""

View = tuple[int, str, str]
"""The id, page and day of a row that counts as a view."""

PAGE_MARKS = f"""
    c.visits, (SELECT coalesce(max(id), 0) FROM events),
    coalesce((SELECT upto FROM watermarks WHERE name = 'page_visits'), {SUMS_NOT_READY}),
    coalesce((SELECT upto FROM watermarks WHERE name = 'page_events'), 0),
    coalesce((SELECT version FROM watermarks WHERE name = 'page_events'), 0)
"""
NEW_VISITS = f"""
    SELECT id, page, day FROM visits WHERE id > {{after}} AND page IS NOT NULL ORDER BY id LIMIT {ROWS_OF_A_READING}
"""
NEW_PAGE_VIEWS = f"""
    SELECT id, page, day FROM events WHERE id > {{after}} AND name = 'pageview' AND page IS NOT NULL
    ORDER BY id LIMIT {ROWS_OF_A_READING}
"""


class PageReading(NamedTuple):
    """The stored sums of some pages, and views that the sums lack, from one moment."""

    epoch: int
    newest: Position
    marks: Position
    version: int  # increases when workers must begin again, also by each id of a removed event that is given again
    sums: Sequence[tuple[str, int, str, int]]  # (page, views, latest day, views of that day)
    views: Sequence[Sequence[View]]  # of visits and of events, up to AT_ONCE each

    @property
    def is_ready(self) -> bool:
        """Whether the sums can be used. If they lack too many views, computing them again takes less time."""
        return self.marks[0] != SUMS_NOT_READY and sum(self.newest) - sum(self.marks) <= MAX_LATE_VIEWS


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
