"""Emails: their texts, the outbox in the database, and delivery by SMTP. Without SMTP_URL, no emails are sent."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

TABLES = ("models",)
UPKEEP = ("upkeep_queries:MailRules",)


def register(base: "Base") -> None:
    from .outbox import MailOutbox

    outbox = base.services.add(MailOutbox(base.database, base.clock, base.runtime, base.settings))
    base.at_close(outbox.close)
