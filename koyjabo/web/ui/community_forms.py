"""Forms that create or change a community, for its own pages and the panel."""

from __future__ import annotations

from koyjabo.communities.communities import Community
from koyjabo.web.api.community_requests import CommunityChangesBody, NewCommunityBody
from koyjabo.web.ui.forms import Form

FLAGS = ("open", "listed")


def founding() -> Form[NewCommunityBody]:
    return Form(NewCommunityBody, dict.fromkeys(FLAGS, True), FLAGS)


def changes() -> Form[CommunityChangesBody]:
    """An empty form, to read the request."""
    return Form(CommunityChangesBody, flags=FLAGS)


def present(community: Community) -> Form[CommunityChangesBody]:
    """A form with the current values of a community."""
    values = {"name": community.name, "description": community.description}
    return Form(CommunityChangesBody, {**values, "open": community.is_open, "listed": community.is_listed}, FLAGS)
