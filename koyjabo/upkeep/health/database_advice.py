"""What to change in a PostgreSQL database that works, for /readyz and the log."""

import logging
from collections.abc import Collection
from contextlib import suppress

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.database import rights
from . import queries

log = logging.getLogger(__name__)

ADVICE_POLL_S = 10.0
"""How often the database is read, s."""

LOST_RIGHTS = "The role in DATABASE_URL lacks {rights}. As the owner of the tables, run {grants}."
FIXED_SEQUENCES = (
    "The role in DATABASE_URL may not set sequences, which it needs after a copy of the database, or a failover. As "
    "the owner of the tables, run {grant}."
)


class DatabaseAdvice:
    """Call `refresh` every ADVICE_POLL_S. `notices` are the driver's (`base.database.notices_postgres`)."""

    def __init__(self, base: Base, notices: Collection[str]) -> None:
        self._database = base.database
        self._notices = notices
        self.sentences: list[str] = []
        """Sentences for /readyz."""
        self.grants = ""
        """The statements that bring the rights that the role lacks, if any."""
        self._logged: set[str] = set()

    def refresh(self) -> None:
        """Read the database. Log each sentence when it begins to apply, and each notice once."""
        with suppress(LedgerUnavailable):  # the next call tries again
            order, lacked, grant = self._database.read(
                lambda session: (
                    queries.changed_order(session),
                    rights.lacked(session),
                    queries.sequence_grant(session),
                )
            )
            self.grants = lacked.grants if lacked else ""
            self.sentences = [_of_order(order)] if order else []
            if lacked:
                self.sentences.append(LOST_RIGHTS.format_map(lacked._asdict()))
            elif grant:
                self.sentences.append(FIXED_SEQUENCES.format(grant=grant))
        sentences = dict.fromkeys((*self.sentences, *self._notices))
        for sentence in sentences.keys() - self._logged:
            log.warning("database_advice sentence=%r", sentence)
        self._logged = {*sentences}


def _of_order(order: queries.TextOrder) -> str:
    actual = f"has version {order.actual}" if order.actual else "has none"
    sentence = (
        f"The order of texts (collation) has changed below PostgreSQL: the database has version {order.recorded}, and "
        f"its system {actual}. No number depends on it."
    )
    return f"{sentence} To end this warning, run {order.command}." if order.command else sentence
