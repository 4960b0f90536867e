"""Counting registers visits: the ledger numbers and commits them, the live stats follow, and `evidence` records
whether a person was there. Begin with `visits.py`, before you read any other area.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "pixel", "pages")
COMMANDS = {"stats": "cli:stats"}
TABLES = ("models",)
FILLS = {
    "people.audit.log:ACTION_LABELS": "rollback_queries:ROLLBACK_ACTIONS",
    "web.limits.limits:LIMIT_SENTENCES": "api:VISIT_LIMITS",
}


def register(base: "Base") -> None:
    from functools import partial

    from koyjabo.base.cluster.base import TICK_S
    from koyjabo.base.jobs.claims import DAILY_POLL_S
    from koyjabo.base.observability import all_metrics
    from koyjabo.base.observability.observability_services import ObservabilityServices
    from .anonymity import Anonymity
    from .clock_watch import ClockWatch
    from .high_water import HIGH_WATER
    from .rollback import RollbackRecovery
    from .services import add_services
    from .visits import Visits

    add_services(base)
    visits, anonymity = base.services[Visits], base.services[Anonymity]
    shared, gauges = base.services[RollbackRecovery].shared, base.services[ObservabilityServices].gauges
    watch = ClockWatch(base.database, base.clock, lambda: visits.site.snapshot, base.cluster.workers.live)
    base.services.add(watch).tick()
    gauges.provide(all_metrics.ACTIVE_VISITORS_GAUGE, lambda: visits.newest().active)
    gauges.provide(all_metrics.DATABASE_GAUGE, lambda: not visits.newest().stale)
    gauges.provide(all_metrics.WAITING_VISITS_GAUGE, lambda: visits.writer().waiting)
    gauges.provide(all_metrics.OLDEST_VISIT_GAUGE, lambda: visits.writer().oldest_s)
    base.every(TICK_S, watch.tick, shared.renew, base.database.leave_replaced)
    base.every(DAILY_POLL_S, anonymity.sweep)
    base.on(base.signals.marks_requested, partial(base.cluster.bus.send_to_workers, HIGH_WATER))
    base.on(base.signals.message_received, lambda _, message: shared.reply(str(message)), of=HIGH_WATER)
    base.on(base.signals.redis_returned, lambda _: shared.renew_all())
    base.on(base.signals.epoch_began, lambda _: anonymity.forget_secrets(), lambda _: visits.texts.clear())
    # The day may have changed with the time zone.
    base.on(base.signals.settings_changed, lambda _: visits.stats())
    base.at_stop(visits.close)
    base.at_close(shared.renew)  # publishes what the last commits have acknowledged
