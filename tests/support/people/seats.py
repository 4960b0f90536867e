"""Participants in a community's rooms, without a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koyjabo.communities.live.participant import Participant
from koyjabo.communities.permissions import RequiredAccess
from koyjabo.web.login.claims import Tokens
from support.application.site import Site
from support.people.accounts import Person


class Socket:
    """A plain WebSocket that discards what is written."""

    is_stream = False

    def write(self, data: bytes) -> None: ...


def seat_of(
    site: Site, person: Person, community: str, end: Callable[[Any], object] = lambda problem: None, member: Any = None
) -> Participant:
    """A person who asks to join as a member. `end` receives the reason if they are removed."""
    session = site.services[Tokens].read(person.access).session_id
    return Participant(member or Socket(), RequiredAccess(session, person.id, community, "member"), False, end)
