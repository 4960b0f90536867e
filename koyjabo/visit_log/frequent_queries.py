"""The most frequent places, pages, sources and browsers among the newest visits, to choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.core.urls import host_of
from koyjabo.counting.id_range_queries import id_range
from koyjabo.models import Visit
from koyjabo.network import user_agents
from koyjabo.network.geolocation import NAMES
from koyjabo.visit_log.condition_queries import DIRECT

NEWEST = 10_000
"""The visits that are looked at, by id."""

MOST = 100
"""The values of each kind."""

Counts = tuple[tuple[str, int], ...]


class Frequent(NamedTuple):
    """Values with their numbers of visits, the largest first. A country includes its cities."""

    places: Counts
    pages: Counts
    sources: Counts  # hosts, and DIRECT
    browsers: Counts  # names of browsers and of systems


def frequent(session: Session, began_ms: int | None, ended_ms: int | None) -> Frequent:
    after, upto = id_range(session, began_ms, ended_ms)
    newest = max(after, upto - NEWEST), upto
    columns = (Visit.place, Visit.page, Visit.referrer, Visit.user_agent)
    places, pages, referrers, agents = (_counts(session, each, newest) for each in columns)
    sources = ((host_of(referrer) if referrer else DIRECT, count) for referrer, count in referrers)
    names = ((name, count) for agent, count in agents for name in user_agents.of(agent or ""))
    return Frequent(*map(_largest, (_with_countries(places), pages, sources, names)))


def _counts(session: Session, column: Any, ids: tuple[int, int]) -> list[tuple[Any, int]]:
    found = select(column, func.count()).where(Visit.id > ids[0], Visit.id <= ids[1]).group_by(column)
    return [(value, count) for value, count in session.execute(found)]


def _with_countries(places: list[tuple[str, int]]) -> Iterable[tuple[str, int]]:
    yield from places
    cities = ((place.rpartition(", "), count) for place, count in places)
    yield from ((NAMES[code], count) for (city, _, code), count in cities if city and code in NAMES)


def _largest(counts: Iterable[tuple[str | None, int]]) -> Counts:
    summed: Counter[str] = Counter()
    for value, count in counts:
        if value:
            summed[value] += count
    return tuple(sorted(summed.items(), key=lambda each: (-each[1], each[0]))[:MOST])
