"""Lists, disables and logs out users, and changes their site roles, for admins and the operator. Site viewers see the
lists without emails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import Forbidden
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import MASKED, OPERATOR, SITE_ADMIN, Account, uuid_of
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Page
from koyjabo.base.models import User
from koyjabo.base.settings.schema import Settings
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.accounts.queries import remove_second_factors, revoke_all
from koyjabo.people.accounts.users import user_admin_queries
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor

USER_ORDERS = tuple(user_admin_queries.ORDERS)


class Users:
    """Administration of users, for site admins and OPERATOR. Viewers may use `page`, `get` and `communities_of`, and
    get masked emails. Raises Forbidden for other accounts, UnknownUser, LedgerUnavailable.

    After a commit, `on_revoked` is called with the id of the changed user. `unlock` clears the failed logins of an
    email key.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        on_revoked: Callable[[str], object],
        unlock: Callable[[str], object],
        settings: Settings,
    ) -> None:
        self._on_revoked = on_revoked
        self._unlock = unlock
        self._settings = settings
        self._database = database
        self._clock = clock

    def page(
        self, account: Account, query: str = "", start: int = 0, count: int = 20, order: str = "-created"
    ) -> Page[User]:
        """A page of `count` users from the offset `start`. `query` is an id, or words that occur in the name or, for
        admins, in the email. `order` is one of USER_ORDERS, prefixed with "-" for descending.
        """
        account.require_site_viewer()
        args = (query, start, count, self._clock.now_ms(), account.is_admin, order)
        page = self._database.report(user_admin_queries.page, *args)
        for user in page.items:
            _mask(user, account)
        return page

    def get(self, account: Account, user_id: str) -> User:
        account.require_site_viewer()
        user = self._database.read(user_admin_queries.find, uuid_of(user_id) or "", self._clock.now_ms())
        _mask(user, account)
        return user

    def get_by_email(self, account: Account, email: str) -> User:
        account.require_site_admin()
        return self._database.read(user_admin_queries.find_by_email, email, self._clock.now_ms())

    def communities_of(self, account: Account, user_id: str, start: int = 0, count: int = 20) -> Page[Any]:
        """The user's memberships sorted by the community's name, including archived ones."""
        account.require_site_viewer()
        return self._database.report(user_admin_queries.communities_of, uuid_of(user_id) or "", start, count)

    def set_role(self, account: Account, user_id: str, role: str) -> User:
        """Give a user one of SITE_ROLES.

        A new admin who needs two-step login but has not set it up is logged out. Raises LastAdmin for the last admin
        who can log in, unless `account` is OPERATOR, who can always create another admin.
        """

        def change(session: Any, user: User, by: Actor) -> None:
            before = user_admin_queries.set_role(session, user, role, self._settings.require_two_factor, by.at_ms)
            if role != before:
                action = "user.promote" if role == SITE_ADMIN else "user.role"
                action = "user.demote" if before == SITE_ADMIN else action
                by.entry(action, subject(user), role=role, before=before).store(session)

        return self._change(account, user_id, change, needs_another_admin=role != SITE_ADMIN)

    def disable(self, account: Account, user_id: str) -> User:
        """Disable a user, which ends all their sessions and refuses new ones. Raises LastAdmin like `set_role`, and
        Forbidden for the caller's own account.
        """
        if uuid_of(user_id) == account.id:
            raise Forbidden(N_("You cannot disable your own account. Ask another site admin."))

        def change(session: Any, user: User, by: Actor) -> None:
            if user.disabled_ms is None:
                user_admin_queries.disable(session, user, by.at_ms)
                by.entry("user.disable", subject(user)).store(session)

        return self._change(account, user_id, change, needs_another_admin=True)

    def enable(self, account: Account, user_id: str) -> User:
        """Enable a user, and clear all failed logins."""

        def change(session: Any, user: User, by: Actor) -> None:
            if user.disabled_ms is not None:
                user.disabled_ms = None
                by.entry("user.enable", subject(user)).store(session)

        user = self._change(account, user_id, change)
        self._unlock(email_key(user.email))
        return user

    def unlock(self, account: Account, user_id: str) -> User:
        """Clear an account's failed logins, so that its logins are no longer limited."""

        def change(session: Any, user: User, by: Actor) -> None:
            by.entry("user.unlock", subject(user)).store(session)

        user = self._change(account, user_id, change)
        self._unlock(email_key(user.email))
        return user

    def log_out(self, account: Account, user_id: str) -> User:
        """End all sessions of a user."""

        def change(session: Any, user: User, by: Actor) -> None:
            if revoke_all(session, user.id, by.at_ms):
                by.entry("user.log_out", subject(user)).store(session)

        return self._change(account, user_id, change)

    def reset_second_factor(self, account: Account, user_id: str) -> User:
        """Remove a user's two-step login when they have lost access to it, and end all their sessions. Raises Forbidden
        for the caller's own account.
        """
        if uuid_of(user_id) == account.id:
            raise Forbidden(N_("You cannot reset your own two-step login. Ask another site admin."))

        def change(session: Any, user: User, by: Actor) -> None:
            if user.second_factor_ms is not None:
                by.entry("second_factor.reset", subject(user)).store(session)
            remove_second_factors(session, user.id)
            revoke_all(session, user.id, by.at_ms)

        return self._change(account, user_id, change)

    def _change(
        self,
        account: Account,
        user_id: str,
        change: Callable[[Any, User, Actor], None],
        needs_another_admin: bool = False,
    ) -> User:
        """Change a locked user, and return them. The changed user is read before the commit: a later read could fail,
        as if nothing had changed.
        """
        account.require_site_admin()
        by, key = log.actor(account, self._clock), uuid_of(user_id) or ""

        def operation(session: Any) -> User:
            if needs_another_admin and account is not OPERATOR:
                user_admin_queries.require_another_admin(session, key)
            change(session, user_admin_queries.locked(session, key), by)
            session.flush()
            return user_admin_queries.find(session, key, by.at_ms)

        user = self._database.write(operation)
        self._on_revoked(user.id)
        return user


def _mask(user: User, account: Account) -> None:
    """Hide the email from viewers. The user is detached, so this changes nothing in the database."""
    if not account.is_admin:
        user.email = MASKED
