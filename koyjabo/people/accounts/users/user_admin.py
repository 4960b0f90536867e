"""Lists, disables and logs out users, and changes their site roles, for admins and the operator. Site viewers see the
lists without emails.
"""

from collections.abc import Callable
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import Forbidden
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import MASKED_TEXT, OPERATOR, SITE_ADMIN, Account, uuid_of
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Slice
from koyjabo.base.settings.schema import Settings
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.accounts.queries import remove_two_step_login, revoke_all
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.models import User
from . import user_admin_queries

USER_ORDERS = tuple(user_admin_queries.USER_ORDER_COLUMNS)


class Users(Changes):
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
        super().__init__(database, clock, on_revoked)
        self._unlock = unlock
        self._settings = settings

    def page(
        self, account: Account, query: str = "", start: int = 0, count: int = 20, order: str = "-created"
    ) -> Slice[User]:
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

    def communities_of(self, account: Account, user_id: str, start: int = 0, count: int = 20) -> Slice[Any]:
        """The user's memberships sorted by the community's name, including archived ones."""
        account.require_site_viewer()
        return self._database.report(user_admin_queries.communities_of, uuid_of(user_id) or "", start, count)

    @transaction
    def set_role(self, tx: Transaction, account: Account, user_id: str, role: str) -> User:
        """Give a user one of SITE_ROLES.

        A new admin who needs two-step login but has not set it up is logged out. Raises LastAdmin for the last admin
        who can log in, unless `account` is OPERATOR, who can always create another admin.
        """
        user = _locked(tx, account, user_id, needs_another_admin=role != SITE_ADMIN)
        before = user_admin_queries.set_role(tx.session, user, role, self._settings.require_two_factor, tx.at_ms)
        if role != before:
            action = "user.promote" if role == SITE_ADMIN else "user.role"
            action = "user.demote" if before == SITE_ADMIN else action
            tx.log(action, subject(user), role=role, before=before)
        return _changed(tx, user)

    @transaction
    def disable(self, tx: Transaction, account: Account, user_id: str) -> User:
        """Disable a user, which ends all their sessions and refuses new ones. Raises LastAdmin like `set_role`, and
        Forbidden for the caller's own account.
        """
        if uuid_of(user_id) == account.id:
            raise Forbidden(N_("You cannot disable your own account. Ask another site admin."))
        user = _locked(tx, account, user_id, needs_another_admin=True)
        if user.disabled_ms is None:
            user_admin_queries.disable(tx.session, user, tx.at_ms)
            tx.log("user.disable", subject(user))
        return _changed(tx, user)

    def enable(self, account: Account, user_id: str) -> User:
        """Enable a user, and clear all failed logins."""
        user = self._enable(account, user_id)
        self._unlock(email_key(user.email))
        return user

    @transaction
    def _enable(self, tx: Transaction, account: Account, user_id: str) -> User:
        user = _locked(tx, account, user_id)
        if user.disabled_ms is not None:
            user.disabled_ms = None
            tx.log("user.enable", subject(user))
        return _changed(tx, user)

    def unlock(self, account: Account, user_id: str) -> User:
        """Clear an account's failed logins, so that its logins are no longer limited."""
        user = self._log_unlock(account, user_id)
        self._unlock(email_key(user.email))
        return user

    @transaction
    def _log_unlock(self, tx: Transaction, account: Account, user_id: str) -> User:
        user = _locked(tx, account, user_id)
        tx.log("user.unlock", subject(user))
        return _changed(tx, user)

    @transaction
    def log_out(self, tx: Transaction, account: Account, user_id: str) -> User:
        """End all sessions of a user."""
        user = _locked(tx, account, user_id)
        if revoke_all(tx.session, user.id, tx.at_ms):
            tx.log("user.log_out", subject(user))
        return _changed(tx, user)

    @transaction
    def reset_two_step_login(self, tx: Transaction, account: Account, user_id: str) -> User:
        """Remove a user's two-step login when they have lost access to it, and end all their sessions. Raises Forbidden
        for the caller's own account.
        """
        if uuid_of(user_id) == account.id:
            raise Forbidden(N_("You cannot reset your own two-step login. Ask another site admin."))
        user = _locked(tx, account, user_id)
        if user.second_factor_ms is not None:
            tx.log("second_factor.reset", subject(user))
        remove_two_step_login(tx.session, user.id)
        revoke_all(tx.session, user.id, tx.at_ms)
        return _changed(tx, user)


def _locked(tx: Transaction, account: Account, user_id: str, needs_another_admin: bool = False) -> User:
    """The user to change, locked. Raises Forbidden, LastAdmin, UnknownUser."""
    account.require_site_admin()
    row_id = uuid_of(user_id) or ""
    if needs_another_admin and account is not OPERATOR:
        user_admin_queries.require_another_admin(tx.session, row_id)
    return user_admin_queries.locked(tx.session, row_id)


def _changed(tx: Transaction, user: User) -> User:
    """The changed user, read before the commit: a later read could fail, as if nothing had changed."""
    tx.session.flush()
    tx.revoked.append(user.id)
    return user_admin_queries.find(tx.session, user.id, tx.at_ms)


def _mask(user: User, account: Account) -> None:
    """Hide the email from viewers. The user is detached, so this changes nothing in the database."""
    if not account.is_admin:
        user.email = MASKED_TEXT
