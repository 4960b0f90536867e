"""Accounts, passwords, login sessions, tokens, and login limits."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = (
    *("login.authentication", "api.auth", "api.two_step_calls"),
    *("pages.account", "pages.login", "pages.two_step", "pages.users"),
)
COMMANDS = {"user": "cli:user"}
TABLES = ("models",)
UPKEEP = ("upkeep_queries:AccountRules", "two_step.upkeep_queries:TwoStepLoginRules")
FILLS = {
    "people.audit.log:ACTION_LABELS": "audit_entries:USER_ACTIONS",
    "people.audit.log:ROUTINE_ACTIONS": "audit_entries:ROUTINE_USER_ACTIONS",
    "web.panel.server_page:SERVER_ROWS": "pages.two_step:TWO_STEP_ROWS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.web.panel.navigation import Navigation, PanelPage
    from .services import build

    accounts = base.services.add(build(base))
    base.on(base.signals.language_chosen, accounts.email_links.choose_language)
    base.on(base.signals.settings_changed, lambda _: accounts.enrolment.end_sessions_without())
    base.at_close(accounts.passwords.close)
    page = PanelPage("panel_users.users", N_("People"), "user", rank=4, words=N_("users, accounts"))
    base.services[Navigation].add(page)
