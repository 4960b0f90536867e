"""The numbers that other sites may show. Badges, elements and frames use the same names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from koyjabo.communities.services import CommunityServices
from koyjabo.core.services import Services
from koyjabo.counting.services import CountingServices
from koyjabo.models import Scope

FIELDS = {"total": "total", "today": "today", "active": "active", "visitors": "unique_visitors"}
"""Fields of `Stats`, by the name of the value."""

TOTAL = "total"
"""The default value."""

ONLINE = "online"
"""The only value available for a community."""

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
"""Labels by language. They are not in the translation catalogues, because badges are served without a Flask request."""


class Number(NamedTuple):
    """A number with its revision and epoch, both in ms since 1970 UTC."""

    number: int
    epoch: int
    revision: int  # 0 for people online


def problems(
    query: Mapping[str, str], parameters: Collection[str], choices: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """Why a query is invalid, by parameter. `choices` are the allowed values of optional parameters."""
    reasons = {name: f"use {', '.join(parameters)}" for name in query if name not in parameters}
    reasons |= _check(query.get("value", TOTAL), query.get("community", ""))
    wrong = {name: known for name, known in choices.items() if name in query and query[name] not in known}
    return reasons | {name: f"use {', '.join(known)}" for name, known in wrong.items()}


def _check(value: str, community: str) -> dict[str, str]:
    """Check that the value exists for the site (`community` is "") or for a community."""
    if value not in VALUES:
        return {"value": f"use {', '.join(VALUES)}"}
    if value == ONLINE and not community:
        return {"community": "is required for the value online"}
    if value != ONLINE and community:
        return {"community": "the only value for a community is online"}
    return {}


def read(services: Services, value: str, community: str) -> Number:
    """The current number. Raises LedgerUnavailable, and UnknownCommunity if the community does not show its number to
    everyone.
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
