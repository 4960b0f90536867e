"""The services that evidence offers to other packages."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.cluster.base import Base
from koyjabo.evidence.attendance import AttendanceWriter
from koyjabo.evidence.open_pages import OpenPages
from koyjabo.observability.services import ObservabilityServices
from koyjabo.presence.services import PresenceServices


@dataclass(frozen=True, slots=True)
class EvidenceServices:
    attendance: AttendanceWriter
    pages: OpenPages


def build(base: Base) -> EvidenceServices:
    sockets = base.services[PresenceServices].visitor_sockets
    metrics = base.services[ObservabilityServices].metrics
    attendance = AttendanceWriter(base.database, base.clock, sockets, metrics)
    return EvidenceServices(attendance, attendance.pages)
