"""What `create_app` wires together, for those who are given an application: handlers, commands, the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from koyjabo.clock import Clock
from koyjabo.visits import Visits

if TYPE_CHECKING:
    from flask import Flask

EXTENSION = "koyjabo"


@dataclass(frozen=True, slots=True)
class Services:
    clock: Clock
    visits: Visits

    @staticmethod
    def of(app: Flask) -> Services:
        return app.extensions[EXTENSION]
