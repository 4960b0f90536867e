"""Members of communities with several tabs each. They connect, reload, leave and vanish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from support.clients.members import Member

from chaos.event_loop import EventLoop
from chaos.journal import Seen
from chaos.websocket_clients import SocketioClient, WebSocketClient

MOST_TABS = 3
NEXT_MOVE_S = (0.4, 4.0)
RELOAD_S = 0.3
AWAY_S = (1.0, 9.0)
EXPIRED = 4004
OF_COUNTS = ("visitor_count", "visitor_joined", "visitor_left")


class Tab:
    """A member's socket in a community. It adds up the changes it receives."""

    def __init__(self, event_loop: EventLoop, person: Person, community: str, is_plain: bool) -> None:
        self.community = community
        self.count: int | None = None
        self._person = person
        self._event_loop = event_loop
        self._revision = 0
        self.line = self._plain() if is_plain else self._socketio()
        self.line.on_open = self._begin
        self.line.on_event = self._receive
        self.line.on_close_code = person.turned_away
        name = f"{person.name} in {community[:8]}"
        self._of_site, self._of_community = Seen(event_loop.journal, f"{name}, site"), Seen(event_loop.journal, name)

    @property
    def is_seated(self) -> bool:
        return self.line.state == "open" and self.count is not None

    def _plain(self) -> WebSocketClient:
        return WebSocketClient(self._event_loop, f"/ws/communities/{self.community}/visitors/", self._person.header)

    def _socketio(self) -> WebSocketClient:
        where = {"room": "visitors", "communityId": self.community}
        return SocketioClient(self._event_loop, lambda: {**where, "token": self._person.token})

    def _begin(self) -> None:
        self.count, self._revision = None, 0
        self._of_site.begin_line()
        self._of_community.begin_line()

    def _receive(self, event: dict[str, Any]) -> None:
        if event["type"] in OF_COUNTS:
            self._receive_count(event)
        elif event["type"] == "visitor_update":
            seen = self._of_community if event.get("community_id") else self._of_site
            seen.see(event["stats"], pushed=True)
        elif event["type"] == "kicked":
            self._person.turned_away(event["code"])

    def _receive_count(self, event: dict[str, Any]) -> None:
        self._event_loop.journal.note("counts received by members")
        before, self.count = self.count, event["count"]
        if before is not None and before + event["change"] != event["count"]:
            self._event_loop.journal.breach(f"{self._person.name} knew of {before} and received {event}")
        if before is not None and event["revision"] <= self._revision:
            self._event_loop.journal.breach(f"{self._person.name} received {event} after revision {self._revision}")
        self._revision = event["revision"]


class Person:
    """A member of `communities`. Acts at random until `is_still` is set."""

    def __init__(
        self, event_loop: EventLoop, member: Member, communities: Sequence[str], is_still: Callable[[], bool]
    ) -> None:
        self.name = member.name
        self.member = member
        self.tabs: list[Tab] = []
        self._event_loop = event_loop
        self._communities = communities
        self._is_still = is_still

    @property
    def token(self) -> str:
        return self.member.token

    def header(self) -> str:
        """The header for opening a socket, with the current token."""
        return f"Authorization: Bearer {self.token}"

    def begin(self) -> None:
        self._come()
        self._move_later()

    def leave(self) -> None:
        for tab in self.tabs:
            tab.line.leave()

    def turned_away(self, code: int) -> None:
        """Record a breach: no fault may take away a permission."""
        if 4000 <= code < 4999 and code != EXPIRED:
            self._event_loop.journal.breach(f"{self.name} was turned away with {code}")

    def _move(self) -> None:
        if not self._is_still():
            there = [tab for tab in self.tabs if tab.line.should_be_open]
            moves = [self._come] * 3 if len(there) < MOST_TABS else []
            if there:
                moves += [self._go, self._reload, self._vanish, self._reload]
            self._event_loop.chance.choice(moves)()
        self._move_later()

    def _move_later(self) -> None:
        self._event_loop.later(self._event_loop.chance.uniform(*NEXT_MOVE_S), self._move)

    def _come(self) -> None:
        community = self._event_loop.chance.choice(list(self._communities))
        tab = Tab(self._event_loop, self, community, is_plain=self._event_loop.chance.random() < 0.5)
        self.tabs = [tab for tab in self.tabs if tab.line.should_be_open] + [tab]
        tab.line.open()

    def _one(self) -> Tab:
        return self._event_loop.chance.choice([tab for tab in self.tabs if tab.line.should_be_open])

    def _go(self) -> None:
        self._one().line.leave()

    def _reload(self) -> None:
        tab = self._one()
        tab.line.leave(1001)
        tab.line.should_be_open = True  # it reconnects soon, so it counts as online
        self._event_loop.later(RELOAD_S, lambda: tab.line.should_be_open and tab.line.open())

    def _vanish(self) -> None:
        tab = self._one()
        tab.line.vanish()
        if self._event_loop.chance.random() < 0.5:
            self._event_loop.later(self._event_loop.chance.uniform(*AWAY_S), lambda: self._return(tab))

    def _return(self, tab: Tab) -> None:
        if tab in self.tabs and not self._is_still() and sum(tab.line.should_be_open for tab in self.tabs) < MOST_TABS:
            tab.line.open()
