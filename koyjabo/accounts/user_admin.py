"""What admins of the site see of people with accounts, and do about them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from koyjabo.accounts import queries, user_admin_queries
from koyjabo.accounts.accounts import DISABLINGS, PROMOTIONS, changing
from koyjabo.accounts.queries import Changed, Whom
from koyjabo.accounts.user_admin_queries import Belonging, UserLine
from koyjabo.audit import log
from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.paging import Page
from koyjabo.errors import Forbidden, LastAdmin, UnknownUser
from koyjabo.identity import Account, uuid_of
from koyjabo.text import N_

__all__ = ["Belonging", "Page", "UserLine", "Users"]


class Users:
    """For admins of the site; everybody else is Forbidden. Raises UnknownUser, LedgerUnavailable.

    `on_loss` is called with the id of a user who has lost a right.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self.on_loss: Callable[[str], None] = lambda whose: None
        self._database = database
        self._clock = clock

    def page(self, account: Account, query: str = "", start: int = 0, count: int = 20) -> Page[UserLine]:
        """`count` of those with `query` in email or name, the newest first, after the first `start`."""
        account.require_site_admin()
        wanted = partial(user_admin_queries.page, query=query, start=start, count=count, now_ms=self._clock.now_ms())
        return self._database.report(wanted)

    def get(self, account: Account, user_id: str) -> UserLine:
        account.require_site_admin()
        found = self._database.read(
            partial(user_admin_queries.line, user_id=uuid_of(user_id) or "", now_ms=self._clock.now_ms())
        )
        if found is None:
            raise UnknownUser
        return found

    def communities_of(self, account: Account, user_id: str, start: int = 0, count: int = 20) -> Page[Belonging]:
        """What they are members of, by name, archived communities among it."""
        account.require_site_admin()
        wanted = partial(user_admin_queries.communities_of, user_id=uuid_of(user_id) or "", start=start, count=count)
        return self._database.report(wanted)

    def promote(self, account: Account, user_id: str, is_admin: bool = True) -> UserLine:
        """Make somebody an admin of the site, or end that. Raises LastAdmin for the last one who can log in."""
        change = partial(queries.set_admin, whom=_whom(user_id), is_admin=is_admin)
        return self._change(account, user_id, change if is_admin else _sparing(change, user_id), PROMOTIONS[is_admin])

    def disable(self, account: Account, user_id: str, disabled: bool = True) -> UserLine:
        """End all their sessions and let them begin none, or let them again. Nobody disables themselves."""
        if disabled and uuid_of(user_id) == account.id:
            raise Forbidden(N_("Nobody disables their own account. Ask another admin of the site."))
        now_ms = self._clock.now_ms()
        change = partial(queries.set_disabled, whom=_whom(user_id), disabled=disabled, now_ms=now_ms)
        return self._change(account, user_id, _sparing(change, user_id) if disabled else change, DISABLINGS[disabled])

    def log_out(self, account: Account, user_id: str) -> UserLine:
        """End all their sessions."""
        change = partial(queries.log_out, whom=_whom(user_id), now_ms=self._clock.now_ms())
        return self._change(account, user_id, change, "user.log_out")

    def _change(self, account: Account, user_id: str, change: Callable[[Any], Changed], action: str) -> UserLine:
        account.require_site_admin()
        made = self._database.write(changing(log.author(account, self._clock), change, action))
        self.on_loss(made.person.id)
        return self.get(account, user_id)


def _whom(user_id: str) -> Whom:
    return Whom(id=uuid_of(user_id) or "")


def _sparing(change: Callable[[Any], Changed], user_id: str) -> Callable[[Any], Changed]:
    """The change, unless nobody could look after the site then: LastAdmin."""

    def spared(session: Any) -> Changed:
        if user_admin_queries.lock_admins(session) == {uuid_of(user_id)}:
            raise LastAdmin(N_("The site needs an admin who can log in. Make somebody else admin of it first."))
        return change(session)

    return spared
