"""Chart annotations as text."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.base.models import Scope
from koyjabo.counting.milestones import REACHED
from koyjabo.counting.rollback_queries import EVENT as ROLLED_BACK
from koyjabo.reports.annotation_queries import AnnotationEntry
from koyjabo.reports.services import ReportServices
from koyjabo.web.current import current
from koyjabo.web.i18n import count

SENTENCES: Mapping[str, LazyString] = {
    "total.set": _("The total was changed from %(before)s to %(after)s"),
    "visits.import": _("New visits were imported: %(new)s"),
    "ledger.restore": _("A backup was restored"),
    "ledger.repair": _("The numbers were repaired"),
    "server.version": _("Version %(version)s started"),
    REACHED: _("%(milestone)s visits reached"),
    ROLLED_BACK: _("The database was rolled back: %(lost)s visits lost"),
}
"""Sentences by audit log action or event type."""

ONE_LOST = _("The database was rolled back: 1 visit lost")


def init_app(app: Flask) -> None:
    app.jinja_env.filters["annotation"] = text


def notes(scope: Scope, first: str, last: str) -> list[tuple[str, str]]:
    """Return the day and text of each annotation on the days `first` to `last` (inclusive)."""
    entries = current()[ReportServices].annotations.between(scope, first, last)
    return [(entry.day, text(entry)) for entry in entries]


def text(annotation: AnnotationEntry) -> str:
    """Return the text in the current request's language. An admin's text is returned unchanged."""
    if not annotation.action:
        return annotation.text
    values = {name: count(value) if type(value) is int else value for name, value in annotation.details.items()}
    is_one_lost = annotation.action == ROLLED_BACK and annotation.details["lost"] == 1
    return str(ONE_LOST if is_one_lost else SENTENCES[annotation.action]) % values
