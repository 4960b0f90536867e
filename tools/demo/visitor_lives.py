"""The actions of a simulated visitor: visit the site, sign up, open a community's page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from uuid import uuid4

from demo import cast
from demo.cast import Member
from demo.site import Site, Visitor
from demo.stage import Stage


@contextmanager
def logged_in(site: Site, member: Member, password: str) -> Iterator[Visitor]:
    """The member's browser with a session, which ends with the `with`. Raises Refusal for a wrong password."""
    body = {"email": member.email, "password": password}
    token = site.call("POST", "/api/auth/login", body, member.visitor)["access_token"]
    visitor = member.visitor._replace(token=token)
    try:
        yield visitor
    finally:
        site.call("POST", "/api/auth/logout", visitor=visitor)


def visit(stage: Stage, community_id: str | None) -> None:
    """A visitor without an account, on the site or on the page of a community."""
    stage.browse(_new_visitor(stage.dice), community_id)


def convert(stage: Stage, community_id: str) -> None:
    """A visitor of a community who signs up and joins it."""
    visitor = _new_visitor(stage.dice)
    stage.browse(visitor, community_id)
    if stage.leaving.is_set():
        return
    body = {**_new_account(stage.dice), "visitorId": visitor.id}
    visitor = visitor._replace(token=stage.site.call("POST", "/api/auth/signup", body, visitor)["access_token"])
    stage.site.call("POST", f"/api/communities/{community_id}/join", {"visitorId": visitor.id}, visitor)
    stage.browse(visitor, community_id, [("visitors", community_id)])
    stage.site.call("POST", "/api/auth/logout", visitor=visitor)


def attend(stage: Stage, member: Member, password: str, community_id: str) -> None:
    """A member in a community. Moderators and admins have the dashboard open as well."""
    rooms = [("visitors", community_id)]
    if member.role != "member":
        rooms.append(("visitor_dashboard", community_id))
    with logged_in(stage.site, member, password) as visitor:
        stage.browse(visitor, community_id, rooms)


def _new_visitor(dice: Random) -> Visitor:
    return cast.visitor(f"demo_{uuid4().hex[:12]}", dice)


def _new_account(dice: Random) -> dict[str, str]:
    """The first name of one member with the last name of another."""
    names = [member.name.split() for member in cast.MEMBERS if member.name.isascii()]
    name = f"{dice.choice(names)[0]} {dice.choice(names)[-1]}"
    email = f"{name.lower().replace(' ', '.')}.{uuid4().hex[:6]}@demo.example"
    return {"email": email, "password": uuid4().hex, "name": name}
