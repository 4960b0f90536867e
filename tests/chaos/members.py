"""Members of communities, with several tabs each: they come, reload, leave, and vanish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from support.clients.members import Member

from chaos.event_loop import Switchboard
from chaos.journal import Seen
from chaos.websocket_clients import Line, SocketioLine

MOST_TABS = 3
NEXT_MOVE_S = (0.4, 4.0)
RELOAD_S = 0.3
AWAY_S = (1.0, 9.0)
EXPIRED = 4004
OF_COUNTS = ("visitor_count", "visitor_joined", "visitor_left")


class Tab:
    """One socket of a member in a community. It adds up what it hears."""

    def __init__(self, board: Switchboard, person: Person, community: str, is_plain: bool) -> None:
        self.community = community
        self.count: int | None = None
        self._person = person
        self._board = board
        self._revision = 0
        self.line = self._plain() if is_plain else self._socketio()
        self.line.on_open = self._begin
        self.line.on_event = self._hear
        self.line.on_close_code = person.turned_away
        name = f"{person.name} in {community[:8]}"
        self._of_site, self._of_community = Seen(board.book, f"{name}, site"), Seen(board.book, name)

    @property
    def is_seated(self) -> bool:
        return self.line.state == "open" and self.count is not None

    def _plain(self) -> Line:
        return Line(self._board, f"/ws/communities/{self.community}/visitors/", self._person.header)

    def _socketio(self) -> Line:
        where = {"room": "visitors", "communityId": self.community}
        return SocketioLine(self._board, lambda: {**where, "token": self._person.token})

    def _begin(self) -> None:
        self.count, self._revision = None, 0
        self._of_site.begin_line()
        self._of_community.begin_line()

    def _hear(self, event: dict[str, Any]) -> None:
        if event["type"] in OF_COUNTS:
            self._hear_count(event)
        elif event["type"] == "visitor_update":
            seen = self._of_community if event.get("community_id") else self._of_site
            seen.see(event["stats"], pushed=True)
        elif event["type"] == "kicked":
            self._person.turned_away(event["code"])

    def _hear_count(self, event: dict[str, Any]) -> None:
        self._board.book.note("counts heard by members")
        before, self.count = self.count, event["count"]
        if before is not None and before + event["change"] != event["count"]:
            self._board.book.breach(f"{self._person.name} knew of {before} and heard {event}")
        if before is not None and event["revision"] <= self._revision:
            self._board.book.breach(f"{self._person.name} heard {event} after revision {self._revision}")
        self._revision = event["revision"]


class Person:
    """A member of `communities`. Moves at random until `is_still` says otherwise."""

    def __init__(
        self, board: Switchboard, member: Member, communities: Sequence[str], is_still: Callable[[], bool]
    ) -> None:
        self.name = member.name
        self.member = member
        self.tabs: list[Tab] = []
        self._board = board
        self._communities = communities
        self._is_still = is_still

    @property
    def token(self) -> str:
        return self.member.token

    def header(self) -> str:
        """With the token that is good when a socket is opened."""
        return f"Authorization: Bearer {self.token}"

    def begin(self) -> None:
        self._come()
        self._move_later()

    def leave(self) -> None:
        for tab in self.tabs:
            tab.line.leave()

    def turned_away(self, code: int) -> None:
        """Nothing that fails takes a right from anybody."""
        if 4000 <= code < 4999 and code != EXPIRED:
            self._board.book.breach(f"{self.name} was turned away with {code}")

    def _move(self) -> None:
        if not self._is_still():
            there = [tab for tab in self.tabs if tab.line.wanted]
            moves = [self._come] * 3 if len(there) < MOST_TABS else []
            if there:
                moves += [self._go, self._reload, self._vanish, self._reload]
            self._board.chance.choice(moves)()
        self._move_later()

    def _move_later(self) -> None:
        self._board.later(self._board.chance.uniform(*NEXT_MOVE_S), self._move)

    def _come(self) -> None:
        community = self._board.chance.choice(list(self._communities))
        tab = Tab(self._board, self, community, is_plain=self._board.chance.random() < 0.5)
        self.tabs = [each for each in self.tabs if each.line.wanted] + [tab]
        tab.line.open()

    def _one(self) -> Tab:
        return self._board.chance.choice([tab for tab in self.tabs if tab.line.wanted])

    def _go(self) -> None:
        self._one().line.leave()

    def _reload(self) -> None:
        tab = self._one()
        tab.line.leave(1001)
        tab.line.wanted = True  # it is on its way back, also for whoever asks who is here
        self._board.later(RELOAD_S, lambda: tab.line.wanted and tab.line.open())

    def _vanish(self) -> None:
        tab = self._one()
        tab.line.vanish()
        if self._board.chance.random() < 0.5:
            self._board.later(self._board.chance.uniform(*AWAY_S), lambda: self._return(tab))

    def _return(self, tab: Tab) -> None:
        if tab in self.tabs and not self._is_still() and sum(each.line.wanted for each in self.tabs) < MOST_TABS:
            tab.line.open()
