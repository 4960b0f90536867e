"""What `create_app` wires together, for those who are given an application: handlers, commands, the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from koyjabo.accounts import Accounts
from koyjabo.clock import Clock
from koyjabo.communities import Communities
from koyjabo.origins import Origins
from koyjabo.pairing import Pairing
from koyjabo.places import Gazetteer
from koyjabo.realtime.attendance import Attendance
from koyjabo.realtime.pulse import Pulse
from koyjabo.realtime.rooms import Rooms
from koyjabo.reports import Reports
from koyjabo.rights import Rights
from koyjabo.tokens import Tokens
from koyjabo.visits import Visits

if TYPE_CHECKING:
    from flask import Flask

EXTENSION = "koyjabo"


@dataclass(frozen=True, slots=True)
class Services:
    clock: Clock
    visits: Visits
    places: Gazetteer
    pairing: Pairing
    rooms: Rooms
    pulses: tuple[Pulse, ...]
    leave_desk: Callable[[], None]
    tokens: Tokens
    origins: Origins
    accounts: Accounts
    communities: Communities
    reports: Reports
    rights: Rights
    attendance: Attendance
    redis_answers: Callable[[], bool] | None  # where there is a Redis: whether it did the last time

    @staticmethod
    def of(app: Flask) -> Services:
        return app.extensions[EXTENSION]

    def start(self) -> None:
        """Begin with what is done every second; a second time does nothing."""
        for pulse in self.pulses:
            pulse.start()

    def close(self) -> None:
        """Commit what waits and leave the database."""
        for pulse in self.pulses:
            pulse.stop()
        self.visits.close()
        self.accounts.close()
        self.leave_desk()
