"""The numbers that pages of other sites may show, by the names that badges, elements and frames use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from koyjabo.communities.services import CommunityServices
from koyjabo.core.services import Services
from koyjabo.counting.services import CountingServices
from koyjabo.models import Scope

FIELDS = {"total": "total", "today": "today", "active": "active", "visitors": "unique_visitors"}
"""Of `Stats`, by value."""

TOTAL = "total"
"""The value of a query that names none."""

ONLINE = "online"
"""The value that belongs to a community."""

VALUES = (*FIELDS, ONLINE)

LABELS = {
    "en": {
        "total": "visits",
        "today": "visits today",
        "active": "active now",
        "visitors": "unique visitors",
        ONLINE: "online now",
    },
    "bn": {
        "total": "ভিজিট",
        "today": "আজকের ভিজিট",
        "active": "এখন সক্রিয়",
        "visitors": "আলাদা ভিজিটর",
        ONLINE: "এখন অনলাইনে",
    },
}
"""Here and not in the catalogues, because the fast path has no request of Flask."""


class Number(NamedTuple):
    """A number at a revision of an epoch, both in ms since 1970 UTC."""

    number: int
    epoch: int
    revision: int  # 0 for people online


def problems(
    said: Mapping[str, str], parameters: Collection[str], choices: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """The reasons why a query cannot be answered, by parameter. `choices` are the values of parameters that may be left
    out.
    """
    reasons = {name: f"use {', '.join(parameters)}" for name in said if name not in parameters}
    reasons |= _check(said.get("value", TOTAL), said.get("community", ""))
    wrong = {name: known for name, known in choices.items() if name in said and said[name] not in known}
    return reasons | {name: f"use {', '.join(known)}" for name, known in wrong.items()}


def _check(value: str, community: str) -> dict[str, str]:
    """Whether the two go together. `community` is "" without one."""
    if value not in VALUES:
        return {"value": f"use {', '.join(VALUES)}"}
    if value == ONLINE and not community:
        return {"community": "name the community whose number is wanted"}
    if value != ONLINE and community:
        return {"community": "a community has no other value than online"}
    return {}


def read(services: Services, value: str, community: str) -> Number:
    """The present number. Raises UnknownCommunity if the community does not show its number to everyone;
    LedgerUnavailable.
    """
    if value == ONLINE:
        return _online(services, community)
    stats = services[CountingServices].visits.stats()
    return Number(getattr(stats, FIELDS[value]), stats.epoch, stats.revision)


def _online(services: Services, community: str) -> Number:
    known = services[CommunityServices]
    scope = Scope(known.directory.with_public_count(known.refs.resolve(community)).id)
    (count,) = known.people.online(scope)
    return Number(count, services[CountingServices].visits.site.snapshot.epoch, 0)
