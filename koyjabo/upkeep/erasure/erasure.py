"""Erases all data of a visitor, without changing any total."""

import logging
import time
from collections.abc import Collection
from contextlib import suppress
from functools import partial

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import LedgerUnavailable, NotYetForgotten, UnknownVisitor
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.core.runtime import Advance
from koyjabo.base.database.outage_causes import reason_of
from koyjabo.base.database.throttle import Throttle
from koyjabo.base.jobs.running_jobs import RunningJobs
from koyjabo.base.models import SITE
from koyjabo.columns.columns import Columns
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.audit.queries import AuditRecord
from . import erasure_queries
from .erasure_queries import Renamed

logger = logging.getLogger(__name__)

VISITOR_SUBJECT = Subject("visitor", "", "")
"""Subject of the audit entry, which must not identify the erased visitor."""

ERASURE_JOB = "erasure"
ERASURE_JOBS = {ERASURE_JOB: N_("Erasing a visitor")}
ERASURE_ACTIONS = {"visitor.forget": N_("Visitor data erased")}

PATIENCE_S = 5.0
"""Time limit of one request, s. A visitor with a few visits a day over years is erased within milliseconds."""


class Erasure:
    """Erases visitors. After the commit, the signal `visitor_forgotten` is sent with the scopes of their visits.

    Erasing a visitor with a million visits takes minutes. If it is interrupted, visits renamed so far stay renamed, and
    the next call continues. All methods raise LedgerUnavailable.
    """

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._runtime = base.runtime
        self._drain = base.cluster.drain
        self._on_forgotten = base.signals.visitor_forgotten.send
        self._jobs = base.services[RunningJobs]
        self._columns = base.services[Columns]

    def count(self, visitor_id: str) -> int:
        """Number of the visitor's stored visits."""
        return self._database.report(erasure_queries.count_visits, visitor_id)

    def forget_oneself(self, *visitor_ids: str) -> None:
        """Erase a visitor, with all their ids, at their own request. Knowing an id is sufficient proof. Does not reveal
        whether the ids existed. Raises NotYetForgotten after PATIENCE_S; repeat the call to continue.
        """
        by = Actor("", "", "", self._clock.now_ms())  # no location: the log must not identify the visitor
        began = time.monotonic()

        def advance(visits: int) -> None:
            if time.monotonic() - began > PATIENCE_S:
                raise NotYetForgotten

        for visitor_id in visitor_ids:
            with suppress(UnknownVisitor):
                self._forget(by, visitor_id, advance)

    def forget(self, visitor_id: str, advance: Advance = lambda visits: None, other_ids: Collection[str] = ()) -> None:
        """Erase a visitor, with all their ids, for the operator, without a time limit. `advance` is called with the
        number of visits erased since the last call. Raises UnknownVisitor if no id is known.
        """
        by, is_known = log.actor(OPERATOR, self._clock), False
        for any_id in (visitor_id, *other_ids):
            with suppress(UnknownVisitor):
                advance(self._forget(by, any_id, advance))
                is_known = True
        if not is_known:
            raise UnknownVisitor
        self._drain()  # notify the other workers, because the program ends right afterwards

    def begin(self, account: Account, visitor_id: str, other_ids: Collection[str] = ()) -> None:
        """Erase a visitor, with all their ids, in the background. This worker's running jobs show the progress. For
        site admins; raises Forbidden for other accounts, and UnknownVisitor if no id is known. If the worker exits
        before the work is finished, call this again.
        """
        account.require_site_admin()
        known_ids = [known_id for known_id in (visitor_id, *other_ids) if self.is_known(known_id)]
        if not known_ids:
            raise UnknownVisitor
        by = log.actor(account, self._clock)
        self._runtime.start_task(partial(self._work, by, known_ids))

    def is_known(self, visitor_id: str) -> bool:
        return SITE in self._database.report(erasure_queries.scopes_of, visitor_id)

    def _work(self, by: Actor, visitor_ids: list[str]) -> None:
        try:
            with self._jobs.reported(ERASURE_JOB)(sum(map(self.count, visitor_ids)), "") as advance:
                for visitor_id in visitor_ids:
                    with suppress(UnknownVisitor):  # another request has erased the visitor in the meantime
                        advance(self._forget(by, visitor_id, advance))
        except (LedgerUnavailable, NotYetForgotten) as error:
            logger.warning("erasure_interrupted cause=%r", reason_of(error))
        except Exception:
            logger.exception("erasure_failed")

    def _forget(self, by: Actor, visitor_id: str, advance: Advance) -> int:
        """Erase one id. Returns the number of visits in the last batch, without reporting it to `advance`, because
        `advance` may raise an error, and the signal must still be sent after the commit.
        """
        scopes = self._database.report(erasure_queries.scopes_of, visitor_id)
        throttle = Throttle(self._database)
        if SITE not in scopes:
            while throttle.do(erasure_queries.rename_events, self._columns, visitor_id):
                advance(0)
            raise UnknownVisitor

        def entry(piece: Renamed) -> AuditRecord | None:
            return None if piece.has_more else by.entry("visitor.forget", VISITOR_SUBJECT)

        while (piece := throttle.do(erasure_queries.erase, self._columns, visitor_id, scopes, audit=entry)).has_more:
            while piece.has_more:
                scopes |= piece.scopes
                advance(piece.visits)
                piece = throttle.do(erasure_queries.rename_visits, self._columns, visitor_id)
            scopes |= piece.scopes
            advance(piece.visits)
        self._on_forgotten(visitor_id, scopes=scopes | piece.scopes)
        return piece.visits
