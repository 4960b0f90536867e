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
FILLS = {
    "people.audit.log:ACTION_LABELS": "api_keys:KEY_ACTIONS",
    "people.audit.log:SUBJECT_LABELS": "api_keys:KEY_SUBJECTS",
    "web.pages.page_parts:PAGE_PARTS": "admin:KEY_PARTS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.web.panel.navigation import CONNECT_SECTION, Navigation, Shortcut
    from .api_keys import WRITE_USES_S, ApiKeys

    keys = base.services.add(ApiKeys(base.database, base.clock))
    base.services.identities.provide(key_holder_of=keys.holder_of)
    base.every(WRITE_USES_S, keys.write_uses)
    base.at_close(keys.write_uses)
    keys_list = Shortcut(N_("Keys"), CONNECT_SECTION, "keys", for_admins=True, rank=2)
    new_key = Shortcut(N_("New key"), "panel_keys.new_key", for_admins=True, rank=4)
    base.services[Navigation].add_shortcuts(CONNECT_SECTION, keys_list, new_key)
