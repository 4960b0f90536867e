"""Labels for the values of dimensions, in the page's language, and the communities that values refer to."""

from collections.abc import Mapping

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import COMMUNITY_IN_ADDRESS, community_in
from koyjabo.columns.dimensions.dimensions import COMMUNITY, Value, dimension_of, has_addresses
from koyjabo.people.mail.localizer import catalogue
from koyjabo.people.models import Community

COMMUNITY_PAGE = N_("Community %(name)s")

UNLISTED_COMMUNITY = N_("A community that is not listed")
"""Shown to readers without an account, because the name and the id of an unlisted community are not public."""


def label(name: str, value: Value, language: str, communities: Mapping[str, Community]) -> str:
    """Return the label of a dimension's value. `communities` are by the keys that `community_of` returns."""
    dimension = dimension_of(name)
    if value is None:
        return catalogue(language).gettext(dimension.without)
    if dimension.words:
        return catalogue(language).gettext(dimension.words.get(value, value))
    key = community_of(name, value)
    value = dimension.shown(value, language)
    if not key or key not in communities:
        return value
    community = communities[key].name_in(language)
    return community if name == COMMUNITY else page_name(value, community, language)


def page_name(address: str, name: str, language: str) -> str:
    """Return an address with a community's name: `Community NAME`, followed by the rest of the path. An address on
    another host keeps the beginning of its path.
    """
    match = COMMUNITY_IN_ADDRESS.search(address)
    if match is None:
        return address
    if match.start():
        return address[: match.start(1)] + name + address[match.end() :]
    return catalogue(language).gettext(COMMUNITY_PAGE) % {"name": name} + address[match.end() :]


def unlisted(language: str) -> str:
    return catalogue(language).gettext(UNLISTED_COMMUNITY)


def community_of(name: str, value: str) -> str | None:
    """Return the id or external id of the community that a dimension's value refers to. The value is an id, an external
    id or a community's page.
    """
    if name == COMMUNITY:
        return value
    return community_in(value) if has_addresses(name) else None
