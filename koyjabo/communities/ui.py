"""Parts shared by community pages and the panel: a page's community, forms, choices of communities."""

from contextlib import suppress
from typing import Any

from flask import Flask, Response, make_response, render_template, request
from flask_babel import gettext as _

from koyjabo.base.core.errors import LedgerUnavailable, Unauthenticated, UnknownCommunity
from koyjabo.base.database.rows import Slice
from koyjabo.people.models import Community
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import name_of
from koyjabo.web.login import page_login
from koyjabo.web.panel.pages import me
from .live.online_person import OnlinePerson
from .live.people_rooms import MAX_NAMED_MEMBERS
from .roles import STRANGER, Access
from .schemas import CommunityChangesBody, NewCommunityBody
from .services import community_services

MAX_CHOICES = 200
"""Maximum number of communities to choose from."""

FLAGS = ("open", "listed", "count_anonymous", "public_count", "members_see_online")


def init_app(app: Flask) -> None:
    """Accept an external id wherever a path has a community's id. Sockets resolve theirs when they are admitted, so
    that a database failure gets its own close code.
    """
    app.url_value_preprocessor(_resolve)
    app.jinja_env.globals.update(member_count=_member_count, has_communities=_has_communities)


def _resolve(endpoint: str | None, values: dict[str, Any] | None) -> None:
    is_socket = request.url_rule is not None and request.url_rule.websocket
    if values and "community_id" in values and not is_socket:
        values["community_id"] = current().identities.community_id(values["community_id"])


def _member_count(community: Community) -> int:
    """Number of members. Templates check the permission."""
    return community_services().directory.sizes([community])[community.id]


def _has_communities() -> bool:
    return community_services().directory.has_listed


def founding() -> Form[NewCommunityBody]:
    return Form(NewCommunityBody, {"open": True, "listed": True, "members_see_online": True}, FLAGS)


def changes(values: dict[str, Any] | None = None) -> Form[CommunityChangesBody]:
    return Form(CommunityChangesBody, values, FLAGS)


def look_at(community_id: str) -> Access:
    """A listed community, for a reader who is not logged in. Raises LedgerUnavailable, and Unauthenticated for any
    other id, so that it does not reveal which communities exist.
    """
    try:
        return community_services().directory.visible(STRANGER, community_id)
    except UnknownCommunity:
        raise Unauthenticated from None


def enter(community_id: str, role: str | None = None) -> Access:
    """The community for the logged-in user, who must have at least `role`, if given.

    Raises Unauthenticated, UnknownCommunity, Forbidden, LedgerUnavailable; for forms, WrongCsrfToken.
    """
    account, directory = page_login.require(), community_services().directory
    return directory.require(account, community_id, role) if role else directory.visible(account, community_id)


def page(name: str, at: Access, status: int = 200, **values: Any) -> Response:
    """Render a template about the community, with `at` and `values`."""
    return make_response(render_template(f"{name}.html", at=at, **values), status)


def online(communities: list[str]) -> dict[str, int]:
    """The number of people online by community id. Callers check the permission."""
    return dict(zip(communities, community_services().people.online(*communities), strict=True))


def named(at: Access) -> dict[str, Any]:
    """The newest people, for a member, and the reader, whom this page will put online."""
    named = community_services().people.first(at.scope, MAX_NAMED_MEMBERS, True, at.account.id)
    return {"named": named, "you": you(at) if at.is_member else None}


def you(at: Access) -> OnlinePerson:
    """The reader, as if online from now on."""
    account = at.account
    return OnlinePerson(account.id, account.name, current().clock.now_ms(), 1, account.appear_offline)


def take_notice(at: Access) -> bool:
    """Whether the page has to say that members see who is online. Returns True once for each member."""
    # Scripts that refresh a page do not show what was not there before, and a page loaded in advance may never be read.
    is_unread = request.method == "HEAD" or any(map(request.headers.get, ("Sec-Purpose", "X-Requested-With")))
    if at.sees_people and at.is_member and not is_unread:
        with suppress(LedgerUnavailable):  # the next page says it
            return community_services().members.take_notice(at.account, at.community.id)
    return False


def choices(chosen: str = "") -> list[tuple[str, str]]:
    """The first communities by name, to choose from, as (id, name). The chosen one is always included."""
    named = {community.id: name_of(community) for community in _by_name().items}
    if chosen and chosen not in named:
        same = community_services().directory.all(me(), chosen).items  # searches ids as well
        named[chosen] = next(map(name_of, same), str(_("A community that is gone")))
    return list(named.items())


def all_choices() -> list[tuple[str, str]] | None:
    """All communities except archived ones, as (id, name). None if there are over MAX_CHOICES, with archived ones."""
    communities, total = _by_name()
    if total > MAX_CHOICES:
        return None
    return [(community.id, name_of(community)) for community in communities if community.archived_ms is None]


def _by_name() -> Slice[Community]:
    return community_services().directory.all(me(), count=MAX_CHOICES)
