"""The list of all visits: search and export. Begin with `visit_list.py`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("ui.texts", "admin")
COMMANDS = {"export": "cli:export"}
FILLS = {
    "people.audit.log:ACTION_LABELS": "visit_list:VISIT_ACTIONS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.web.panel.navigation import Navigation, PanelPage
    from .attended_times import LiveTimes
    from .visit_list import VisitList

    base.services.add(VisitList(base))
    base.services.add(LiveTimes(base))
    base.services[Navigation].add(PanelPage("panel_visits.visits", N_("Visits"), "list", rank=2))
