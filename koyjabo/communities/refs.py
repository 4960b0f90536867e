"""The ids and external ids of communities.

An external id is accepted anywhere an id is, and resolved from memory. It never equals the id of a community here
(`RefTaken`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import EXTERNAL_ID, uuid_of
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.batch_worker import Job
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.shared_lookups import SharedLookups
from . import queries
from .queries import IDS_PER_QUERY

REFS_REFRESH_S = 0.5
"""Interval between reads of the external ids in use, s. After a community has been deleted, its external id may belong
to a new one.
"""

REF_KEPT_MS = 10_000
"""How long an unused external id stays in memory, ms."""


@dataclass(slots=True)
class KnownRef:
    community_id: str
    used_ms: int


class CommunityRefs:
    """The ids and external ids that this worker has looked up. Only existing communities are kept. Ids are never
    reused, so an id in memory needs no query.
    """

    def __init__(self, database: DatabaseExecutor, runtime: Runtime, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._ids: set[str] = set()
        self._refs: dict[str, KnownRef] = {}
        self._lookups: SharedLookups[str, str] = SharedLookups(runtime, self._resolve)

    def resolve(self, text: str) -> str:
        """The id of the community with this id or external id; otherwise `text`, in lower case if it is a UUID. May
        wait for a query, which concurrent calls share. Raises LedgerUnavailable.
        """
        known = self.known(text)
        if known is not None or not EXTERNAL_ID.fullmatch(text):
            return known or text
        return self._lookups.ask(text)

    def resolve_all(self, texts: Collection[str]) -> dict[str, str]:
        """`resolve` many texts at once, with one query for every IDS_PER_QUERY texts that are not in memory."""
        unknown = [text for text in texts if self.known(text) is None and EXTERNAL_ID.fullmatch(text)]
        for start in range(0, len(unknown), IDS_PER_QUERY):
            self._look_up(set(unknown[start : start + IDS_PER_QUERY]))
        return {text: self._id_of(text) for text in texts}

    def known(self, text: str) -> str | None:
        """`resolve` from memory; None if the text is not in memory."""
        community_id = uuid_of(text)
        if community_id in self._ids:
            return community_id
        ref = self._refs.get(text)
        if ref is None:
            return None
        ref.used_ms = self._clock.elapsed_ms()
        return ref.community_id

    def learn(self, community_id: str, ref: str) -> None:
        """Remember a community that was created or read."""
        self._ids.add(community_id)
        self._refs[ref] = KnownRef(community_id, self._clock.elapsed_ms())

    def forget(self, community_id: str) -> None:
        """Forget a community that may have been deleted. Idempotent."""
        self._ids.discard(community_id)
        for ref, known in list(self._refs.items()):
            if known.community_id == community_id:
                self._refs.pop(ref, None)

    def forget_all(self) -> None:
        self._ids.clear()
        self._refs.clear()

    def refresh(self) -> None:
        """Re-read the external ids in use. Call this every REFS_REFRESH_S. If the database is down, they stay
        unchanged.
        """
        least_ms = self._clock.elapsed_ms() - REF_KEPT_MS
        for ref in [ref for ref, known in self._refs.items() if known.used_ms < least_ms]:
            self._refs.pop(ref, None)
        refs = list(self._refs)
        try:
            for start in range(0, len(refs), IDS_PER_QUERY):
                self._read_again(refs[start : start + IDS_PER_QUERY])
        except LedgerUnavailable:
            return

    def _read_again(self, refs: list[str]) -> None:
        before = {ref: known for ref in refs if (known := self._refs.get(ref))}
        refs_by_id = self._database.read(queries.refs_of, (), refs)
        ids = {ref: community_id for community_id, ref in refs_by_id.items()}
        for ref, known in before.items():
            if self._refs.get(ref) is not known:
                continue  # changed since the read began
            if ref in ids:
                known.community_id = ids[ref]
            else:
                self._refs.pop(ref, None)

    def _resolve(self, jobs: Sequence[Job[str, str]]) -> None:
        self._look_up({job.item for job in jobs})
        for job in jobs:
            job.result = self._id_of(job.item)

    def _look_up(self, texts: Collection[str]) -> None:
        ids = {own for text in texts if (own := uuid_of(text))}
        refs_by_id = self._database.read(queries.refs_of, ids, texts)
        self._ids.update(ids & refs_by_id.keys())
        for community_id, ref in refs_by_id.items():
            if ref is not None and ref in texts:
                self.learn(community_id, ref)

    def _id_of(self, text: str) -> str:
        return self.known(text) or uuid_of(text) or text
