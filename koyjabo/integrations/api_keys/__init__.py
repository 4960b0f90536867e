"""Keys for programs that call the API. A key has scopes, belongs to the site or to one community, and may expire
(specification: API keys). `web` finds a key's holder with `base.core.identity.Identities`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "admin")
COMMANDS = {"key": "cli:key"}
TABLES = ("models",)
UPKEEP = ("upkeep_queries:ApiKeyRules",)


def register(base: "Base") -> None:
    from .api_keys import WRITE_S, ApiKeys

    keys = base.services.add(ApiKeys(base.database, base.clock))
    base.services.identities.provide(key_holder_of=keys.holder_of)
    base.every(WRITE_S, keys.write_uses)
    base.at_close(keys.write_uses)
