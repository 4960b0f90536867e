"""Begins a new epoch after the database was rolled back, so that no visit number is used twice and no total falls."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import UnusableDatabase
from koyjabo.base.core.i18n import N_
from koyjabo.base.database.models import Counter, DatabaseIdentity
from koyjabo.base.database.rows import raise_sequences
from koyjabo.base.models import SITE, Scope
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.models import Community
from .high_water import HighWaterMark
from .models import ROLLED_BACK_TOTAL, Adjustment

# Change counters. A rollback resets them to values that workers have already seen, so they restart at the epoch (ms),
# which is larger than any earlier value.
CHANGE_COUNTERS = (
    text("""
INSERT INTO watermarks (name, upto, version) VALUES ('changes', :epoch, 0) ON CONFLICT (name) DO UPDATE
SET upto = CASE WHEN watermarks.upto < :epoch THEN :epoch ELSE watermarks.upto + 1 END
"""),
    text("""
INSERT INTO access_version (id, version) VALUES (1, :epoch) ON CONFLICT (id) DO UPDATE
SET version = CASE WHEN access_version.version < :epoch THEN :epoch ELSE access_version.version + 1 END
"""),
)

SCOPES_PER_STATEMENT = 500
"""Number of scopes per statement."""

ROLLED_BACK_ACTION = "ledger.rolled_back"
ACCEPT_ACTION = "ledger.accept"
ROLLBACK_REASON = "the database went back"

ROLLBACK_ACTIONS = {
    ACCEPT_ACTION: N_("Server accepted"),
    ROLLED_BACK_ACTION: N_("Database rolled back"),
}


class LostVisits(NamedTuple):
    """The visits that a scope has lost in a rollback."""

    scope: Scope
    name: str  # the community's name; "" for the site
    acknowledged: int  # the highest total acknowledged or shown so far; the scope carries on from it
    stored: int  # the total in the database
    at_ms: int

    def as_object(self) -> dict[str, object]:
        """The lost visits, as shown in the audit log (specification: A rolled-back database)."""
        lost = self.acknowledged - self.stored
        return {
            "scope": self.scope,
            "from": self.acknowledged,
            "to": self.stored,
            "lost": lost,
            "at": iso(self.at_ms),
        }


class NewEpoch(NamedTuple):
    """What has changed with an epoch."""

    lost: list[LostVisits]  # the site's first; none if nothing was lost, or another worker began the epoch
    standing: dict[Scope, HighWaterMark]  # the counters of the requested scopes that still exist


def database_name(session: Session) -> str:
    """The database's name, generated together with its schema."""
    return session.scalars(select(DatabaseIdentity.name)).one()


def prepare_server(session: Session) -> None:
    """Prepare a server that has taken over for writing. It may be a copy without the sequences."""
    raise_sequences(session.connection())


def begin_epoch(session: Session, marks: Mapping[Scope, HighWaterMark], now_ms: int) -> NewEpoch:
    """Begin one new epoch for all scopes if the site's counter is below its mark. Scopes below their mark continue from
    it. Runs in the session's transaction, with the counter row locked.
    """
    locked = select(Counter).where(Counter.scope == SITE).with_for_update()  # locked first, as in every transaction
    site, lost = session.scalars(locked).one(), []
    if _is_rolled_back(session, _mark(site), marks[SITE]):
        raise_sequences(session.connection())
        epoch, revision = _next(session, marks, now_ms)
        for counter in [site, *_communities(session, marks)]:
            mark = marks[Scope(counter.scope)]
            if mark.total > counter.total and (counter is site or mark.epoch >= counter.epoch):
                lost.append(_raise(session, counter, mark, epoch, now_ms))
        session.flush()
        session.execute(update(Counter).values(epoch=epoch, revision=revision))
        for statement in CHANGE_COUNTERS:
            session.execute(statement, {"epoch": epoch})
        session.expire_all()
    return NewEpoch(lost, {Scope(counter.scope): _mark(counter) for counter in [site, *_communities(session, marks)]})


def lowered(session: Session, mark: HighWaterMark) -> HighWaterMark | None:
    """The site's counter, if an admin or a restore began its epoch below `mark` on purpose; None after a rollback."""
    current = _mark(session.scalars(select(Counter).where(Counter.scope == SITE)).one())
    return None if _is_rolled_back(session, current, mark) else current


def _next(session: Session, marks: Mapping[Scope, HighWaterMark], now_ms: int) -> tuple[int, int]:
    """A new epoch and revision, higher than any that are stored or were acknowledged."""
    stored = session.execute(select(func.max(Counter.epoch), func.max(Counter.revision))).one()
    epochs, revisions = [mark.epoch for mark in marks.values()], [mark.revision for mark in marks.values()]
    return max(now_ms, stored[0] + 1, max(epochs) + 1), max(now_ms, stored[1] + 1, max(revisions) + 1)


def _communities(session: Session, scopes: Iterable[Scope]) -> list[Counter]:
    """The counters of the communities among `scopes` that still exist."""
    rest, counters = iter(sorted(scope for scope in scopes if scope != SITE)), list[Counter]()
    while some := list(islice(rest, SCOPES_PER_STATEMENT)):
        counters += session.scalars(select(Counter).where(Counter.scope.in_(some)).order_by(Counter.scope)).all()
    return counters


def _is_rolled_back(session: Session, current: HighWaterMark, mark: HighWaterMark) -> bool:
    """Whether the counter was rolled back, or another server has noticed the rollback and continued from a lower
    total.
    """
    if mark.epoch >= current.epoch or mark.total <= current.total:
        return mark.is_above(current)
    begun = Adjustment.epoch == current.epoch, Adjustment.scope == SITE, Adjustment.kind == ROLLED_BACK_TOTAL
    return session.scalar(select(exists().where(*begun))) is True


def accept_server(session: Session, now_ms: int) -> tuple[str, int]:
    """Record that this PostgreSQL server is the primary, and ignore earlier timelines (`base.database.timelines`).
    Returns its address and timeline. Raises UnusableDatabase if it does not report its timeline.
    """
    connection = session.connection().connection.dbapi_connection
    server = connection.server  # type: ignore[union-attr]
    if server is None:
        raise UnusableDatabase("The server does not report its timeline, so it is never refused.")
    accepted_ms = max(now_ms, server.accepted_ms + 1)
    session.execute(update(DatabaseIdentity).values(accepted_ms=accepted_ms))
    Actor(None, "", "", now_ms).entry(ACCEPT_ACTION, Subject("total", "site", ""), timeline=server.timeline).store(
        session
    )
    info = connection.info  # type: ignore[union-attr]
    return f"{info.host}:{info.port}", server.timeline


def _mark(counter: Counter) -> HighWaterMark:
    return HighWaterMark(counter.epoch, counter.total, counter.revision)


def _raise(session: Session, counter: Counter, mark: HighWaterMark, epoch: int, now_ms: int) -> LostVisits:
    before, after = counter.total, mark.total
    scope, place = Scope(counter.scope), {"after_visit": counter.visits, "at_ms": now_ms}
    place |= {"epoch": epoch, "epoch_before": counter.epoch}
    totals = {"total_before": before, "total_after": after}
    session.add(Adjustment(scope=scope, kind=ROLLED_BACK_TOTAL, reason=ROLLBACK_REASON, **totals, **place))
    counter.total = after
    name = session.scalar(select(Community.name).where(Community.id == scope)) or ""
    return LostVisits(scope, name, after, before, now_ms)
