"""A worker's timeline, and the spans and heartbeats on it."""

from typing import NamedTuple


class Shown(NamedTuple):
    """A period when a visitor's page was visible, or a heartbeat."""

    visitor_id: str
    visit_id: str | None  # None: the visitor's latest visit when the span began
    began_ms: int
    ended_ms: int
    acted: bool = False
    beat: bool | None = None  # for a heartbeat, at `ended_ms`: whether the page is visible
    # The visitor was identified by a visit that came after the page was opened, and the span belongs to that visit.
    came_first: bool = False
    # For a heartbeat: the wall clock was set since the previous one, at `began_ms` by the worker that heard both.
    restarts: bool = False


class SetBack(NamedTuple):
    """A change of the wall clock to an earlier time."""

    since_ms: int = 0  # the time that it was set to
    by_ms: int = 0
    newest: int = 0  # id of the newest visit at that moment


class Timeline(NamedTuple):
    """The time on a worker (`open_pages`)."""

    now_ms: int = 0
    kept_ms: int = 0  # ten minutes ago, on the earliest timeline since then
    set_back: SetBack = SetBack()

    def moved(self, visit: int, at_ms: int) -> int:
        """Convert a time stored for a visit to this timeline, if it is from before the clock was set back."""
        since_ms, by_ms, newest = self.set_back
        return at_ms - by_ms if visit <= newest and since_ms < at_ms <= since_ms + by_ms else at_ms


READING_TIMELINE = Timeline()
"""A timeline for reading, where no span is written again."""
