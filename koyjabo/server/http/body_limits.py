"""Limits the size of request bodies, and the number of large ones that a worker reads at once."""

from collections.abc import Callable, Mapping

from koyjabo.base.network import client_address

MAX_LARGER_BODIES = 32
"""Maximum number of bodies over the usual size that a worker reads at once, to limit memory use."""

BODIES_NETWORK_DIVISOR = 4
"""A /24 or /48 gets at most a quarter of these places, because a body that arrives slowly occupies its place for a long
time.
"""


class BodyLimits:
    """Limits on body sizes, in bytes. `usual` is the default limit, and `at_path` returns a path's own limit.
    Larger bodies are refused before they arrive. `proxies` is TRUSTED_PROXIES.
    """

    def __init__(
        self,
        usual: int,
        at_path: Callable[[str], int] = lambda path: 0,
        proxies: int = 0,
    ) -> None:
        self.usual = usual
        self._at_path = at_path
        self.proxies = proxies
        self._being_read = 0
        self._by_address = client_address.AddressCounter()

    def at(self, url: bytes) -> int:
        """The limit for this URL, bytes."""
        return self._at_path(url.partition(b"?")[0].decode("latin-1"))

    def client(self, peer: str, headers: Mapping[str, str]) -> str:
        """The client that a body counts towards (`client_address.limit_key`), as named by our proxies."""
        behind = client_address.behind(headers, self.proxies)
        return client_address.limit_key({**headers, "REMOTE_ADDR": peer, **behind})

    def acquire(self, client: str) -> bool:
        """Begin to read a body over the usual size. Returns False if too many are being read, in total or for the
        client's network.
        """
        has_space = self._by_address.neighbours_have_room(client, MAX_LARGER_BODIES // BODIES_NETWORK_DIVISOR)
        if self._being_read >= MAX_LARGER_BODIES or not has_space:
            return False
        self._being_read += 1
        self._by_address.add(client)
        return True

    def free_place(self, client: str) -> None:
        """Release the place of a body that is no longer in memory."""
        self._being_read -= 1
        self._by_address.remove(client)
