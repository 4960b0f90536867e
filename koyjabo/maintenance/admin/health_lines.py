"""A check of Health in words: its state, its sentence, its cause, what to do, and where the guide has more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import current_app, url_for
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from koyjabo.maintenance.admin.backups import reason
from koyjabo.maintenance.admin.health_words import (
    ADVICE,
    CANNOT_BE_READ,
    CAUSES,
    GREY,
    LABELS,
    REMEDIES,
    SECTIONS,
    SENTENCES,
    STATES,
    UNKNOWN,
)
from koyjabo.maintenance.health.checks import DANGER, UNREAD, WARNING, HealthCheck
from koyjabo.webkit.i18n import clock_time, count, digits, size

LINK = Markup('<a href="{}">{}</a>')
IN_DATA = {"backups": "backups-label", "recount": "recount-label"}
"""Where the page Data has more, by the name of the check."""


class CheckInWords(NamedTuple):
    """`sentence`, `cause` and `advice` are translated by the page, the first and the last with the `values`."""

    name: str
    level: str
    state: object
    label: object
    sentence: str
    cause: str
    advice: str  # what to do; "" if there is nothing to do
    section: str  # the anchor in docs/troubleshooting.md; "" if nothing is wrong
    values: dict[str, object]


def in_words(check: HealthCheck, is_admin: bool) -> CheckInWords:
    key, cause = f"{check.name}.{check.code}", str(check.values.get("cause", ""))
    is_wrong = check.level in (WARNING, DANGER)
    return CheckInWords(
        check.name,
        check.level,
        UNKNOWN if check.code == UNREAD else GREY.get(key, STATES[check.level]),
        LABELS[check.name],
        CANNOT_BE_READ if check.code == UNREAD else SENTENCES[key],
        CAUSES.get(cause, ""),
        REMEDIES.get(cause) or ADVICE.get(key, ""),
        SECTIONS.get(cause) or SECTIONS.get(key) or SECTIONS.get(check.name, "") if is_wrong else "",
        {**_links(check.name, is_admin), **_written(check.values, is_admin)},
    )


def _links(name: str, is_admin: bool) -> dict[str, object]:
    """The pages that texts name. Viewers have no page of webhooks."""
    return {
        "data": LINK.format(url_for("admin.data", _anchor=IN_DATA.get(name)), _("Data")),
        "webhooks": LINK.format(url_for("admin.webhooks"), _("Webhooks")) if is_admin else _("Webhooks"),
    }


def _written(values: Mapping[str, object], is_admin: bool) -> dict[str, object]:
    """Errors of backups may have a path, which viewers do not see."""
    shown = {name: value for name, value in values.items() if is_admin or name != "error"}
    return {"error": "", **{name: WRITTEN.get(name, digits)(value) for name, value in shown.items()}}


def _moment(at_ms: Any) -> object:
    return current_app.jinja_env.filters["moment"](at_ms)


def _age(at_ms: Any) -> object:
    return current_app.jinja_env.filters["age"](at_ms)


WRITTEN: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(("count", "wanted", "visits", "days", "seconds", "counted", "restored", "refused"), count),
    **dict.fromkeys(("size", "free", "total"), size),
    "schema": lambda schema: count(int(schema)),
    **dict.fromkeys(("at", "failed_at"), _moment),
    "ago": _age,
    "error": reason,
    "host": str,
    "since": clock_time,
}
"""How the values of checks are written, by their names; all others with the digits of the language."""
