"""The list of all visits: search and export. Begin with `visit_list.py`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("ui", "admin")
COMMANDS = {"export": "cli:export"}


def register(base: "Base") -> None:
    from .services import build

    base.services.add(build(base))
