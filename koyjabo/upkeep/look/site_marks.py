"""Stores the mark of the site. Each worker keeps it in memory, and follows what others store."""

import threading
from contextlib import suppress
from functools import partial
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import InvalidInput, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.people.audit import log as audit
from koyjabo.people.audit.log import Subject
from . import queries
from .mark import Mark, mark_of
from .queries import StoredMark

MARK_POLL_S = 1.0
"""Interval between calls to `refresh`, s."""

CATCH_UP_MS = 100
"""Minimum time between two calls of `catch_up` that read the database, ms: strangers may ask for any mark."""

MARK_ACTIONS = {"mark.change": N_("Mark changed"), "mark.remove": N_("Mark removed")}


class SiteMarks:
    """Call `refresh` every MARK_POLL_S. `mark` is the site's mark, or None. `problem` says why a stored mark is left
    out; "" otherwise.
    """

    def __init__(self, base: Base) -> None:
        """Read the mark. Raises LedgerUnavailable."""
        self._database, self._clock = base.database, base.clock
        self._lock = threading.Lock()  # so that no earlier read is kept after a later one
        self._caught_up_ms = float("-inf")
        self._digest = ""  # of the stored mark
        self.mark: Mark | None = None
        self.problem = ""
        self._follow(self._read())

    def refresh(self) -> None:
        """Read what any worker or server has stored."""
        with self._lock, suppress(LedgerUnavailable):  # the next call tries again
            self._follow(self._read())

    def catch_up(self) -> None:
        """Refresh before the next poll, because a page names a mark that another worker has just stored."""
        now_ms = self._clock.elapsed_ms()
        if now_ms - self._caught_up_ms >= CATCH_UP_MS:
            self._caught_up_ms = now_ms
            self.refresh()

    def change(self, account: Account, mark: Mark | None) -> None:
        """Store a mark, or remove it. Raises Forbidden unless the account is a site admin, and LedgerUnavailable."""
        account.require_site_admin()
        self._database.write(partial(self._change, mark=mark, by=audit.actor(account, self._clock)))
        self.refresh()

    def _read(self) -> StoredMark:
        return self._database.read(partial(queries.newest, known=self._digest))

    def _follow(self, stored: StoredMark) -> None:
        """Check a mark that was stored like one that is uploaded."""
        if stored.digest == self._digest:
            return
        self.mark, self.problem = None, ""
        if stored.digest:
            try:
                self.mark = mark_of(stored.content)
            except InvalidInput as error:
                self.problem = error.details["mark"]
        self._digest = stored.digest

    def _change(self, session: Any, mark: Mark | None, by: audit.Actor) -> None:
        if queries.locked_digest(session) != (mark.digest if mark else ""):
            action = "mark.change" if mark else "mark.remove"
            queries.store(session, mark, by.entry(action, Subject("server", "", "")))
