"""The numbers that other sites may show, under the same names in badges, elements and frames."""

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from koyjabo.base.core.errors import InvalidInput, KoyJaboError
from koyjabo.base.core.registry import Registry
from koyjabo.base.core.services import Services
from koyjabo.base.models import Scope
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.stats import base36
from koyjabo.counting.visits import Visits

STATS_FIELDS = {"total": "total", "today": "today", "active": "active", "visitors": "unique_visitors"}
"""Fields of `Stats`, by the name of the value."""

TOTAL_VALUE = "total"
"""The default value."""

ONLINE_VALUE = "online"
"""The only value available for a community."""

VALUE_LABELS = {
    "en": {
        "total": "visits",
        "today": "visits today",
        "active": "active now",
        "visitors": "unique visitors",
        ONLINE_VALUE: "online now",
    },
    "bn": {
        "total": "ভিজিট",
        "today": "আজকের ভিজিট",
        "active": "এখন সক্রিয়",
        "visitors": "আলাদা ভিজিটর",
        ONLINE_VALUE: "এখন অনলাইনে",
    },
}
"""Labels of the values of the site and of communities, by language. They are not in the translation catalogues, because
badges are served without a Flask request.
"""


PAGE_VALUES: Registry[str, "PageValue"] = Registry()
"""The values of pages, by name. Features fill it."""


class PageValue(Protocol):
    """A feature's value of the page that the parameter `page` names."""

    labels: Mapping[str, str]  # by language

    def is_shown(self) -> bool:
        """Whether Connect offers the value."""

    def page_of(self, path: str) -> str:
        """The page that a path names. Raises InvalidInput."""

    def read(self, services: Services, page: str) -> "Number":
        """The current number of a page. Raises NumberNotShown, StillCounting, LedgerUnavailable."""


class NumberNotShown(KoyJaboError):
    """This number is not shown on other sites."""


class Number(NamedTuple):
    """A number with its revision, in ms since 1970 UTC, and its epoch, in base 36."""

    number: int
    epoch: str
    revision: int  # 0 for people online and for pages


def problems(
    query: Mapping[str, str], parameters: Collection[str], choices: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """Why a query is invalid, by parameter. `choices` are the allowed values of optional parameters."""
    reasons = {name: f"use {', '.join(parameters)}" for name in query if name not in parameters}
    value, community = query.get("value", TOTAL_VALUE), query.get("community", "")
    if value in PAGE_VALUES and "page" not in query:
        reasons["page"] = f"is required for the value {value}"
    if "page" in query:
        reasons |= _problem_of_page(value, query["page"])
    if value == ONLINE_VALUE and not community:
        reasons["community"] = "is required for the value online"
    if value != ONLINE_VALUE and value in value_names() and community:
        reasons["community"] = "the only value for a community is online"
    for name, allowed in {"value": value_names(), **choices}.items():
        if name in query and query[name] not in allowed:
            reasons[name] = f"use {', '.join(allowed)}"
    return reasons


def value_names() -> list[str]:
    """The names of all values."""
    return [*STATS_FIELDS, *PAGE_VALUES, ONLINE_VALUE]


def label_of(value: str, language: str) -> str:
    return PAGE_VALUES[value].labels[language] if value in PAGE_VALUES else VALUE_LABELS[language][value]


def page_of(value: str, path: str) -> str:
    """The page that a path names, for a value of pages. Raises InvalidInput."""
    if value not in PAGE_VALUES:
        raise InvalidInput(details={"path": f"is only for the value {' or '.join(PAGE_VALUES)}"})
    return PAGE_VALUES[value].page_of(path)


def _problem_of_page(value: str, path: str) -> dict[str, str]:
    try:
        page_of(value, path)
    except InvalidInput as error:
        return {"page": error.details["path"]}
    return {}


def read(services: Services, value: str, community: str, page: str) -> Number:
    """The current number. `page` is a page as `page_of` returns it, or "".

    Raises LedgerUnavailable, UnknownCommunity if the community does not show its number to everyone, and what
    `PageValue.read` raises.
    """
    if value in PAGE_VALUES:
        return PAGE_VALUES[value].read(services, page)
    visits = services[Visits]
    if value == ONLINE_VALUE:
        communities = services[CommunityServices]
        scope = Scope(communities.directory.with_public_count(communities.refs.resolve(community)).id)
        (count,) = communities.people.online(scope)
        return Number(count, base36(visits.site.snapshot.epoch), 0)
    stats = visits.stats()
    return Number(getattr(stats, STATS_FIELDS[value]), base36(stats.epoch), stats.revision)
