"""Records what signals say about people in communities, and announces conversions."""

import logging
from collections.abc import Collection, Mapping
from typing import Any

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.services import Services
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.anonymity import Anonymity
from koyjabo.realtime.services import RealtimeServices
from .community_people import Reports
from .people_queries import VisitorConversion

log = logging.getLogger(__name__)


class CommunitySignals:
    def __init__(self, services: Services, reports: Reports) -> None:
        self._reports = reports
        self._anonymity = services[Anonymity]
        self._broadcaster = services[RealtimeServices].broadcaster
        self._dashboards = services[CommunityServices].dashboards

    def record_attendance(self, community_id: str, users: Collection[str], at_ms: int) -> None:
        if self._reports.attend(community_id, sorted(users), at_ms):
            self._dashboards.changed(community_id)

    def convert(self, user_id: str, visitor_id: str, environ: Mapping[str, Any]) -> None:
        """Record a conversion, unless the client asks for privacy. Failures are only logged, because the request itself
        has succeeded; a later request records the conversion.
        """
        if self._anonymity.is_requested(environ):
            return
        try:
            self._reports.convert(user_id, visitor_id)
        except LedgerUnavailable:
            log.warning("conversion_postponed")

    def announce_conversion(self, conversion: VisitorConversion) -> None:
        scope = conversion.scope
        fields = {"session_id": conversion.id, "converted_at": iso(conversion.at_ms)}
        self._broadcaster.broadcast_analytics_metric(scope, "conversion", fields)
        self._broadcaster.broadcast_analytics_metric(scope, "conversion_rate", conversion.rate)
        self._dashboards.changed(scope)
