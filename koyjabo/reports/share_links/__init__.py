"""Share links show reports to people without an account. Begin with `share_links.py`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "pages", "admin")
TABLES = ("models",)
UPKEEP = ("upkeep_queries:ShareRules",)


def register(base: "Base") -> None:
    from .share_links import ShareLinks

    base.services.add(ShareLinks(base))
