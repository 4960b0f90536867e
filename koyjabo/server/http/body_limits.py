"""How large bodies may be, and how many large ones a worker reads at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from koyjabo.network import client_address

MOST_LARGER = 32
"""Requests with larger bodies than usual that a worker reads at once: what they hold in memory is limited for all
clients together.
"""

PART_OF_A_NETWORK = 4
"""Of this number, a /24 or /48 may have one. A body that arrives slowly keeps its place for as long as it takes."""


class BodyLimits:
    """`usual` is the limit in bytes. `at_path` says which paths have another one, and `proxies` is TRUSTED_PROXIES.
    `streamed` says how large the bodies are that the application at a path reads while they arrive, so that it can
    refuse them before; 0 for none.
    """

    def __init__(
        self,
        usual: int,
        at_path: Callable[[str], int] = lambda path: 0,
        proxies: int = 0,
        streamed: Callable[[str], int] = lambda path: 0,
    ) -> None:
        self.usual = usual
        self._at_path = at_path
        self._streamed = streamed
        self._proxies = proxies
        self._being_read = 0
        self._by_address = client_address.AddressCounter()

    def at(self, url: bytes) -> int:
        """The limit at this URL, bytes."""
        return self._at_path(_path(url))

    def streamed_at(self, url: bytes) -> int:
        return self._streamed(_path(url))

    def client(self, peer: str, headers: Mapping[str, str]) -> str:
        """Whom a body counts for, as of `client_address.limit_key`: the client that has sent it through our proxies."""
        address = client_address.behind(headers, self._proxies) or peer
        return client_address.limit_key({**headers, "REMOTE_ADDR": address})

    def take_place(self, client: str) -> bool:
        """Begin to read a larger body. False if there are too many of all clients, or of its network."""
        has_room = self._by_address.neighbours_have_room(client, MOST_LARGER // PART_OF_A_NETWORK)
        if self._being_read >= MOST_LARGER or not has_room:
            return False
        self._being_read += 1
        self._by_address.add(client)
        return True

    def free_place(self, client: str) -> None:
        """The larger body is no longer in memory."""
        self._being_read -= 1
        self._by_address.remove(client)


def _path(url: bytes) -> str:
    return url.partition(b"?")[0].decode("latin-1")
