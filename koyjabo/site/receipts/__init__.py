"""The receipt for the total: the parts that add up to it, visible to everyone (specification: Receipt)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "pages")


def register(base: "Base") -> None:
    from .receipts import Receipts

    base.services.add(Receipts(base))
