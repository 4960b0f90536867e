"""The participants on this worker, by session, user and community."""

from collections import Counter

from koyjabo.base.models import SITE
from koyjabo.base.observability.metrics import OTHER_KIND
from .participant import Participant

MAX_MEASURED_COMMUNITIES = 50
"""Maximum number of communities in the metrics."""


class Participants:
    """The participants on this worker, in all communities."""

    def __init__(self) -> None:
        self._participants: dict[Participant, None] = {}
        self._participants_of: dict[str, dict[Participant, None]] = {}  # by session, user and community

    def add(self, participant: Participant) -> None:
        self._participants[participant] = None
        for whose in _whose(participant):
            self._participants_of.setdefault(whose, {})[participant] = None

    def discard(self, participant: Participant) -> None:
        """Remove a participant. Idempotent."""
        self._participants.pop(participant, None)
        for whose in _whose(participant):
            participants = self._participants_of.get(whose, {})
            participants.pop(participant, None)
            if not participants:
                self._participants_of.pop(whose, None)

    def all(self) -> list[Participant]:
        return list(self._participants)

    def of(self, whose: str) -> list[Participant]:
        """The participants of the session, user or community with this id."""
        return list(self._participants_of.get(whose, ()))

    def counts(self) -> dict[str, int]:
        """The number of participants in the largest communities, and in all others."""
        return largest_of(
            Counter(participant.scope for participant in list(self._participants) if participant.scope != SITE)
        )


def largest_of(counts: Counter[str]) -> dict[str, int]:
    """The MAX_MEASURED_COMMUNITIES largest counts, and the rest as `other`."""
    largest = dict(counts.most_common(MAX_MEASURED_COMMUNITIES))
    rest = counts.total() - sum(largest.values())
    return {**largest, OTHER_KIND: rest} if rest else largest


def _whose(participant: Participant) -> tuple[str, str, str]:
    return participant.access.session_id, participant.access.user_id, participant.access.community_id
