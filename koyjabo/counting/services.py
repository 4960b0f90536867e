"""Builds the services of counting."""

from functools import partial

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.extensions import db
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.presence.visitors.active_visitors import ActiveVisitors
from koyjabo.presence.visitors.active_visitors_memory import MemoryActiveVisitors
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from . import rollback_queries
from .anonymity import Anonymity
from .days_by_hour import DaysByHour
from .high_water import SERVER_UNKNOWN, HighWater, SharedHighWater
from .history import History
from .ledger import Ledger
from .ledger_store import open_store
from .live_stats import LiveStats
from .milestones import Milestones, of_setting
from .own_numbers import OwnNumbers
from .pulse import Pulse
from .queries import recent_visits
from .records import CounterSnapshot
from .rollback import RollbackRecovery
from .unsaved_visits import UnsavedVisits
from .visit_listeners import VisitListeners
from .visits import Visits


def add_services(base: Base) -> None:
    """Add the services, and the site's current numbers as a CounterSnapshot. Needs an application context. Raises
    LedgerUnavailable.
    """
    settings, database, clock = base.settings, base.database, base.clock
    services, metrics = base.services, base.services[ObservabilityServices].metrics
    active_visitors, high_water = services[ActiveVisitors], HighWater(server=SERVER_UNKNOWN)
    milestones = services.add(Milestones(lambda: of_setting(settings.milestones)))
    if isinstance(active_visitors, MemoryActiveVisitors):  # nothing else remembers them
        now_ms = clock.now_ms()
        active_visitors.restore(recent_visits(db.engine, now_ms - settings.active_window_seconds * 1000), now_ms)
    recovery = RollbackRecovery(
        database, clock, high_water, _shared(base, high_water), base.signals.marks_requested.send, metrics.rolled_back
    )
    store = open_store(settings.database, clock, milestones=milestones, high_water=high_water)
    visits = Visits(
        partial(Ledger, store, base.runtime, recovery, metrics.committed),
        active_visitors,
        lambda snapshot: LiveStats(snapshot, active_visitors, clock, high_water),
        services[CounterSnapshot],
        ignores_bots=lambda: settings.bot_policy == "ignore",
        on_visit=services[VisitorSockets].visited,
        on_epoch=base.signals.epoch_began.send,
    )
    services.add(recovery)
    services.add(visits)
    services.add(Anonymity(database, clock, lambda: settings.honour_privacy_signals, visits.knows))
    services.add(UnsavedVisits(visits.writer, lambda: visits.site.snapshot.revision, clock))
    services.add(Pulse(database, clock, visits))
    services.add(OwnNumbers(database, settings.secret_key))
    services.add(History(database, clock))
    services.add(DaysByHour(database, clock))
    services.add(VisitListeners())


def _shared(base: Base, high_water: HighWater) -> SharedHighWater:
    redis = base.cluster.redis
    if redis is None:
        return SharedHighWater()
    from .high_water_redis import RedisHighWater

    name = base.database.read(rollback_queries.database_name)
    shared = RedisHighWater(*redis, base.cluster.workers, high_water, name)
    shared.load()
    return shared
