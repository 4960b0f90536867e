"""The web area reads requests and writes responses for the API, pages and commands of all features: forms, pages,
limits, logins and OpenAPI. It imports no feature. Begin with `fast_path/fast_path.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = (
    *("http.middleware", "pages.errors", "login.tokens", "login.page_login", "pages.missing_attributes"),
    *("pages.links", "pages.guides", "pages.preferences", "pages.flash", "pages.page_parts", "forms.confirmation"),
    *("assets.asset_tags", "panel.navigation", "assets.static_files", "openapi.document"),
)


def register(base: "Base") -> None:
    from .login.claims import Tokens
    from .login.remembered_logins import RememberedLogins
    from .panel.navigation import Navigation

    base.services.add(Tokens(base.settings.secret_key))
    logins = base.services.add(RememberedLogins(base.clock))
    base.on(base.signals.access_revoked, lambda _: logins.clear())
    base.services.add(Navigation())
