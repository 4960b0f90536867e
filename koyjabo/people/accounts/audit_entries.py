"""Entries of the audit log about users."""

from typing import Any

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.people.models import User

USER_ACTIONS = {
    "user.create": N_("User created"),
    "user.password": N_("Password changed"),
    "user.password_reset": N_("New password by email"),
    "user.change": N_("Account changed"),
    "user.promote": N_("Admin rights given"),
    "user.demote": N_("Admin rights removed"),
    "user.role": N_("Role on the site changed"),
    "user.disable": N_("Account disabled"),
    "user.enable": N_("Account enabled"),
    "user.unlock": N_("Failed logins cleared"),
    "user.log_out": N_("Logged out everywhere"),
    "second_factor.add": N_("Two-step login added"),
    "second_factor.remove": N_("Two-step login removed"),
    "second_factor.codes": N_("Recovery codes renewed"),
    "second_factor.reset": N_("Two-step login reset"),
    "panel.invite": N_("Person invited to the panel"),
    "panel.withdraw": N_("Invitation to the panel revoked"),
    "panel.accept": N_("Invitation to the panel accepted"),
    "panel.decline": N_("Invitation to the panel declined"),
    "user.sign_up": N_("Signed up"),
    "user.verify": N_("Email confirmed"),
    "login.fail": N_("Login failed"),
    "session.begin": N_("Logged in"),
    "session.new_browser": N_("Logged in from a new browser"),
    "session.end": N_("Logged out"),
    "session.revoke": N_("Session revoked"),
    "session.replay": N_("Token used twice: session revoked"),
    "second_factor.fail": N_("Two-step login failed"),
}
ROUTINE_USER_ACTIONS = {"session.begin": "", "session.end": ""}


def subject(user: User | Account) -> Subject:
    return Subject("user", user.id, user.email)


def own_entry(client: Actor, action: str, user: User, **details: Any) -> AuditRecord:
    """An audit entry for an action that `user` took on their own account."""
    return client._replace(id=user.id, name=user.name).entry(action, subject(user), **details)
