"""The mail server that sends the emails of `people.mail`: its row on the page Server, and a test email."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("admin",)
FILLS = {
    "base.observability.health_warning:FEATURE_WARNINGS": "mail_warnings:MAIL_WARNINGS",
    "base.observability.health_warning:READY_WARNINGS": "mail_warnings:MAIL_READY_WARNINGS",
    "web.panel.server_page:FIRST_STEPS": "admin:MAIL_STEPS",
    "web.panel.server_page:SERVER_ROWS": "admin:MAIL_ROWS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.people.mail.outbox import OUTBOX_POLL_S, WAITING_POLL_S, MailOutbox
    from koyjabo.web.panel.navigation import SERVER, Navigation, Shortcut

    outbox = base.services[MailOutbox]
    outbox.has_server = True
    base.every(OUTBOX_POLL_S, outbox.tick)
    base.every(WAITING_POLL_S, outbox.refresh)
    base.services[Navigation].add_shortcuts(SERVER, Shortcut(N_("Email"), SERVER, "mail"))
