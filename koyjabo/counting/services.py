"""The services that counting offers to other packages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.extensions import db
from koyjabo.base.observability.services import ObservabilityServices
from koyjabo.presence.services import PresenceServices
from koyjabo.presence.visitors.active_visitors_memory import MemoryActiveVisitors
from . import rollback_queries
from .anonymity import Anonymity
from .high_water import NOT_ASKED, HighWater, SharedHighWater
from .last_hour import History, Pulse
from .ledger import Ledger, UnsavedVisits, open_store
from .live_stats import LiveStats
from .milestones import Milestones, of_setting
from .queries import recent_visits
from .records import CounterSnapshot, Receipt
from .rollback import RollbackRecovery
from .visit_numbers import OwnNumbers
from .visits import Visits


@dataclass(frozen=True, slots=True)
class CountingServices:
    visits: Visits
    anonymity: Anonymity
    unsaved: UnsavedVisits
    milestones: Milestones
    pulse: Pulse
    own_numbers: OwnNumbers
    history: History
    recovery: RollbackRecovery
    listeners: list[Callable[[Receipt, Mapping[str, Any]], object]] = field(default_factory=list)
    """Functions to call with the receipt of each visit that a page registers, and the WSGI environment of its request.
    A feature that waits for one such visit removes its function once the visit has come.
    """

    def forget_database(self) -> None:
        """Drop cached database content that is not tied to the epoch. Does not wait."""
        self.anonymity.forget_secrets()
        self.visits.texts.clear()


def build(base: Base) -> CountingServices:
    """Build the services. A CounterSnapshot has the site's current numbers. Needs an application context. Raises
    LedgerUnavailable.
    """
    settings, database, clock = base.settings, base.database, base.clock
    presence, announced = base.services[PresenceServices], Milestones(lambda: of_setting(settings.milestones))
    if isinstance(presence.active_visitors, MemoryActiveVisitors):  # nothing else remembers them
        now_ms = clock.now_ms()
        presence.active_visitors.restore(
            recent_visits(db.engine, now_ms - settings.active_window_seconds * 1000), now_ms
        )
    high_water, metrics = HighWater(server=NOT_ASKED), base.services[ObservabilityServices].metrics
    recovery = RollbackRecovery(
        database, clock, high_water, _shared(base, high_water), base.signals.marks_requested.send, metrics.rolled_back
    )
    store = open_store(settings.database, clock, milestones=announced, high_water=high_water)
    active_visitors = presence.active_visitors
    visits = Visits(
        partial(Ledger, store, base.runtime, recovery, metrics.committed),
        active_visitors,
        lambda snapshot: LiveStats(snapshot, active_visitors, clock, high_water),
        base.services[CounterSnapshot],
        ignores_bots=lambda: settings.bot_policy == "ignore",
        on_visit=presence.visitor_sockets.visited,
        on_epoch=base.signals.epoch_began.send,
    )
    return CountingServices(
        visits=visits,
        anonymity=Anonymity(database, clock, lambda: settings.honour_privacy_signals, visits.knows),
        unsaved=UnsavedVisits(visits.writer, lambda: visits.site.snapshot.revision, clock),
        milestones=announced,
        pulse=Pulse(database, clock, visits),
        own_numbers=OwnNumbers(database, settings.secret_key),
        history=History(database, clock),
        recovery=recovery,
    )


def _shared(base: Base, high_water: HighWater) -> SharedHighWater:
    redis = base.cluster.redis
    if redis is None:
        return SharedHighWater()
    from .high_water_redis import RedisHighWater

    name = base.database.read(rollback_queries.database_name)
    shared = RedisHighWater(*redis, base.cluster.workers, high_water, name)
    shared.load()
    return shared
