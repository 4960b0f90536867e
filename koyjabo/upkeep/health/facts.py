"""Facts about the server that the warnings are about."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from koyjabo.base.cluster.workers import Worker
from koyjabo.base.database.free_space import Disk
from koyjabo.counting.unsaved_visits import Unsaved
from koyjabo.upkeep.recounts.recounts import RecountState
from .queries import DatabaseFacts
from .readiness import Ready


class StoredFacts(NamedTuple):
    """Facts from the database. The defaults cause no warning."""

    database: DatabaseFacts = DatabaseFacts()
    clock_off_ms: int = 0  # how far the database's clock is ahead of ours
    recounts: RecountState = RecountState(None, None)


class SystemFacts(NamedTuple):
    ready: Mapping[str, Ready]  # the checks of /readyz, by name
    now_ms: int
    is_sqlite: bool
    survives_deploy: bool  # False for a file that the host deletes on the next deployment
    expected_workers: int  # WEB_CONCURRENCY
    workers: Sequence[Worker]
    redis_refusal: str  # why Redis refuses this worker, in its own words; "" if it does not
    disk: Disk | None  # of the SQLite file or, with PostgreSQL, the program; None if the system does not report it
    unsaved: Unsaved | None  # None while visits are being saved
    has_countries: bool
    proxy_address: str  # of `LocalProxy`
    lacked_grants: str  # the statements that bring the rights that this PostgreSQL role lacks; "" if it has all
    stored: StoredFacts = StoredFacts()
