"""The receipt for the total: the parts that add up to it, visible to everyone (specification: Receipt)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "pages")
FILLS = {
    "web.pages.page_parts:PAGE_PARTS": "pages:RECEIPT_PARTS",
    "web.panel.server_page:FIRST_STEPS": "pages:TOTAL_STEPS",
    "web.panel.server_page:SERVER_ROWS": "pages:TOTAL_ROWS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.upkeep.health.health import Health
    from koyjabo.web.panel.navigation import OVERVIEW_SECTION, Navigation, Shortcut
    from .receipts import Receipts

    base.services.add(Receipts(base))
    base.services[Health].recount_page = "pages_receipts.receipt", "recount-label"
    base.services[Navigation].add_shortcuts(
        OVERVIEW_SECTION,
        Shortcut(N_("Is this number right?"), "pages_receipts.receipt", rank=1),
        Shortcut(N_("Recount"), "pages_receipts.receipt", "recount-label", rank=1),
        Shortcut(N_("Change the total"), "pages_receipts.receipt", "change-total", for_admins=True, rank=1),
    )
