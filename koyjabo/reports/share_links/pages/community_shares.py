"""/communities/…/shares: the share links of a community, for its moderators."""

from functools import partial

from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.web.blueprints import pages_blueprint
from .desk import ShareDesk, add_desk

bp = pages_blueprint("community_shares")


def _desk(community_id: str) -> ShareDesk:
    at = member_forms.enter(community_id, MODERATOR)
    args = {"community_id": at.community.id}
    return ShareDesk(at.account, partial(member_forms.page, at=at), "pages_community_shares.community_shares", args)


add_desk(bp, "/communities/<community_id>/shares", "community_shares", _desk)
