"""The number of people online in communities. Callers check the permission."""

from __future__ import annotations

from koyjabo.communities.services import CommunityServices
from koyjabo.webkit.current import current


def online(communities: list[str]) -> dict[str, int]:
    """The number of people online, by the id of the community."""
    return dict(zip(communities, current()[CommunityServices].people.online(*communities), strict=True))
