"""Pages of visits, and members of communities with several tabs each, who connect, reload, leave and vanish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from support.clients.members import Member

from chaos.journal import Seen, Visit
from chaos.sockets import PlainSocket, SocketioSocket, SocketThread

MAX_TABS = 3
NEXT_MOVE_S = (0.4, 4.0)
RELOAD_S = 0.3
AWAY_S = (1.0, 9.0)
EXPIRED = 4004
OF_COUNTS = ("visitor_count", "visitor_joined", "visitor_left")


class Page:
    def __init__(self, name: str, line: PlainSocket, visit: Visit) -> None:
        self.line = line
        self.visit = line.visit = visit
        self.seen = Seen(line.journal, name)
        line.on_open = self.seen.begin_line
        line.on_event = self._receive

    def _receive(self, event: dict[str, Any]) -> None:
        self.line.journal.note("updates received by pages")
        self.seen.see(event["stats"], pushed=True)


class Tab:
    """A member's socket in a community. It adds up the changes it receives."""

    def __init__(self, thread: SocketThread, person: Person, community: str, is_plain: bool) -> None:
        self.community = community
        self.count: int | None = None
        self._person = person
        self._revision = 0
        if is_plain:
            path = f"/ws/communities/{community}/visitors/"
            self.line = PlainSocket(thread, path, lambda: f"Bearer {person.member.token}")
        else:
            where = {"room": "visitors", "communityId": community}
            self.line = SocketioSocket(thread, lambda: {**where, "token": person.member.token})
        self.line.on_open = self._begin
        self.line.on_event = self._receive
        self.line.on_close_code = person.turned_away
        name = f"{person.name} in {community[:8]}"
        self._of_site, self._of_community = Seen(thread.journal, f"{name}, site"), Seen(thread.journal, name)

    @property
    def is_seated(self) -> bool:
        return self.line.is_open and self.count is not None

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
        journal, before = self.line.journal, self.count
        self.count = event["count"]
        journal.note("counts received by members")
        if before is not None and before + event["change"] != event["count"]:
            journal.breach(f"{self._person.name} knew of {before} and received {event}")
        if before is not None and event["revision"] <= self._revision:
            journal.breach(f"{self._person.name} received {event} after revision {self._revision}")
        self._revision = event["revision"]


class Person:
    """A member of `communities`. Acts at random until `is_still` is set."""

    def __init__(
        self, thread: SocketThread, member: Member, communities: Sequence[str], is_still: Callable[[], bool]
    ) -> None:
        self.name = member.name
        self.member = member
        self.tabs: list[Tab] = []
        self._thread = thread
        self._communities = communities
        self._is_still = is_still

    @property
    def present(self) -> list[Tab]:
        return [tab for tab in list(self.tabs) if tab.line.should_be_open]

    def begin(self) -> None:
        self._come()
        self._move_later()

    def turned_away(self, code: int) -> None:
        """Record a breach: no fault may take away a permission."""
        if 4000 <= code < 4999 and code != EXPIRED:
            self._thread.journal.breach(f"{self.name} was turned away with {code}")

    def _move(self) -> None:
        if not self._is_still():
            moves = [self._come] * 3 if len(self.present) < MAX_TABS else []
            if self.present:
                tab = self._thread.chance.choice(self.present)
                reload = [lambda: self._reload(tab)] * 2
                moves += [tab.line.leave, *reload, lambda: self._vanish(tab)]
            self._thread.chance.choice(moves)()
        self._move_later()

    def _move_later(self) -> None:
        self._thread.later(self._thread.chance.uniform(*NEXT_MOVE_S), self._move)

    def _come(self) -> None:
        community = self._thread.chance.choice(list(self._communities))
        tab = Tab(self._thread, self, community, is_plain=self._thread.chance.random() < 0.5)
        self.tabs = [*self.present, tab]
        tab.line.open()

    def _reload(self, tab: Tab) -> None:
        tab.line.leave(1001)
        tab.line.should_be_open = True  # it reconnects soon, so it counts as online
        self._thread.later(RELOAD_S, lambda: tab.line.should_be_open and tab.line.open())

    def _vanish(self, tab: Tab) -> None:
        tab.line.vanish()
        if self._thread.chance.random() < 0.5:
            self._thread.later(self._thread.chance.uniform(*AWAY_S), lambda: self._return(tab))

    def _return(self, tab: Tab) -> None:
        if tab in self.tabs and not self._is_still() and len(self.present) < MAX_TABS:
            tab.line.open()
