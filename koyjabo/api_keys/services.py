"""The services that API keys offer to other packages."""

from __future__ import annotations

from koyjabo.api_keys.api_keys import ApiKeys
from koyjabo.cluster.base import Base
from koyjabo.core.identity import KeyHolders


def build(base: Base) -> ApiKeys:
    """Build the service, and register it to look up key holders."""
    keys = ApiKeys(base.database, base.clock)
    base.services.add(KeyHolders(keys.holder_of))
    return keys
