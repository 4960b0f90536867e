"""Local hours and changes of the clock, worked out from the time zone by going back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

DAY_S = 86_400


def local_hour(at_ms: int, zone: ZoneInfo) -> tuple[str, int]:
    """The local day, and the first of the seconds up to this one that have its hour and its UTC offset."""
    at_s = began_s = at_ms // 1000
    shown = _shown(at_s, zone)
    for step_s in (60, 1):
        while _shown(began_s - step_s, zone) == shown:
            began_s -= step_s
    return shown[0], began_s


def changes(zone: ZoneInfo, first_year: int, last_year: int) -> Iterator[int]:
    """The moments when the zone's UTC offset changes, s since 1970."""
    began_s, ended_s = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (first_year, last_year + 1))
    for before_s in range(began_s, ended_s, DAY_S):
        after_s = before_s + DAY_S
        if _offset(before_s, zone) != _offset(after_s, zone):
            while after_s - before_s > 1:
                middle_s = (before_s + after_s) // 2
                is_before = _offset(middle_s, zone) == _offset(before_s, zone)
                before_s, after_s = (middle_s, after_s) if is_before else (before_s, middle_s)
            yield after_s


def _offset(at_s: int, zone: ZoneInfo) -> object:
    return datetime.fromtimestamp(at_s, zone).utcoffset()


def _shown(at_s: int, zone: ZoneInfo) -> tuple[str, int, object]:
    local = datetime.fromtimestamp(at_s, zone)
    return local.date().isoformat(), local.hour, local.utcoffset()
