"""What `create_app` wires together, for those who are given an application: handlers, commands, the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from koyjabo.accounts.accounts import Accounts
from koyjabo.accounts.login_sessions import Sessions
from koyjabo.accounts.login_throttle import LoginFailures
from koyjabo.accounts.tokens import Tokens
from koyjabo.accounts.user_admin import Users
from koyjabo.analytics.reports import Reports
from koyjabo.analytics.timeline import History
from koyjabo.audit.log import Audit
from koyjabo.clock import Clock
from koyjabo.communities.communities import Communities
from koyjabo.communities.live.community_rooms import Attendance
from koyjabo.communities.permissions import Rights
from koyjabo.counting.visits import Visits
from koyjabo.maintenance.erasure import Erasure
from koyjabo.maintenance.recount import Recounts
from koyjabo.maintenance.retention import Retention
from koyjabo.maintenance.system_status import System
from koyjabo.maintenance.total import Bookkeeping
from koyjabo.network.geolocation import Gazetteer
from koyjabo.network.origins import Origins
from koyjabo.observability.metrics import Metrics
from koyjabo.observability.socket_log import Traffic
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.visitors.visitor_sockets import Pairing
from koyjabo.realtime.rooms import Rooms
from koyjabo.realtime.ticker import Pulse
from koyjabo.visit_log.visit_log import VisitLog

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
    login_failures: LoginFailures
    sessions: Sessions
    users: Users
    audit: Audit
    visit_log: VisitLog
    bookkeeping: Bookkeeping
    retention: Retention
    erasure: Erasure
    recounts: Recounts
    system: System
    communities: Communities
    reports: Reports
    peaks: Peaks
    history: History
    rights: Rights
    attendance: Attendance
    metrics: Metrics
    traffic: Traffic
    lag_s: Callable[[], float]  # how late the loop is for what it does every second
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
