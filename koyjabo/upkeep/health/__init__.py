"""Health of the server for operators and load balancers: readiness, and warnings. Begin with `health_warnings`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "admin")
FILLS = {
    "people.audit.log:ACTION_LABELS": "queries:HEALTH_ACTIONS",
    "web.pages.page_parts:PAGE_PARTS": "ui:HEALTH_PARTS",
}


def register(base: "Base") -> None:
    from koyjabo.base.cluster.base import TICK_S
    from koyjabo.base.observability.observability_services import ObservabilityServices
    from koyjabo.counting.unsaved_visits import UnsavedVisits
    from koyjabo.upkeep.recounts.recounts import Recounts
    from .database_advice import ADVICE_POLL_S, DatabaseAdvice
    from .health import Health
    from .readiness import Readiness

    base.services.add(Readiness(base))
    if base.settings.database.get_backend_name() == "sqlite":
        base.services.add(DatabaseAdvice(base, ()))
    else:
        from koyjabo.base.database.notices_postgres import notices

        advice = base.services.add(DatabaseAdvice(base, notices))
        advice.refresh()
        base.every(ADVICE_POLL_S, advice.refresh)
    health = base.services.add(Health(base))
    base.services[Recounts].follow(health.report)
    unsaved = base.services[UnsavedVisits]
    base.every(TICK_S, unsaved.refresh, health.report, base.services[ObservabilityServices].publish)
