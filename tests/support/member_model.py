"""Who is here, as a plain set: what every way of holding places must agree with."""

from __future__ import annotations

from collections import Counter

LATEST_S = 10
"""A killed worker's people are gone after that; before, they may be counted or not."""

Line = tuple[str, str]
"""A person and the id of their hold."""


class Model:
    """Times are ms of a clock that nobody puts right. Workers are named by numbers."""

    def __init__(self, grace_s: float) -> None:
        self.grace_ms = grace_s * 1000
        self.lines: dict[int, dict[Line, float | None]] = {}  # by worker; until when a lost one lasts
        self.dying: list[tuple[float, set[str]]] = []  # people of killed workers, and when they are gone for sure

    def connect(self, worker: int, line: Line) -> None:
        self.lines[worker][line] = None

    def disconnect(self, worker: int, line: Line) -> None:
        self.lines[worker].pop(line, None)

    def connection_lost(self, worker: int, line: Line, now_ms: float) -> None:
        if line in self.lines[worker] and self.lines[worker][line] is None:
            self.lines[worker][line] = now_ms + self.grace_ms

    def kill(self, worker: int, now_ms: float) -> None:
        people = {person for person, _ in self.lines.pop(worker)}
        self.dying.append((now_ms + LATEST_S * 1000, people))

    def time_is(self, now_ms: float) -> None:
        for lines in self.lines.values():
            for line, ends_ms in list(lines.items()):
                if ends_ms is not None and ends_ms <= now_ms:
                    del lines[line]
        self.dying = [(gone_ms, people) for gone_ms, people in self.dying if gone_ms > now_ms]

    def here(self) -> set[str]:
        """Those who must be counted."""
        return {person for lines in self.lines.values() for person, _ in lines}

    def perhaps(self) -> set[str]:
        """Those who may be, and those who must."""
        return self.here().union(*(people for _, people in self.dying))

    def tabs(self) -> Counter[str]:
        up = (person for lines in self.lines.values() for (person, _), ends_ms in lines.items() if ends_ms is None)
        return Counter(up)
