"""Details of a record of the audit log beside its sentence: names and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.audit.log import AuditRecord
from koyjabo.webkit.i18n import count, translated

FIELDS: Mapping[str, LazyString] = {
    "name": _("Name"),
    "description": _("Description"),
    "is_open": _("Open"),
    "is_listed": _("Listed"),
    "count_anonymous": _("Count all visits"),
    "public_count": _("Public numbers"),
}
"""The fields of a community."""

LABELS: Mapping[str, LazyString] = {
    "failures": _("Failed logins in a row"),
    "sessions": _("Sessions"),
    "browser": _("Browser"),
    "from": _("Place"),
    "reason": _("Reason"),
    "new_epoch": _("New count"),
    "error": _("Error"),
    "problems": _("Problems"),
    "rows": _("Rows"),
    "made_at": _("Made"),
    "total": _("Total"),
    "known": _("Known visits"),
    "program": _("Program"),
    "kind": _("Format"),
    "first_day": _("From"),
    "last_day": _("To"),
    "place": _("Place"),
    "page": _("Page"),
    "source": _("Source"),
    "who": _("Traffic"),
    "day": _("Day"),
    "note": _("Annotation"),
    "taken_over": _("Second factors, share links and invitations ended"),
}
"""Other names in details that are shown; the rest is in the sentence, or ids."""


class Detail(NamedTuple):
    label: str
    value: str
    before: str | None = None  # of a change


def details(line: AuditRecord) -> list[Detail]:
    if isinstance(line.details.get("now"), dict):
        return list(_changes(line.details["now"], line.details.get("was") or {}))
    named = {**line.details, **_days(line.details.get("filter") or {})}
    known = ((name, named[name]) for name in LABELS if name in named)
    return [Detail(str(LABELS[name]), _words(value)) for name, value in known if value not in ("", None, False, [])]


def _days(conditions: dict[str, str]) -> dict[str, str]:
    """Of an export of the log. Its other conditions are names of actions and ids."""
    return {name: value for name, value in conditions.items() if name in ("first_day", "last_day")}


def _changes(now: dict[str, Any], was: dict[str, Any]) -> Iterator[Detail]:
    for name, value in now.items():
        yield Detail(str(FIELDS.get(name, name)), _words(value), _words(was.get(name)))


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, int):
        return count(value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return translated(value) if value else "–"
