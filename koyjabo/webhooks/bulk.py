"""Changes of deliveries that may be a million, in small transactions: visits get their turn in between."""

from __future__ import annotations

import logging
from collections.abc import Callable

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.throttle import Throttle
from koyjabo.webhooks import queries, waiting_queries

log = logging.getLogger(__name__)


def later(runtime: Runtime, work: Callable[[], object]) -> None:
    """Do it in a task. What an interruption leaves is harmless: pending deliveries of a disabled webhook are given up
    before it is enabled again, those of a removed one go at night.
    """

    def task() -> None:
        try:
            work()
        except LedgerUnavailable as error:
            log.warning("webhook_deliveries_interrupted cause=%r", str(error.__cause__ or error))

    runtime.start_task(task)


def give_up(database: DatabaseExecutor, webhook_id: str, now_ms: int) -> None:
    """Give up all pending deliveries of a webhook unless it is enabled. Raises LedgerUnavailable."""
    throttle = Throttle(database)
    while throttle.do(queries.give_up, webhook_id, now_ms):
        pass


def drop_oldest(database: DatabaseExecutor, webhook_id: str, now_ms: int) -> int:
    """Drop the oldest deliveries over the limits of an endpoint. Returns their number. Raises LedgerUnavailable."""
    newest = database.read(waiting_queries.newest_over, webhook_id)
    throttle, number, has_more = Throttle(database), 0, newest is not None
    while has_more:
        dropped, has_more = throttle.do(waiting_queries.drop_oldest, webhook_id, newest, now_ms)
        number += dropped
    return number


def remove(database: DatabaseExecutor, webhook_id: str) -> None:
    """Remove all deliveries of a webhook that is removed. Raises LedgerUnavailable."""
    throttle = Throttle(database)
    while throttle.do(queries.remove_deliveries, webhook_id):
        pass
