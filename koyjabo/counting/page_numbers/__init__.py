"""The public number of each page: its views since the beginning, and today. Begin with `page_numbers.py`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api",)
TABLES = ("models",)


def register(base: "Base") -> None:
    from .page_numbers import PageNumbers

    base.services.add(PageNumbers(base))
