"""Accepts tokens from another system whose users have no account here (specification: Tokens of other systems)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base


def register(base: "Base") -> None:
    from .external_logins import build

    build(base)
