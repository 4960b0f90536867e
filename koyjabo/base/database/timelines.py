"""Decides which PostgreSQL server is the current primary, so that an old primary that rejoins is not used (decision
88).

When a standby is promoted, it begins a timeline with a higher number than its old primary's. Both keep the
`system_identifier` of the cluster they are copies of.
"""

from typing import Any, NamedTuple


class ServerTimeline(NamedTuple):
    """A server and its timeline. Among the servers of one system, the one with the highest timeline is the current
    primary.
    """

    system: int
    accepted_ms: int  # when an operator last accepted this server (`koyjabo ledger accept`), ms; 0 for never
    timeline: int


class Timelines:
    """The newest timeline of each system known to this process. Any thread may call its methods."""

    def __init__(self) -> None:
        self.refusal = ""
        """Why the most recently reached server is not used; "" if it is used."""
        self.distrusted = 0
        """How many times a pooler has moved its connections to another server."""
        self.silent: dict[tuple[str, str], float] = {}
        """When a server last failed to respond, by host and port, monotonic s. The server that failed most recently is
        tried last.
        """
        self._seen: dict[int, set[ServerTimeline]] = {}  # by system; entries are only added, which is safe for threads

    def admits(self, server: ServerTimeline) -> bool:
        """Whether a new connection's server may be used."""
        newest = self.note(server)
        self.refusal = (
            f"The server is on timeline {server.timeline}, but timeline {newest.timeline} was seen: "
            "it is an old primary that came back (docs/failover.md)."
            if newest > server
            else ""
        )
        return not self.refusal

    def note(self, server: ServerTimeline) -> ServerTimeline:
        """Remember a server that this or another process has seen. Returns the newest one of its system."""
        seen = self._seen.setdefault(server.system, set())
        seen.add(server)
        return max(tuple(seen))

    def newest(self) -> list[ServerTimeline]:
        """The newest server of each system."""
        return [max(tuple(seen)) for seen in list(self._seen.values())]

    def trusts(self, connection: Any) -> bool:
        """Whether an open connection may still be used."""
        server: ServerTimeline | None = connection and connection.server
        if server is None:
            return True
        return connection.distrusted == self.distrusted and self.note(server) == server


TIMELINES = Timelines()
"""The only instance in this process, shared by all its connections."""
