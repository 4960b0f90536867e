"""Queries for annotations: stored notes, and audit log entries that are shown as annotations."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.i18n import N_
from koyjabo.base.database.rows import changed_rows
from koyjabo.base.models import Annotation, Scope
from koyjabo.people.audit import queries as audit_queries
from koyjabo.people.audit.queries import AuditRecord, Selection

VERSION_STARTED = "server.version"
ANNOTATING = ("total.set", "ledger.restore", "ledger.repair", VERSION_STARTED)
"""Audit log actions that annotate charts."""

MAX_ANNOTATIONS = 2_400
"""Maximum number of annotations, the same as the maximum number of periods in a chart
(`koyjabo.reports.query.report_query`).
"""


class UnknownAnnotation(KoyJaboError):
    status = 404
    sentence = N_("Note not found. It may already have been removed.")


class AnnotationEntry(NamedTuple):
    """An entry about a day: an admin's text with its id, or an event or audit log action with its details."""

    day: str  # YYYY-MM-DD in TIMEZONE
    at_ms: int  # when it was written
    text: str = ""
    id: str = ""
    action: str = ""
    details: Mapping[str, Any] = {}


def noted(session: Session, scope: Scope, first: str, last: str) -> list[AnnotationEntry]:
    """Return the notes on these days, but only the newest MAX_ANNOTATIONS."""
    query = select(Annotation).where(Annotation.scope == scope, Annotation.day.between(first, last))
    newest = query.order_by(Annotation.day.desc(), Annotation.created_ms.desc()).limit(MAX_ANNOTATIONS)
    notes = [AnnotationEntry(note.day, note.created_ms, note.text, note.id) for note in session.scalars(newest)]
    return notes[::-1]


def recorded(session: Session, began_ms: int | None, ended_ms: int | None) -> tuple[AuditRecord, ...]:
    """Return the records from this time range, but only the newest MAX_ANNOTATIONS."""
    which = Selection(actions=ANNOTATING, began_ms=began_ms, ended_ms=ended_ms)
    return audit_queries.newest(session, audit_queries.within_days(session, which), MAX_ANNOTATIONS)


def remove(session: Session, annotation_id: str) -> Annotation:
    """Remove a note and return it. Raises UnknownAnnotation."""
    note = session.get(Annotation, annotation_id)
    removal = delete(Annotation).where(Annotation.id == annotation_id).execution_options(synchronize_session=False)
    if note is None or not changed_rows(session, removal):
        raise UnknownAnnotation
    return note
