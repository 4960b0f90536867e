"""Lists, disables and logs out users, and changes their site roles, for admins and the operator. Site viewers see the
lists without emails.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, contains_eager, with_expression

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import Forbidden, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import MASKED_TEXT, OPERATOR, SITE_ADMIN, Account, uuid_of
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Slice, ordered_by, slice_of
from koyjabo.base.database.search import has_words, lowered, sought, usable
from koyjabo.base.settings.schema import Settings
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.accounts.models import LoginSession
from koyjabo.people.accounts.queries import HAS_ACCOUNT, remove_two_step_login, revoke_all
from koyjabo.people.audit.queries import record_revocation
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.models import Community, Membership, User
from .user_admin_queries import end_panel_invitations, locked, require_another_admin, set_role

COMMUNITY_COUNT = select(func.count()).where(Membership.user_id == User.id).scalar_subquery()
LAST_SIGN_MS = func.max(func.coalesce(LoginSession.renewed_ms, LoginSession.created_ms))
LAST_SEEN_MS = select(LAST_SIGN_MS).where(LoginSession.user_id == User.id).scalar_subquery()
USER_ORDERS: dict[str, Any] = {"name": lowered(User.name), "created": User.created_ms, "seen": LAST_SEEN_MS}
"""Columns to order users by."""


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
        users = _users(self._clock.now_ms()).order_by(ordered_by(USER_ORDERS, order), User.id)
        if part := sought(query):
            columns = (User.email, User.email_key, User.name) if account.is_admin else (User.name,)
            users = users.where(or_(User.id == part.lower(), and_(*has_words(columns, part))))
        page = self._database.report(slice_of, users, start, count)
        for user in page.items:
            _mask(user, account)
        return page

    def get(self, account: Account, user_id: str) -> User:
        account.require_site_viewer()
        user = self._database.read(_user, User.id == uuid_of(user_id), self._clock.now_ms())
        _mask(user, account)
        return user

    def get_by_email(self, account: Account, email: str) -> User:
        account.require_site_admin()
        return self._database.read(_user, User.email_key == email_key(usable(email)), self._clock.now_ms())

    def communities_of(self, account: Account, user_id: str, start: int = 0, count: int = 20) -> Slice[Membership]:
        """The user's memberships sorted by the community's name, including archived ones."""
        account.require_site_viewer()
        theirs = select(Membership).join(Membership.community).where(Membership.user_id == uuid_of(user_id))
        query = theirs.options(contains_eager(Membership.community)).order_by(lowered(Community.name), Community.id)
        return self._database.report(slice_of, query, start, count)

    @transaction
    def set_role(self, tx: Transaction, account: Account, user_id: str, role: str) -> User:
        """Give a user one of SITE_ROLES.

        A new admin who needs two-step login but has not set it up is logged out. Raises LastAdmin for the last admin
        who can log in, unless `account` is OPERATOR, who can always create another admin.
        """
        user = _locked(tx, account, user_id, needs_another_admin=role != SITE_ADMIN)
        before = set_role(tx.session, user, role, self._settings.require_two_factor, tx.at_ms)
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
            user.disabled_ms = tx.at_ms
            revoke_all(tx.session, user.id, tx.at_ms)
            end_panel_invitations(tx.session, user)
            record_revocation(tx.session)  # last in all transactions: a fixed order of locks avoids deadlocks
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
        require_another_admin(tx.session, row_id)
    return locked(tx.session, row_id)


def _changed(tx: Transaction, user: User) -> User:
    """The changed user, read before the commit: a later read could fail, as if nothing had changed."""
    tx.session.flush()
    tx.revoked.append(user.id)
    return _user(tx.session, User.id == user.id, tx.at_ms)


def _user(session: Session, which: ColumnElement[bool], now_ms: int) -> User:
    """The user as `Users.page` has them. Raises UnknownUser."""
    user = session.scalar(_users(now_ms).where(which).execution_options(populate_existing=True))
    if user is None:
        raise UnknownUser
    return user


def _users(now_ms: int) -> Select[User]:
    """Users with an account, with the values that only the panel shows."""
    live = (LoginSession.user_id == User.id, LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms)
    sessions = select(func.count()).where(*live).scalar_subquery()
    return (
        select(User)
        .where(HAS_ACCOUNT)
        .options(
            with_expression(User.communities, COMMUNITY_COUNT),
            with_expression(User.sessions, sessions),
            with_expression(User.seen_ms, LAST_SEEN_MS),
        )
    )


def _mask(user: User, account: Account) -> None:
    """Hide the email from viewers. The user is detached, so this changes nothing in the database."""
    if not account.is_admin:
        user.email = MASKED_TEXT
