"""What the people of the demo do: look at the numbers, turn out to be somebody, or sit in a community."""

from __future__ import annotations

import time
from random import Random
from typing import Any
from uuid import uuid4

from demo import cast
from demo.cast import Member
from demo.pages import Room
from demo.stage import Scene

TWO_TABS = 0.15
RENEW_S = 600.0
"""Before an access token runs out, after 15 minutes."""


class Key:
    """A member's login, made when it is first asked for. Raises Refusal, OSError, HTTPException, ValueError."""

    def __init__(self, scene: Scene, member: Member, password: str) -> None:
        self._scene = scene
        self._member = member
        self._password = password
        self._pair: dict[str, Any] | None = None
        self._since = 0.0

    def token(self) -> str:
        if self._pair is None:
            body = {"email": self._member.email, "password": self._password}
            self._keep(self._call("login", body))
        elif time.monotonic() - self._since > RENEW_S:
            pair, self._pair = self._pair, None  # it is good for this once
            self._keep(self._call("refresh", token=pair["refresh_token"]))
        assert self._pair is not None
        return self._pair["access_token"]

    def give_back(self) -> None:
        if self._pair is not None:
            pair, self._pair = self._pair, None
            self._call("logout", token=pair["refresh_token"])

    def _keep(self, pair: dict[str, Any]) -> None:
        self._pair, self._since = pair, time.monotonic()

    def _call(self, what: str, body: Any = None, token: str | None = None) -> Any:
        return self._scene.site.call("POST", f"/api/auth/{what}", body, self._member.device, token)


def stroll(scene: Scene, community_id: str | None) -> None:
    """Somebody without an account, who may have come by the page of a community."""
    visitor_id, device = _new_visitor_id(), cast.device(scene.dice)
    scene.register(visitor_id, device, community_id)
    with scene.page(visitor_id, device) as page:
        if scene.happens(TWO_TABS):
            scene.register(visitor_id, device)  # once a tab
            with scene.page(visitor_id, device):
                scene.stay(page)
        scene.stay(page)


def convert(scene: Scene, community_id: str) -> None:
    """A visitor of a community who signs up after a while, and joins it."""
    visitor_id, device = _new_visitor_id(), cast.device(scene.dice)
    scene.register(visitor_id, device, community_id)
    with scene.page(visitor_id, device) as page:
        scene.stay(page)
    if scene.leaving.is_set():
        return
    body = {**_new_account(scene.dice), "visitorId": visitor_id}
    token = scene.site.call("POST", "/api/auth/signup", body, device)["access_token"]
    scene.site.call("POST", f"/api/communities/{community_id}/join", {"visitorId": visitor_id}, device, token)
    with scene.page(visitor_id, device, token, [("visitors", community_id)]) as page:
        scene.stay(page)
    scene.site.call("POST", "/api/auth/logout", None, device, token)


def attend(scene: Scene, member: Member, key: Key, community_id: str) -> None:
    """A member among the members; who looks after them has the dashboard open, too."""
    token, device = key.token(), member.device
    rooms: list[Room] = [("visitors", community_id)]
    if member.role != "member":
        rooms.append(("visitor_dashboard", community_id))
    scene.register(member.visitor_id, device, community_id, token)
    with scene.page(member.visitor_id, device, token, rooms) as page:
        if scene.happens(TWO_TABS):
            with scene.page(member.visitor_id, device, token, rooms[:1]):
                scene.stay(page)
        scene.stay(page)


def _new_visitor_id() -> str:
    return f"demo_{uuid4().hex[:12]}"


def _new_account(dice: Random) -> dict[str, str]:
    """Of somebody who has the first name of one member and the last name of another."""
    names = [member.name.split() for member in cast.members() if member.name.isascii()]
    name = f"{dice.choice(names)[0]} {dice.choice(names)[-1]}"
    email = f"{name.lower().replace(' ', '.')}.{uuid4().hex[:6]}@demo.example"
    return {"email": email, "password": uuid4().hex, "name": name}
