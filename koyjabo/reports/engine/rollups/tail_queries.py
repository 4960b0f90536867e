"""What visits that the projection has not read yet add to its sums."""

from __future__ import annotations

from sqlalchemy.orm import Session

from koyjabo.reports.projection import reading_queries, state_queries
from koyjabo.reports.projection.additions import Additions
from koyjabo.reports.projection.people import WITHOUT_NUMBER
from koyjabo.reports.projection.state_queries import State
from koyjabo.reports.traits.parser import TraitParser

MOST_ROWS = 5_000
"""With more new visits, adding them takes longer than reading all rows of a short range."""


class Tail:
    """Keeps the visits it has read, and reads new ones. For one thread.

    Visitors without a number get WITHOUT_NUMBER plus that of their first visit, which may be older than the watermark.
    """

    def __init__(self, parser: TraitParser) -> None:
        self._parser = parser
        self._state = State()
        self._upto = 0
        self._additions = Additions()

    def read(self, session: Session) -> tuple[State, Additions] | None:
        """The state, and the additions after it, by key. None if the sums cannot be used, or too many visits are newer.

        The session reads a snapshot.
        """
        state, newest = state_queries.read(session), state_queries.newest_visit(session)
        if not state.is_complete or newest - state.upto > MOST_ROWS:
            return None
        if state != self._state or newest < self._upto:
            self._state, self._upto, self._additions = state, state.upto, Additions()
        visits = (
            reading_queries.visits(session, self._parser, self._upto, newest, MOST_ROWS) if newest > self._upto else []
        )
        self._additions.add(
            counted for visit in visits for counted in visit.counted(visit.number or WITHOUT_NUMBER + visit.visitor)
        )
        self._upto = newest
        return state, self._additions
