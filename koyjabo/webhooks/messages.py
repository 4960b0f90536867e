"""Messages about events, to be read on a phone or in a channel. They are in English, because the readers' language is
not known. Community names are treated as plain text, because users choose them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from koyjabo.core.sanitize import DIRECTION_MARKS
from koyjabo.models import SITE

Data = Mapping[str, Any]

URGENT, USUAL, QUIET = 5, 3, 2
"""Priorities, with the values that ntfy uses."""


class Occurrence(NamedTuple):
    """An event to send. `community` is its community's name; None for an event of the site or of a deleted
    community.
    """

    type: str
    at_ms: int
    scope: str
    community: str | None
    data: Data


class Message(NamedTuple):
    """A message for people. `path` is the page with details, below PUBLIC_URL. `tag` is ntfy's short code
    for an emoji.
    """

    title: str
    text: str
    path: str
    priority: int = USUAL
    tag: str = "bell"


def message(event: Occurrence) -> Message:
    """The message. Missing fields are left out, because the event may come from an older version."""
    return WORDS[event.type](event.data, _place(event), _path(event))


def _place(event: Occurrence) -> str:
    if event.community is None and event.scope == SITE:
        return "the site"
    return " ".join(DIRECTION_MARKS.sub("", event.community or "").split()) or "a community"


def _path(event: Occurrence) -> str:
    return "/admin" if event.community is None else f"/admin/communities/{event.scope}"


def number(value: Any) -> str:
    """Format a number: `10,000`; "?" for anything else."""
    return f"{round(value):,}" if isinstance(value, int | float) else "?"


def _milestone(data: Data, place: str, path: str) -> Message:
    visits = number(data.get("milestone"))
    return Message(f"{visits} visits", f"{_upper(place)} has reached {visits} visits.", path, tag="tada")


def _total_set(data: Data, place: str, path: str) -> Message:
    text = f"The total was set from {number(data.get('from'))} to {number(data.get('to'))}."
    return Message("The total was set", text, "/receipt", tag="pencil2")


def _spike(data: Data, place: str, path: str) -> Message:
    return Message("Far more visits than usual", _compared(data, 10), path, 4, "chart_with_upwards_trend")


def _drop(data: Data, place: str, path: str) -> Message:
    return Message("Far fewer visits than usual", _compared(data, 30), path, 4, "chart_with_downwards_trend")


def _compared(data: Data, minutes: int) -> str:
    return f"{number(data.get('visits'))} visits in {minutes} minutes; usually {number(data.get('usual'))}."


def _conversion(data: Data, place: str, path: str) -> Message:
    return Message("A visitor has become a user", f"In {place}.", path, tag="seedling")


def _occupied(data: Data, place: str, path: str) -> Message:
    return Message(f"Someone is in {place}", f"People online: {number(data.get('count'))}.", path, tag="wave")


def _vacated(data: Data, place: str, path: str) -> Message:
    return Message(f"No one is in {place} any more", "The last person has left.", path, QUIET, "zzz")


def _joined(data: Data, place: str, path: str) -> Message:
    text = f"People online: {number(data.get('count'))}."
    return Message(f"A member is online in {place}", text, path, QUIET, "green_circle")


def _left(data: Data, place: str, path: str) -> Message:
    return Message(f"A member has left {place}", f"People online: {number(data.get('count'))}.", path, QUIET, "door")


def _health(data: Data, place: str, path: str) -> Message:
    changes = [change for change in data.get("checks", ()) if isinstance(change, Mapping)]
    lines = [f"{change.get('check')}: {_level(change.get('from'))} → {_level(change.get('to'))}" for change in changes]
    is_red = any(_level(change.get("to")) == "red" for change in changes)
    text = "\n".join(lines) or "A check has changed."
    return Message("Health has changed", text, "/admin/server", *((URGENT, "rotating_light") if is_red else ()))


def _level(level: Any) -> str:
    """The colour that pages show for a level."""
    return {"good": "green", "warning": "amber", "danger": "red"}.get(str(level), "?")


def _recount(data: Data, place: str, path: str) -> Message:
    if data.get("error"):
        return Message("A recount failed", f"It could not be finished: {data['error']}", "/receipt", 4, "warning")
    text = "A recount found figures that differ from the visits."
    return Message("A recount found a difference", text, "/receipt", URGENT, "warning")


def _rolled_back(data: Data, place: str, path: str) -> Message:
    lost = number(data.get("lost"))
    text = f"{_upper(place)}: the database was rolled back, and {lost} visits are missing. A new epoch has begun."
    return Message("The database was rolled back", text, "/admin/server", URGENT, "rotating_light")


def _verified(data: Data, place: str, path: str) -> Message:
    return Message("A backup is verified", "It was restored, and its figures match.", "/admin/data", QUIET, "lock")


def _backup_failed(data: Data, place: str, path: str) -> Message:
    return Message("A backup has failed", "See the Data page for the reason.", "/admin/data", URGENT, "warning")


def _test(data: Data, place: str, path: str) -> Message:
    return Message("A test", "This webhook works.", "/admin/webhooks", tag="white_check_mark")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


WORDS: dict[str, Callable[[Data, str, str], Message]] = {
    "milestone.reached": _milestone,
    "total.set": _total_set,
    "traffic.spike": _spike,
    "traffic.drop": _drop,
    "conversion.made": _conversion,
    "community.occupied": _occupied,
    "community.vacated": _vacated,
    "member.joined": _joined,
    "member.left": _left,
    "health.changed": _health,
    "recount.failed": _recount,
    "ledger.rolled_back": _rolled_back,
    "backup.verified": _verified,
    "backup.failed": _backup_failed,
    "test": _test,
}
