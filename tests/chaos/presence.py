"""Whether the communities know who is there: on every socket, and on whichever worker is asked."""

from __future__ import annotations

import time
from typing import Any

from chaos.http_line import HttpLine
from chaos.people import Tab
from chaos.world import World

SEATED_WITHIN_S = 25.0
AGREED_WITHIN_S = 15.0
ASKED = 6
"""New connections, each of which any of the workers takes."""

TURN_S = 0.05


def check_presence(world: World) -> float:
    """Have people keep still, and wait until they are counted right. Seconds that took once all were seated."""
    world.still.set()
    world.book.expect(lambda: not _unseated(world), "every tab of a member is seated", SEATED_WITHIN_S)
    began = time.monotonic()
    if not _is_right_within(world, AGREED_WITHIN_S) and (found := _disagreements(world)):
        world.book.breach(f"presence is wrong after {AGREED_WITHIN_S:.0f} s: {found[:3]} and {len(found)} in all")
    return time.monotonic() - began


def _is_right_within(world: World, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (is_right := not _disagreements(world)) and time.monotonic() < deadline:
        time.sleep(TURN_S)
    return is_right


def _tabs(world: World) -> list[Tab]:
    return [tab for person in world.people for tab in list(person.tabs) if tab.line.wanted]


def _unseated(world: World) -> list[Tab]:
    return [tab for tab in _tabs(world) if not tab.is_seated]


def _disagreements(world: World) -> list[Any]:
    found: list[Any] = []
    for community in world.communities:
        people = [
            person
            for person in world.people
            if any(tab.community == community and tab.is_seated for tab in person.tabs if tab.line.wanted)
        ]
        told = [tab.count for tab in _tabs(world) if tab.community == community]
        found += [("a tab heard", count, "of", len(people)) for count in told if count != len(people)]
        if not found and people:
            asked = [_asked(world, people[0].token, community) for _ in range(ASKED)]
            found += [("asked, it said", said, "of", len(people)) for said in asked if said != len(people)]
    return found


def _asked(world: World, token: str, community: str) -> Any:
    line = HttpLine(world.server.port, world.book)
    headers = {"Authorization": f"Bearer {token}"}
    answer = line.ask("GET", f"/api/communities/{community}/visitors/realtime", headers=headers)
    line.close()
    if answer is None or answer.status != 200:
        return answer
    return answer.body["current_online"]
