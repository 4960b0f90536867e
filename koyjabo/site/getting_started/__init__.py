"""The steps for setting up a new site, shown to admins until they are done or hidden."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("admin",)
TABLES = ("models",)
FILLS = {
    "people.audit.log:ACTION_LABELS": "getting_started:STEP_ACTIONS",
    "web.pages.page_parts:PAGE_PARTS": "admin:STEP_PARTS",
    "web.panel.server_page:FIRST_STEPS": "admin:OWN_STEPS",
    "web.panel.server_page:SERVER_ROWS": "admin:STEP_ROWS",
    "web.panel.server_page:OPEN_STEPS": "admin:MISSING_STEPS",
    "site.panel.connect:FIRST_HOSTS": "admin:SEEN_HOSTS",
    "site.panel.overview:PAGES_INSTEAD": "admin:STEP_PAGES_INSTEAD",
}


def register(base: "Base") -> None:
    from koyjabo.realtime.services import RealtimeServices
    from .getting_started import FIRST_PAGE_STORED, GettingStarted

    steps, realtime = base.services.add(GettingStarted(base)), base.services[RealtimeServices]
    base.on(base.signals.message_received, lambda _, message: realtime.reload_panel(), of=FIRST_PAGE_STORED)
    base.on(base.signals.epoch_began, lambda _: steps.listen())
