"""Forms that create or change a community, for its own pages and the panel."""

from __future__ import annotations

from koyjabo.communities.communities import CommunityDetails
from koyjabo.communities.schemas import CommunityChangesBody, NewCommunityBody
from koyjabo.webkit.forms.forms import Form

FLAGS = ("open", "listed", "count_anonymous", "public_count")


def founding() -> Form[NewCommunityBody]:
    return Form(NewCommunityBody, {"open": True, "listed": True}, FLAGS)


def changes() -> Form[CommunityChangesBody]:
    """An empty form, to read the request."""
    return Form(CommunityChangesBody, flags=FLAGS)


def present(community: CommunityDetails) -> Form[CommunityChangesBody]:
    """A form with the current values of a community."""
    values = {"name": community.name, "description": community.description}
    flags = (community.is_open, community.is_listed, community.count_anonymous, community.public_count)
    return Form(CommunityChangesBody, values | dict(zip(FLAGS, flags, strict=True)), FLAGS)
