"""Stores what is uncertain about the clock, for all workers and servers (decision 130)."""

from typing import NamedTuple

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from .models import ClockState

DOUBT_STATE, AHEAD_STATE, ANSWER_STATE = "doubt", "ahead", "answer"
REFILING_STATE = "refiling"
"""Until all is filed again: the first visit, and the last certain time (`known_ms`)."""

SELECT_LATEST = text("""
SELECT (SELECT 1000 * max(hour_s) FROM hourly_visits WHERE scope = 'site'),
       (SELECT max(at_ms) FROM (SELECT at_ms FROM events ORDER BY id DESC LIMIT 100) AS newest),
       (SELECT max(seen_ms) FROM nightly_work WHERE name = 'retention')
""")
# Several workers wait at the same time. The one that has waited longest is right.
STORE_STATE = text("""
INSERT INTO clock_states (name, at_ms, known_ms, waited_ms, visit, answer)
VALUES (:name, :at_ms, :known_ms, :waited_ms, :visit, :answer)
ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms, visit = excluded.visit, answer = excluded.answer,
    known_ms = CASE WHEN clock_states.at_ms = excluded.at_ms AND clock_states.known_ms > excluded.known_ms
                    THEN clock_states.known_ms ELSE excluded.known_ms END,
    waited_ms = CASE WHEN clock_states.at_ms = excluded.at_ms AND clock_states.waited_ms > excluded.waited_ms
                     THEN clock_states.waited_ms ELSE excluded.waited_ms END
""")


class StoredState(NamedTuple):
    """A row of `clock_states`."""

    at_ms: int = 0
    known_ms: int = 0
    waited_ms: int = 0
    visit: int = 0
    answer: str = ""


class ClockFacts(NamedTuple):
    """What the database knows about the time."""

    hour_ms: int  # the latest hour with a visit; like the next fields, 0 if there is none
    event_ms: int  # the latest of the newest events
    night_ms: int  # when the latest nightly work was last under way
    states: dict[str, StoredState]

    def state(self, name: str) -> StoredState:
        return self.states.get(name, StoredState())


def read_clock(session: Session) -> ClockFacts:
    hour_ms, event_ms, night_ms = (at_ms or 0 for at_ms in session.execute(SELECT_LATEST).one())
    columns = (ClockState.name, *(getattr(ClockState, name) for name in StoredState._fields))
    states = {name: StoredState(*values) for name, *values in session.execute(select(*columns))}
    return ClockFacts(hour_ms, event_ms, night_ms, states)


def store_state(session: Session, name: str, state: StoredState) -> None:
    session.execute(STORE_STATE, {"name": name, **state._asdict()})


def remove_state(session: Session, name: str) -> None:
    session.execute(delete(ClockState).where(ClockState.name == name))
