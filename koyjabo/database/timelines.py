"""Which server of PostgreSQL is the right one: an old primary that came back is not used (decision 88).

A standby that is promoted begins a timeline with a greater number than that of its old primary. Both keep the
`system_identifier` of the cluster that they are copies of.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class ServerTimeline(NamedTuple):
    """Servers of one system are ordered: the greatest is the right one."""

    system: int
    accepted_ms: int  # when an operator last said that this one is right (`koyjabo ledger accept`); 0 for never
    timeline: int


class Timelines:
    """The newest timeline that this process knows of each system. Any thread may call its methods."""

    def __init__(self) -> None:
        self.refusal = ""
        """Why the server that was reached last is not used; "" if it is."""
        self.distrusted = 0
        """How often a pooler was found to have moved its connections to another server."""
        self.silent: dict[tuple[str, str], float] = {}
        """When a server did not answer, by host and port; monotonic s. The one of last is tried after all others."""
        self._seen: dict[int, set[ServerTimeline]] = {}  # by system; only added to, which threads may do at once

    def admits(self, server: ServerTimeline) -> bool:
        """Whether a server may be used that a new connection has reached."""
        newest = self.note(server)
        self.refusal = (
            f"The server is on timeline {server.timeline}, and timeline {newest.timeline} was seen: "
            "it is an old primary that came back (docs/failover.md)."
            if newest > server
            else ""
        )
        return not self.refusal

    def note(self, server: ServerTimeline) -> ServerTimeline:
        """Remember a server that somebody has seen. Returns the newest of its system."""
        seen = self._seen.setdefault(server.system, set())
        seen.add(server)
        return max(tuple(seen))

    def newest(self) -> list[ServerTimeline]:
        """One for each system."""
        return [max(tuple(seen)) for seen in list(self._seen.values())]

    def trusts(self, connection: Any) -> bool:
        """Whether an open connection may go on being used."""
        server: ServerTimeline | None = connection and connection.server
        if server is None:
            return True
        return connection.distrusted == self.distrusted and self.note(server) == server


TIMELINES = Timelines()
"""Of this process: whatever it opens a connection for, it has seen the same servers."""
