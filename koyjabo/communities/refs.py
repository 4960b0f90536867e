"""Resolves the refs of communities, which another system has given them, from memory (decision 93).

A ref stands wherever an id does. An id of a community here wins: no ref equals one (`RefTaken`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from koyjabo.communities import ref_queries
from koyjabo.communities.ref_queries import AT_ONCE
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.identity import REF, uuid_of
from koyjabo.core.runtime import Runtime
from koyjabo.database.batch_worker import Job
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.shared_lookups import SharedLookups

LOOK_S = 0.5
"""How often the refs in use are read again: a ref may belong to a new community when its old one was deleted."""

KEPT_MS = 10_000
"""After so long without use a ref leaves memory."""


@dataclass(slots=True)
class KnownRef:
    community_id: str
    used_ms: int


class CommunityRefs:
    """The ids and refs that this worker has met. Only existing communities are kept, and an id is never given again, so
    an id that was met once costs no query.
    """

    def __init__(self, database: DatabaseExecutor, runtime: Runtime, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._ids: set[str] = set()
        self._refs: dict[str, KnownRef] = {}
        self._lookups: SharedLookups[str, str] = SharedLookups(runtime, self._answer)

    def resolve(self, text: str) -> str:
        """The id of the community with this id or ref; without one, `text`, in lower case if it is a UUID.

        May wait for a query, which all that wait together share. Raises LedgerUnavailable.
        """
        found = self.known(text)
        if found is not None or not REF.fullmatch(text):
            return found or text
        return self._lookups.ask(text)

    def resolve_all(self, texts: Collection[str]) -> dict[str, str]:
        """`resolve`, for many at once: in one query for AT_ONCE of those that are not in memory."""
        unknown = [text for text in texts if self.known(text) is None and REF.fullmatch(text)]
        for start in range(0, len(unknown), AT_ONCE):
            self._look_up(set(unknown[start : start + AT_ONCE]))
        return {text: self._found(text) for text in texts}

    def known(self, text: str) -> str | None:
        """As `resolve`, of what is in memory: None for anything else."""
        community_id = uuid_of(text)
        if community_id in self._ids:
            return community_id
        ref = self._refs.get(text)
        if ref is None:
            return None
        ref.used_ms = self._clock.elapsed_ms()
        return ref.community_id

    def learn(self, community_id: str, ref: str) -> None:
        """A community of this ref was made or found."""
        self._ids.add(community_id)
        self._refs[ref] = KnownRef(community_id, self._clock.elapsed_ms())

    def forget(self, community_id: str) -> None:
        """A community may be gone. Idempotent."""
        self._ids.discard(community_id)
        for ref, known in list(self._refs.items()):
            if known.community_id == community_id:
                self._refs.pop(ref, None)

    def forget_all(self) -> None:
        self._ids.clear()
        self._refs.clear()

    def refresh(self) -> None:
        """Read the refs in use again. Call it every LOOK_S. While the database is away, they stay as they were."""
        least_ms = self._clock.elapsed_ms() - KEPT_MS
        for ref in [ref for ref, known in self._refs.items() if known.used_ms < least_ms]:
            self._refs.pop(ref, None)
        refs = list(self._refs)
        try:
            for start in range(0, len(refs), AT_ONCE):
                self._read_again(refs[start : start + AT_ONCE])
        except LedgerUnavailable:
            return

    def _read_again(self, refs: list[str]) -> None:
        before = {ref: known for ref in refs if (known := self._refs.get(ref))}
        found = {each.ref: each.id for each in self._database.read(ref_queries.find, (), refs)}
        for ref, known in before.items():
            if self._refs.get(ref) is not known:
                continue  # learnt or forgotten meanwhile
            if ref in found:
                known.community_id = found[ref]
            else:
                self._refs.pop(ref, None)

    def _answer(self, jobs: Sequence[Job[str, str]]) -> None:
        self._look_up({job.item for job in jobs})
        for job in jobs:
            job.result = self._found(job.item)

    def _look_up(self, texts: Collection[str]) -> None:
        ids = {own for text in texts if (own := uuid_of(text))}
        found = self._database.read(ref_queries.find, ids, texts)
        self._ids.update(each.id for each in found if each.id in ids)
        for each in found:
            if each.ref is not None and each.ref in texts:
                self.learn(each.id, each.ref)

    def _found(self, text: str) -> str:
        return self.known(text) or uuid_of(text) or text
