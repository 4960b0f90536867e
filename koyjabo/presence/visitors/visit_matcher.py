"""The interface for matching visits with sockets on other workers. `visit_matcher_redis` implements it."""

from collections.abc import Callable

from .unmatched_visits import Fingerprint


class VisitMatcher:
    """Matches nothing, for a server without other workers."""

    def offer(self, fingerprint: Fingerprint, visitor_id: str) -> None:
        """Publish that a visit with this fingerprint has no socket yet."""

    def ask(self, fingerprint: Fingerprint, matched: Callable[[str], None]) -> None:
        """Call `matched` once with the visitor last offered for `fingerprint`, if any."""
