"""How many mails a day go to strangers: to unconfirmed emails, such as those of invitations and signups.
A flood of them costs the sender's domain its reputation, after which mails that people wait for are not delivered.
"""

from __future__ import annotations

import hmac

from koyjabo.core.clock import Clock
from koyjabo.mail.budget_queries import Charge
from koyjabo.network import client_address
from koyjabo.network.client_address import levels

OF_AN_ACCOUNT = 50

ADDRESS_SHARE, NETWORK_SHARE = 10, 2
"""An address may use a tenth of the server's mails; a larger network 4 or 16 times that, but no more than half."""


class Budgets:
    """`most` is RATE_LIMIT_MAILS: 0 leaves only the limit of each account."""

    def __init__(self, clock: Clock, key: bytes, most: int) -> None:
        self._clock = clock
        self._key = key
        self._most = most

    def server(self, pool: str = "") -> Charge | None:
        """The budget of the whole server today."""
        return self._charge("server", pool, self._most) if self._most else None

    def charges(self, account_id: str | None) -> tuple[Charge, ...]:
        """What a mail to a stranger costs today: the budgets of the account that causes it, of the networks of the
        current request's address, and of the server. Nothing if no account causes it.
        """
        if account_id is None:
            return ()
        return self._charge("account", account_id, OF_AN_ACCOUNT), *self.shared()

    def shared(self, pool: str = "") -> tuple[Charge, ...]:
        """Without those of an account. Each `pool` has as many mails of its own."""
        server = self.server(pool)
        return (*self._networks(pool), server) if server else ()

    def _networks(self, pool: str) -> list[Charge]:
        address, most = client_address.current.get(), -(-self._most // NETWORK_SHARE)
        of_address = -(-self._most // ADDRESS_SHARE)
        networks = levels(address) if address else ()
        return [
            self._charge("network", f"{pool} {network}", min(of_address * times, most)) for network, times in networks
        ]

    def _charge(self, of: str, name: str, most: int) -> Charge:
        """The key reveals nothing without the secret, and differs from day to day."""
        text = f"budget {self._clock.today()} {of} {name}"
        return Charge(of, hmac.new(self._key, text.encode(), "sha256").hexdigest()[:32], most)
