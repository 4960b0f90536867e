"""The weekly report by email. Begin with `weekly_report.py`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("pages",)
UPKEEP = ("upkeep_queries:WeeklyReportRules",)
FILLS = {
    "web.pages.page_parts:PAGE_PARTS": "pages:SUBSCRIPTION_PARTS",
}


def register(base: "Base") -> None:
    from koyjabo.base.jobs.claims import DAILY_POLL_S
    from koyjabo.people.mail.kinds import add_kind
    from .email import EMAIL_LABEL, weekly
    from .weekly_report import EMAIL_KIND, WeeklyReport

    add_kind(EMAIL_KIND, EMAIL_LABEL, weekly)
    weekly_report = base.services.add(WeeklyReport(base))
    base.on(base.signals.epoch_began, lambda _: weekly_report.forget())
    base.every(DAILY_POLL_S, weekly_report.tick)
