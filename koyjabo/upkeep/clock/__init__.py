"""Resolves a doubt about the clock: files visits from the future again, or restores their earlier times."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("admin",)
COMMANDS = {"clock": "cli:clock"}
TABLES = ("models",)
UPKEEP = ("upkeep_queries:RefiledRules",)
FILLS = {
    "people.audit.log:ACTION_LABELS": "clock_answers:CLOCK_ACTIONS",
    "web.pages.page_parts:PAGE_PARTS": "admin:CLOCK_PARTS",
    "web.panel.server_page:SERVER_ROWS": "admin:CLOCK_ROWS",
}


def register(base: "Base") -> None:
    from koyjabo.base.cluster.base import TICK_S
    from koyjabo.people.mail.kinds import add_kind
    from .clock_answers import ClockAnswers
    from .email import CLOCK_MAIL, CLOCK_MAIL_LABEL, clock_doubted

    add_kind(CLOCK_MAIL, CLOCK_MAIL_LABEL, clock_doubted)
    answers = base.services.add(ClockAnswers(base))
    base.every(TICK_S, answers.tick)
    base.at_close(answers.close)
