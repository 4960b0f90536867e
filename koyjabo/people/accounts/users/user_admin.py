"""Lists, disables and logs out users, and changes their site roles, for admins and the operator. Site viewers see the
lists without emails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koyjabo.base.core import credential_rules
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import Forbidden, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import MASKED, OPERATOR, SITE_ADMIN, Account, uuid_of
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Page
from koyjabo.base.settings.schema import Policy, requires
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.accounts.users import user_admin_queries
from koyjabo.people.accounts.users.user_admin_queries import Changed, UserLine, UserMembership
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor
from koyjabo.people.audit.queries import AuditEntry

USER_ORDERS = tuple(user_admin_queries.ORDERS)

DISABLINGS = {True: "user.disable", False: "user.enable"}


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
        policy: Policy,
    ) -> None:
        self._on_revoked = on_revoked
        self._unlock = unlock
        self._policy = policy
        self._database = database
        self._clock = clock

    def page(
        self, account: Account, query: str = "", start: int = 0, count: int = 20, order: str = "-created"
    ) -> Page[UserLine]:
        """A page of `count` users from the offset `start`. `query` is an id, or words that occur in the name or, for
        admins, in the email. `order` is one of USER_ORDERS, prefixed with "-" for descending.
        """
        account.require_site_viewer()
        args = (query, start, count, self._clock.now_ms(), account.is_admin, order)
        page = self._database.report(user_admin_queries.page, *args)
        return page._replace(items=tuple(_as_shown_to(account, line) for line in page.items))

    def get(self, account: Account, user_id: str) -> UserLine:
        account.require_site_viewer()
        line = self._database.read(user_admin_queries.line, uuid_of(user_id) or "", self._clock.now_ms())
        return _as_shown_to(account, _existing(line))

    def get_by_email(self, account: Account, email: str) -> UserLine:
        account.require_site_admin()
        return _existing(self._database.read(user_admin_queries.line_by_email, email, self._clock.now_ms()))

    def communities_of(self, account: Account, user_id: str, start: int = 0, count: int = 20) -> Page[UserMembership]:
        """The user's communities sorted by name, including archived ones."""
        account.require_site_viewer()
        return self._database.report(user_admin_queries.communities_of, uuid_of(user_id) or "", start, count)

    def set_role(self, account: Account, user_id: str, role: str) -> UserLine:
        """Give a user one of SITE_ROLES.

        A new admin who needs two-step login but has not set it up is logged out. Raises LastAdmin for the last admin
        who can log in, unless `account` is OPERATOR, who can always create another admin.
        """
        is_admin = role == SITE_ADMIN
        args = (role, not is_admin and account is not OPERATOR, requires(self._policy, is_admin))
        return self._change(account, None, user_admin_queries.set_role, user_id, *args, self._clock.now_ms())

    def disable(self, account: Account, user_id: str, disabled: bool = True) -> UserLine:
        """Disable a user, which ends all their sessions and refuses new ones, or enable them, which clears all failed
        logins. Raises LastAdmin like `set_role`, and Forbidden for the caller's own account.
        """
        if disabled and uuid_of(user_id) == account.id:
            raise Forbidden(N_("You cannot disable your own account. Ask another site admin."))
        args = (disabled, disabled and account is not OPERATOR, self._clock.now_ms())
        changed = self._change(account, DISABLINGS[disabled], user_admin_queries.set_disabled, user_id, *args)
        if not disabled:
            self._unlock(credential_rules.email_key(changed.email))
        return changed

    def unlock(self, account: Account, user_id: str) -> UserLine:
        """Clear an account's failed logins, so that its logins are no longer limited."""
        changed = self._change(account, "user.unlock", user_admin_queries.existing, user_id)
        self._unlock(credential_rules.email_key(changed.email))
        return changed

    def log_out(self, account: Account, user_id: str) -> UserLine:
        """End all sessions of a user."""
        return self._change(account, "user.log_out", user_admin_queries.log_out, user_id, self._clock.now_ms())

    def reset_second_factor(self, account: Account, user_id: str) -> UserLine:
        """Remove a user's two-step login when they have lost access to it, and end all their sessions. Raises Forbidden
        for the caller's own account.
        """
        if uuid_of(user_id) == account.id:
            raise Forbidden(N_("You cannot reset your own two-step login. Ask another site admin."))
        reset = user_admin_queries.reset_second_factor
        return self._change(account, "second_factor.reset", reset, user_id, self._clock.now_ms())

    def _change(
        self, account: Account, action: str | None, change: Callable[..., Changed], user_id: str, *args: Any
    ) -> UserLine:
        """Change a user, with an audit entry. `action` is None for a role change, where the new role determines the
        action.
        """
        account.require_site_admin()
        by = log.actor(account, self._clock)
        changed, line = self._database.write(
            user_admin_queries.changed_line,
            *(change, self._clock.now_ms(), uuid_of(user_id) or "", *args),
            audit=lambda result: _entry(by, action, result[0]) if result[0].is_change else None,
        )
        self._on_revoked(changed.person.id)
        return line


def _entry(by: Actor, action: str | None, changed: Changed) -> AuditEntry:
    if action is not None:
        return by.entry(action, subject(changed.person))
    role, before = changed.person.site_role, changed.role_before
    action = "user.promote" if role == SITE_ADMIN else "user.demote" if before == SITE_ADMIN else "user.role"
    return by.entry(action, subject(changed.person), role=role, before=before)


def _as_shown_to(account: Account, line: UserLine) -> UserLine:
    return line if account.is_admin else line._replace(email=MASKED)


def _existing(line: UserLine | None) -> UserLine:
    if line is None:
        raise UnknownUser
    return line
