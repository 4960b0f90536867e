"""Computes, from measured costs, how much of each part's capacity a number of open pages uses.

Rates are per second, in µs of CPU unless a name says otherwise. docs/performance.md describes the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

US = 1e-6
PING_S = 25.0
REST = 4
"""Ratio of a room's pause to the duration of its last broadcast (koyjabo/realtime/room.py)."""

WIRE_BYTES = 90
"""Overhead of a frame sent to a browser: Ethernet, IP, TCP with timestamps, and a TLS record."""

ROUND_TRIPS = 2
"""Round trips for a batch, from taking the lock to the response to COMMIT (koyjabo/counting/ledger_postgres.py)."""

MAX_IN_A_BATCH = 1000
YEAR_S, MONTH_S = 365 * 86400.0, 30 * 86400.0


@dataclass(frozen=True)
class Costs:
    """Measured costs per unit (results/costs.json)."""

    visit_us: float  # a worker: one registration, under load
    open_us: float
    close_us: float
    ping_us: float
    renewal_us: float
    frame_us: float  # one frame of a broadcast to one page
    hear_us: float  # one message from another worker
    worker_us: float  # a worker without visitors, per second
    worker_mb: float  # memory of such a worker
    page_kb: float  # an open page, with its visitor
    update_bytes: float
    message_bytes: float  # on the bus
    messages_a_visitor: float  # for each visitor, when few come and go
    redis_visitor_us: float  # one visitor, without messages
    redis_renewal_us: float
    redis_worker_us: float
    redis_message_us: float
    redis_listener_us: float
    redis_visitor_bytes: float
    member_us: float  # a worker: one online member, per second
    member_moves_us: float  # a member who comes and goes, including updates to others
    redis_member_us: float  # one online member, per second
    redis_member_moves_us: float
    sql_commit_us: float  # PostgreSQL: one batch
    sql_visit_us: float  # one visit in a batch
    sql_worker_us: float
    sql_connections: float  # of one worker
    sql_open_us: float
    sql_member_us: float  # one arriving member
    wal_commit_bytes: float
    wal_visit_bytes: float
    visit_row_bytes: float  # with its indexes
    visitor_row_bytes: float


@dataclass(frozen=True)
class Load:
    pages: float
    stay_s: float = 600.0  # how long a page is open, and so how often a visitor comes
    members: float = 0.05  # share of pages whose visitor is a member of their community
    new_visitors: float = 0.3  # share of visits
    mean: float = 0.4  # daily mean relative to the peak, for amounts that add up

    @property
    def visits(self) -> float:
        return self.pages / self.stay_s

    @property
    def writes(self) -> float:
        """Writes that lock the counter row: visits, and members who open a socket."""
        return self.visits * (1 + self.members)


@dataclass(frozen=True)
class Plant:
    """The system. A part counts as full at its limit, which leaves room for bursts."""

    pages_a_worker: float = 5000.0  # half of the measured capacity, which leaves room for a dead worker's pages
    workers_an_instance: float = 4.0
    interval_s: float = 0.05  # minimum time between two updates of a page
    bus_pace_s: float = 0.01  # minimum time between two messages of a worker about one room
    relayed: bool = False  # whether one worker per instance subscribes and publishes for all its workers
    redis_parts: float = 1.0  # each has an equal share of visitors, members and rooms
    retention_days: float = 365.0
    window_s: float = 300.0
    round_trip_ms: float = 0.5
    fsync_ms: float = 1.0
    core: float = 0.7  # usable share of a core
    worker_mb: float = 250.0
    instance_mbit: float = 1000.0
    redis_mbit: float = 1000.0
    redis_mb: float = 1000.0
    sql_cores: float = 4.0
    sql_connections: float = 500.0
    wal_mb_s: float = 50.0
    commit_ms: float = 1000.0
    ledger_gb: float = 1000.0


@dataclass(frozen=True)
class Part:
    name: str
    used: float
    limit: float

    @property
    def share(self) -> float:
        return self.used / self.limit


def workers(load: Load, plant: Plant) -> int:
    return max(1, math.ceil(load.pages / plant.pages_a_worker))


def instances(load: Load, plant: Plant) -> int:
    return math.ceil(workers(load, plant) / plant.workers_an_instance)


def at_most_every(pace_s: float, rate: float) -> float:
    """The rate of an action that is requested at random `rate` times a second, but done at most once every `pace_s`.

    Requests during that time are served together at its end. If there were none, the next request is served at once.
    """
    return 1 / (pace_s + math.exp(-rate * pace_s) / rate)


def broadcasts(pages: float, frame_us: float, interval_s: float, changes: float) -> float:
    """Updates a second to each page of one worker (koyjabo/realtime/room.py)."""
    took_s = pages * frame_us * US
    return at_most_every(took_s + max(interval_s, REST * took_s), changes)


def updates(costs: Costs, load: Load, plant: Plant) -> float:
    """Updates a second to each page. The numbers change when a visitor comes, and when one becomes inactive."""
    return broadcasts(load.pages / workers(load, plant), costs.frame_us, plant.interval_s, 2 * load.visits)


def messages(costs: Costs, load: Load, plant: Plant) -> float:
    """Messages per second published by all workers together."""
    count = workers(load, plant)
    if count == 1:
        return 0.0
    parameters = load.visits / count * costs.messages_a_visitor
    return count * at_most_every(plant.bus_pace_s, parameters)


def speakers(load: Load, plant: Plant) -> int:
    """The number of processes that listen to the bus and queue for the counter row."""
    return instances(load, plant) if plant.relayed else workers(load, plant)


def worker_us(costs: Costs, load: Load, plant: Plant) -> float:
    count = workers(load, plant)
    pages, visits = load.pages / count, load.visits / count
    come_and_go = visits * (costs.visit_us + costs.open_us + costs.close_us)
    stay = pages * (costs.ping_us / PING_S + costs.renewal_us * 2 / plant.window_s)
    sent = updates(costs, load, plant) * pages * costs.frame_us
    members = load.members * (pages * costs.member_us + visits * costs.member_moves_us)
    return costs.worker_us + come_and_go + stay + sent + members + messages(costs, load, plant) * costs.hear_us


def worker_mb(costs: Costs, load: Load, plant: Plant) -> float:
    return costs.worker_mb + active(load, plant) / workers(load, plant) * costs.page_kb / 1e3


def active(load: Load, plant: Plant) -> float:
    """Active visitors: those with an open page, and those who left within the window."""
    return load.pages + load.visits * plant.window_s


def page_bytes(costs: Costs, load: Load, plant: Plant) -> float:
    """Bytes per second to all browsers."""
    return load.pages * updates(costs, load, plant) * (costs.update_bytes + WIRE_BYTES)


def redis_us(costs: Costs, load: Load, plant: Plant) -> float:
    count = workers(load, plant)
    if count == 1:
        return 0.0
    sent = messages(costs, load, plant)
    spoken = sent * (costs.redis_message_us + speakers(load, plant) * costs.redis_listener_us)
    come_and_go = load.visits * costs.redis_visitor_us
    stay = load.pages * costs.redis_renewal_us * 2 / plant.window_s
    members = load.members * (load.pages * costs.redis_member_us + load.visits * costs.redis_member_moves_us)
    return spoken + come_and_go + stay + members + count * costs.redis_worker_us


def redis_bytes(costs: Costs, load: Load, plant: Plant) -> float:
    """Bytes per second between workers."""
    return messages(costs, load, plant) * speakers(load, plant) * costs.message_bytes


def turn_s(costs: Costs, load: Load, plant: Plant) -> float:
    """The time between two commits by one worker; infinite if there are more visits than can be written.

    As long as the counter row is free for each visit, this is the duration of one batch. Otherwise workers queue for
    the row, and each commits the visits that arrived since its last commit. By chance, some workers have none.
    """
    alone_s = batch_s(costs, plant) + costs.sql_visit_us * US
    busy = load.writes * costs.sql_visit_us * US
    if load.writes * alone_s <= 1:
        return alone_s
    if busy >= 1:
        return math.inf
    per_turn = _visits_a_turn((1 - busy) / (load.writes * batch_s(costs, plant)))
    return max(alone_s, per_turn * speakers(load, plant) / load.writes)


def _visits_a_turn(share: float) -> float:
    """A worker's visits between two commits: x, where share * x = 1 - exp(-x), for a share under 1."""
    visits = 1 / share
    for _ in range(200):
        visits = -math.expm1(-visits) / share
    return visits


def batch_s(costs: Costs, plant: Plant) -> float:
    """The time a batch holds the row, not counting its visits."""
    return (ROUND_TRIPS * plant.round_trip_ms + plant.fsync_ms) / 1e3 + costs.sql_commit_us * US


def commits(costs: Costs, load: Load, plant: Plant) -> float:
    """Batches per second: as many as the row allows, if it is never free."""
    free = 1 - load.writes * costs.sql_visit_us * US
    return min(load.writes, max(free / batch_s(costs, plant), load.writes / MAX_IN_A_BATCH))


def counter_row(costs: Costs, load: Load, plant: Plant) -> float:
    """The share of time the row would be held if every batch were full."""
    return load.writes * (batch_s(costs, plant) / MAX_IN_A_BATCH + costs.sql_visit_us * US)


def sql_us(costs: Costs, load: Load, plant: Plant) -> float:
    writes = commits(costs, load, plant) * costs.sql_commit_us + load.visits * costs.sql_visit_us
    opened = load.visits * (costs.sql_open_us + load.members * costs.sql_member_us)
    return writes + opened + workers(load, plant) * costs.sql_worker_us


def wal_bytes(costs: Costs, load: Load, plant: Plant) -> float:
    return commits(costs, load, plant) * costs.wal_commit_bytes + load.visits * costs.wal_visit_bytes


def ledger_bytes(costs: Costs, load: Load, plant: Plant) -> float:
    """Bytes after a year: the visits within RETENTION_DAYS, and all visitors."""
    a_year = load.visits * load.mean * YEAR_S
    kept = min(1.0, plant.retention_days / 365)
    return a_year * (kept * costs.visit_row_bytes + load.new_visitors * costs.visitor_row_bytes)


def traffic_bytes(costs: Costs, load: Load, plant: Plant) -> float:
    """Bytes per month to browsers. Assumes that each page gets updates at the peak rate at every hour, with fewer pages
    open.
    """
    return page_bytes(costs, load, plant) * load.mean * MONTH_S


def parts(costs: Costs, load: Load, plant: Plant) -> list[Part]:
    """All parts, the fullest first."""
    mbit, count, redis_parts = 8 / 1e6, workers(load, plant), plant.redis_parts
    sent = page_bytes(costs, load, plant) * mbit / instances(load, plant)
    shared_mb = active(load, plant) * costs.redis_visitor_bytes / 1e6 if count > 1 else 0.0
    all_parts = [
        Part("a worker's CPU", worker_us(costs, load, plant) * US, plant.core),
        Part("a worker's memory", worker_mb(costs, load, plant), plant.worker_mb),
        Part("an instance's network", sent, plant.instance_mbit),
        Part("Redis, CPU", redis_us(costs, load, plant) * US / redis_parts, plant.core),
        Part("Redis, network", redis_bytes(costs, load, plant) * mbit / redis_parts, plant.redis_mbit),
        Part("Redis, memory", shared_mb / redis_parts, plant.redis_mb),
        Part("PostgreSQL, the counter row", counter_row(costs, load, plant), plant.core),
        Part("PostgreSQL, waiting for the row", turn_s(costs, load, plant) * 1e3, plant.commit_ms),
        Part("PostgreSQL, CPU", sql_us(costs, load, plant) * US, plant.core * plant.sql_cores),
        Part("PostgreSQL, connections", count * costs.sql_connections, plant.sql_connections),
        Part("PostgreSQL, WAL", wal_bytes(costs, load, plant) / 1e6, plant.wal_mb_s),
        Part("the ledger after a year", ledger_bytes(costs, load, plant) / 1e9, plant.ledger_gb),
    ]
    return sorted(all_parts, key=lambda part: -part.share)


def full_at(costs: Costs, plant: Plant, name: str, load: Load) -> float:
    """The number of open pages that fill a part, with as many workers as they need; infinite above a billion."""

    def is_full(pages: float) -> bool:
        return any(part.share >= 1 for part in parts(costs, replace(load, pages=pages), plant) if part.name == name)

    low, high = 1.0, 1e9
    if not is_full(high):
        return math.inf
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_full(middle) else (middle, high)
    return high
