"""Entries that are kept for later, with a fair share for each network: a flood from one network only displaces its own
entries.
"""

from _thread import RLock  # not the green one, which is slow: no method waits while it holds the lock
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

Entry = TypeVar("Entry")


class SharedEntry(NamedTuple, Generic[Entry]):
    """An entry, with what identifies it."""

    network: Hashable
    owner: str
    key: Hashable
    entry: Entry


class Sizes:
    """The number of entries of each network, and the network with the most. Each change takes the same time, however
    many networks there are.
    """

    def __init__(self) -> None:
        self._networks: dict[int, dict[Hashable, None]] = {}  # by number of entries
        self._most = 0

    def change(self, network: Hashable, before: int, after: int) -> None:
        """Note that the number of entries of a network has changed by one."""
        if before:
            same = self._networks[before]
            del same[network]
            if not same:
                del self._networks[before]
        if after:
            self._networks.setdefault(after, {})[network] = None
        if after > self._most or self._most not in self._networks:
            self._most = after

    def largest(self) -> Hashable:
        return next(iter(self._networks[self._most]))


class FairShares(Generic[Entry]):
    """Up to `most` entries, by owner and key; up to `most_of_owner` of one owner.

    One network may use all free space. When there is none, the network with the most entries loses its oldest one.
    `on_dropped` is called for each lost entry, with its owner, and whether the owner had too many. Such an owner loses
    the new entry, or with `keeps_newest` the oldest one. Networks are served in rotation.
    """

    def __init__(
        self, most: int, most_of_owner: int, on_dropped: Callable[[str, bool], object], keeps_newest: bool = False
    ) -> None:
        self._most = most
        self._keeps_newest = keeps_newest
        self._most_of_owner = most_of_owner
        self._on_dropped = on_dropped
        self._entries: OrderedDict[Hashable, OrderedDict[tuple[str, Hashable], Entry]] = OrderedDict()  # by network
        self._networks: dict[str, dict[Hashable, Hashable]] = {}  # by owner and key
        self._sizes = Sizes()
        self._count = 0
        self._lock = RLock()

    def __len__(self) -> int:
        return self._count

    def add(self, network: Hashable, owner: str, key: Hashable, entry: Entry) -> None:
        """Add an entry, or replace the owner's entry with this key."""
        with self._lock:
            keys = self._networks.get(owner, {})
            if key in keys:
                self._entries[keys[key]][owner, key] = entry
                return
            if self._keeps_newest and len(keys) >= self._most_of_owner:
                oldest = next(iter(keys))
                self._remove(keys[oldest], owner, oldest)
            has_too_many = len(keys) >= self._most_of_owner
            if not has_too_many:
                self._put(SharedEntry(network, owner, key, entry))
                if self._count <= self._most:
                    return
                owner = self._pop(self._sizes.largest()).owner
        self._on_dropped(owner, has_too_many)

    def take(self, most: int, most_of_network: int) -> list[SharedEntry[Entry]]:
        """Remove and return up to `most` entries, one of each network in rotation."""
        taken: list[SharedEntry[Entry]] = []
        with self._lock:
            for _ in range(most_of_network):
                for network in list(islice(self._entries, most - len(taken))):
                    self._entries.move_to_end(network)
                    taken.append(self._pop(network))
        return taken

    def give_back(self, taken: Iterable[SharedEntry[Entry]]) -> None:
        """Put entries back that `take` returned. Each is the first of its network again."""
        with self._lock:
            for kept in reversed(list(taken)):
                if kept.key not in self._networks.get(kept.owner, {}):
                    self._put(kept)
                    self._entries[kept.network].move_to_end((kept.owner, kept.key), last=False)

    def get(self, owner: str, key: Hashable) -> Entry | None:
        with self._lock:
            network = self._networks.get(owner, {}).get(key)
            return self._entries[network][owner, key] if network is not None else None

    def of(self, owner: str) -> list[Entry]:
        """The entries of an owner, in the order they were added."""
        with self._lock:
            keys = self._networks.get(owner, {})
            return [self._entries[network][owner, key] for key, network in keys.items()]

    def forget(self, owner: str) -> None:
        """Remove all entries of an owner. Idempotent."""
        with self._lock:
            for key, network in list(self._networks.get(owner, {}).items()):
                self._remove(network, owner, key)

    def _put(self, kept: SharedEntry[Entry]) -> None:
        network, owner, key, entry = kept
        own = self._entries.setdefault(network, OrderedDict())
        self._sizes.change(network, len(own), len(own) + 1)
        own[owner, key] = entry
        self._networks.setdefault(owner, {})[key] = network
        self._count += 1

    def _pop(self, network: Hashable) -> SharedEntry[Entry]:
        """Remove and return the oldest entry of a network."""
        owner, key = next(iter(self._entries[network]))
        return SharedEntry(network, owner, key, self._remove(network, owner, key))

    def _remove(self, network: Hashable, owner: str, key: Hashable) -> Entry:
        own = self._entries[network]
        self._sizes.change(network, len(own), len(own) - 1)
        entry = own.pop((owner, key))
        if not own:
            del self._entries[network]
        del self._networks[owner][key]
        if not self._networks[owner]:
            del self._networks[owner]
        self._count -= 1
        return entry
