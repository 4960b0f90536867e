"""The views that the stored sums lack, in memory. Does no I/O."""

from collections import deque
from collections.abc import Collection, Sequence

from .page_reading import MAX_ROWS_READ, PageReading, Position, View


class Tail:
    """The views that `page_sums` does not include yet. After the database was rolled back, for example, all are read
    again.
    """

    watched: Collection[str] = ()

    def __init__(self) -> None:
        self.changed: set[str] = set()
        """The watched pages that have new views, or all of them after it began again."""
        self._state = (0, 0)  # the epoch and version of the last reading
        self._marks: Position = (0, 0)
        self._rows: tuple[deque[View], deque[View]] = (deque(), deque())
        self._views: dict[str, dict[str, int]] = {}
        """Views by day and page."""
        self.upto: Position = (0, 0)

    def views(self, page: str) -> int:
        return sum(pages.get(page, 0) for pages in self._views.values())

    def views_of_day(self, page: str, day: str) -> int:
        return self._views.get(day, {}).get(page, 0)

    def follow(self, reading: PageReading) -> bool:
        """Take over the rows of a reading. Returns whether this now agrees with the reading's sums and has all of its
        rows. Otherwise, read again after `upto`.
        """
        marks, newest = reading.marks, reading.newest
        if (reading.epoch, reading.version) != self._state or not _in_order(self._marks, marks, self.upto, newest):
            self._begin((reading.epoch, reading.version), marks)
            return False
        self.upto = tuple(map(self._add, self._rows, reading.views, self.upto, newest))  # type: ignore[assignment]
        for rows, mark in zip(self._rows, marks, strict=True):
            while rows and rows[0][0] <= mark:
                self._count(rows.popleft(), -1)
        self._marks = marks
        return self.upto == newest

    def _begin(self, state: tuple[int, int], marks: Position) -> None:
        self._state, self._marks, self.upto = state, marks, marks
        for rows in self._rows:
            rows.clear()
        self._views.clear()
        self.changed.update(self.watched)

    def _add(self, rows: deque[View], views: Sequence[View], upto: int, newest: int) -> int:
        """Add the views after `upto`. Returns the position that is reached."""
        for view in views:
            if view[0] > upto:
                rows.append(view)
                self._count(view, 1)
                if view[1] in self.watched:
                    self.changed.add(view[1])
        if len(views) == MAX_ROWS_READ:
            return max(upto, views[-1][0])
        return newest

    def _count(self, view: View, by: int) -> None:
        _, page, day = view
        pages = self._views.get(day)
        if pages is None:
            pages = self._views[day] = {}
        count = pages.get(page, 0) + by
        if count:
            pages[page] = count
            return
        del pages[page]
        if not pages:
            del self._views[day]


def _in_order(*positions: Position) -> bool:
    """Whether no position has a lower id than the one before it."""
    return all(list(ids) == sorted(ids) for ids in zip(*positions, strict=True))
