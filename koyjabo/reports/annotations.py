"""Chart annotations: admins' notes, milestones, visits lost in rollbacks, and audit log entries that explain why
numbers changed.
"""

import uuid
from datetime import date
from typing import Any

from koyjabo.base.core.clock import NOT_A_DAY, Days, typed_days
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.database.rows import typed
from koyjabo.base.models import SITE, Annotation, Scope
from koyjabo.counting.milestones import REACHED
from koyjabo.counting.queries import AnnouncedEvent, events_within
from koyjabo.counting.rollback_queries import EVENT as ROLLED_BACK
from koyjabo.people.audit.log import CHANGES, Changes, Subject, Transaction, transaction
from . import annotation_queries
from .annotation_queries import MAX_ANNOTATIONS, VERSION_STARTED, AnnotationEntry

MAX_LENGTH = 200
"""Maximum length of a text, in characters."""

TEXT_LENGTH = N_("must have 1 to 200 characters and not only spaces")
LATER = N_("must not be later than today")


ANNOUNCED = (REACHED, ROLLED_BACK)
"""Events that annotate the charts of their scope."""

CHANGES |= {
    "annotation.add": N_("Note added"),
    "annotation.remove": N_("Note removed"),
}


class Annotations(Changes):
    """The annotations of a scope. Only site admins may change them: raises Forbidden for other accounts. Also raises
    LedgerUnavailable.
    """

    def between(self, scope: Scope, first: str, last: str) -> list[AnnotationEntry]:
        """Return the annotations on the days `first` to `last` (inclusive), oldest first, but only the newest
        MAX_ANNOTATIONS. Audit log entries appear only on the site's charts.
        """
        entries = self._database.read(annotation_queries.noted, scope, first, last)
        days = self._clock.range_ms(Days(date.fromisoformat(first), date.fromisoformat(last)))
        events = self._database.read(events_within, scope, ANNOUNCED, *days, MAX_ANNOTATIONS)
        entries += [self._annotate(event.at_ms, event.type, event.data) for event in events]
        if scope == SITE:
            for change in reversed(self._database.read(annotation_queries.recorded, *days)):
                # The first start of a new site, or of the first version that records starts, is no change.
                if change.action != VERSION_STARTED or change.details["before"]:
                    entries.append(self._annotate(change.at_ms, change.action, change.details))
        return sorted(entries, key=lambda entry: (entry.day, entry.at_ms))[-MAX_ANNOTATIONS:]

    def last_milestone(self, began_ms: int) -> AnnouncedEvent | None:
        """The event of the last milestone since `began_ms`, with the number as `data["milestone"]`."""
        return next(iter(self._database.read(events_within, SITE, (REACHED,), began_ms, None, 1)), None)

    @transaction
    def add(self, tx: Transaction, account: Account, scope: Scope, day: str, text: str) -> str:
        """Add an annotation and return its id. `day` is as typed. Raises InvalidInput by field."""
        account.require_site_admin()
        text = " ".join(typed(text).split())
        if not 1 <= len(text) <= MAX_LENGTH:
            raise InvalidInput(details={"text": TEXT_LENGTH})
        try:
            typed_day, _ = typed_days(day, "")
        except InvalidInput:
            typed_day = None
        if typed_day is None:
            raise InvalidInput(details={"day": NOT_A_DAY})
        day = typed_day.isoformat()
        if day > self._clock.today():
            raise InvalidInput(details={"day": LATER})
        note_id = str(uuid.uuid4())
        note = Annotation(id=note_id, scope=scope, day=day, text=text, created_ms=tx.at_ms)
        tx.session.add(note)
        _log(tx, "annotation.add", note)
        return note_id

    @transaction
    def remove(self, tx: Transaction, account: Account, annotation_id: str) -> Annotation:
        """Remove an annotation and return it. Raises UnknownAnnotation."""
        account.require_site_admin()
        removed = annotation_queries.remove(tx.session, annotation_id)
        _log(tx, "annotation.remove", removed)
        return removed

    def _annotate(self, at_ms: int, action: str, details: dict[str, Any]) -> AnnotationEntry:
        return AnnotationEntry(self._clock.bucket(at_ms).day, at_ms, action=action, details=details)


def _log(tx: Transaction, action: str, note: Annotation) -> None:
    tx.log(action, Subject("annotation", note.id, ""), day=note.day, note=note.text)
