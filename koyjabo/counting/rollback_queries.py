"""Begins a new epoch after the database went back, so that no ordinal is given twice and no total falls."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.orm import Session

from koyjabo.audit.log import CHANGES, Actor, Subject
from koyjabo.core.clock import iso
from koyjabo.core.errors import UnusableDatabase
from koyjabo.core.i18n import N_
from koyjabo.counting.high_water import HighWaterMark
from koyjabo.models import SITE, Adjustment, Community, Counter, DatabaseIdentity, Scope, WebhookEvent
from koyjabo.models.ledger import ROLLED_BACK

# Numbers by which workers notice what has changed. They went back, too, and each next one may have been seen before, so
# they continue from the epoch (ms), which is greater than all of them.
NOTICED = (
    text("""
INSERT INTO watermarks (name, upto, version) VALUES ('changes', :epoch, 0) ON CONFLICT (name) DO UPDATE
SET upto = CASE WHEN watermarks.upto < :epoch THEN :epoch ELSE watermarks.upto + 1 END
"""),
    text("""
INSERT INTO access_version (id, version) VALUES (1, :epoch) ON CONFLICT (id) DO UPDATE
SET version = CASE WHEN access_version.version < :epoch THEN :epoch ELSE access_version.version + 1 END
"""),
)

AT_ONCE = 500
"""Scopes in one statement."""

EVENT = "ledger.rolled_back"
ACCEPT = "ledger.accept"
REASON = "the database went back"

CHANGES |= {
    ACCEPT: N_("Server accepted"),
    EVENT: N_("Database rolled back"),
}


class LostVisits(NamedTuple):
    """What a scope has lost."""

    scope: Scope
    name: str  # of the community; "" for the site
    acknowledged: int  # the greatest total that was acknowledged or shown, from which the scope goes on
    found: int  # the total of the database
    at_ms: int

    def as_object(self) -> dict[str, object]:
        """As in the audit log and the webhook event (specification: A database that goes back)."""
        lost = self.acknowledged - self.found
        return {
            "scope": self.scope,
            "from": self.acknowledged,
            "to": self.found,
            "lost": lost,
            "at": iso(self.at_ms),
        }


class NewEpoch(NamedTuple):
    lost: list[LostVisits]  # the site first; empty when the database had not gone back, or another worker was first
    standing: dict[Scope, HighWaterMark]  # the counters now, of the scopes that were asked for and exist


def database_name(session: Session) -> str:
    """The name that the database got with its schema."""
    return session.scalars(select(DatabaseIdentity.name)).one()


def begin_epoch(session: Session, marks: Mapping[Scope, HighWaterMark], now_ms: int) -> NewEpoch:
    """Begin one new epoch for all scopes if the site's counter stands below its mark, in the session's transaction,
    under the lock of the counter row. Each scope that stands below goes on from its mark.
    """
    locked = select(Counter).where(Counter.scope == SITE).with_for_update()  # first, as every transaction does
    site, lost = session.scalars(locked).one(), []
    if _went_back(session, _mark(site), marks[SITE]):
        epoch, revision = _next(session, marks, now_ms)
        for counter in [site, *_communities(session, marks)]:
            mark = marks[Scope(counter.scope)]
            if mark.total > counter.total and (counter is site or mark.epoch >= counter.epoch):
                lost.append(_raise(session, counter, mark, epoch, now_ms))
        session.flush()
        session.execute(update(Counter).values(epoch=epoch, revision=revision))
        for statement in NOTICED:
            session.execute(statement, {"epoch": epoch})
        session.expire_all()
    return NewEpoch(lost, {Scope(each.scope): _mark(each) for each in [site, *_communities(session, marks)]})


def lowered(session: Session, mark: HighWaterMark) -> HighWaterMark | None:
    """Where the site's counter stands in an epoch that was begun below `mark` on purpose, by an admin or a restore.
    None if the database went back.
    """
    found = _mark(session.scalars(select(Counter).where(Counter.scope == SITE)).one())
    return None if _went_back(session, found, mark) else found


def _next(session: Session, marks: Mapping[Scope, HighWaterMark], now_ms: int) -> tuple[int, int]:
    """Epoch and revision, greater than all that are stored or were acknowledged."""
    stored = session.execute(select(func.max(Counter.epoch), func.max(Counter.revision))).one()
    epochs, revisions = [mark.epoch for mark in marks.values()], [mark.revision for mark in marks.values()]
    return max(now_ms, stored[0] + 1, max(epochs) + 1), max(now_ms, stored[1] + 1, max(revisions) + 1)


def _communities(session: Session, scopes: Iterable[Scope]) -> list[Counter]:
    """The counters of those that exist."""
    rest, found = iter(sorted(scope for scope in scopes if scope != SITE)), list[Counter]()
    while some := list(islice(rest, AT_ONCE)):
        found += session.scalars(select(Counter).where(Counter.scope.in_(some)).order_by(Counter.scope)).all()
    return found


def _went_back(session: Session, found: HighWaterMark, mark: HighWaterMark) -> bool:
    """Also where another server has begun the epoch of `found` for that reason, and went on from less."""
    if mark.epoch >= found.epoch or mark.total <= found.total:
        return mark.is_above(found)
    begun = Adjustment.epoch == found.epoch, Adjustment.scope == SITE, Adjustment.kind == ROLLED_BACK
    return session.scalar(select(exists().where(*begun))) is True


def accept_server(session: Session, now_ms: int) -> tuple[str, int]:
    """Say that this server of PostgreSQL is the right one, whichever timelines were seen (`database.timelines`).

    Returns its address and its timeline. Raises UnusableDatabase if it does not say which one it is.
    """
    connection = session.connection().connection.dbapi_connection
    server = connection.server  # type: ignore[union-attr]
    if server is None:
        raise UnusableDatabase("The server does not say on which timeline it is, so it is never refused.")
    accepted_ms = max(now_ms, server.accepted_ms + 1)
    session.execute(update(DatabaseIdentity).values(accepted_ms=accepted_ms))
    Actor(None, "", "", now_ms).entry(ACCEPT, Subject("total", "site", ""), timeline=server.timeline).store(session)
    info = connection.info  # type: ignore[union-attr]
    return f"{info.host}:{info.port}", server.timeline


def _mark(counter: Counter) -> HighWaterMark:
    return HighWaterMark(counter.epoch, counter.total, counter.revision)


def _raise(session: Session, counter: Counter, mark: HighWaterMark, epoch: int, now_ms: int) -> LostVisits:
    before, after = counter.total, mark.total
    scope, place = Scope(counter.scope), {"after_visit": counter.visits, "at_ms": now_ms}
    place |= {"epoch": epoch, "epoch_before": counter.epoch}
    totals = {"total_before": before, "total_after": after}
    session.add(Adjustment(scope=scope, kind=ROLLED_BACK, reason=REASON, **totals, **place))
    counter.total = after
    name = session.scalar(select(Community.name).where(Community.id == scope)) or ""
    lost = LostVisits(scope, name, after, before, now_ms)
    session.add(
        WebhookEvent(
            id=str(uuid.uuid4()),
            type=EVENT,
            key=f"rolled_back:{scope}:{epoch}",
            scope=scope,
            at_ms=now_ms,
            data=json.dumps(lost.as_object()),
        )
    )
    return lost
