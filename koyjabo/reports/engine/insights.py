"""Answers report queries exactly. Figures agree with the ledger, and include even a visit from a second ago."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import MINUTE_MS
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network.client_address import customer
from koyjabo.columns.columns import Columns
from koyjabo.columns.dimensions.dimensions import Value
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.people.models import Community
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.visitors.active_peak import ActivePeak
from koyjabo.reports.query.comparisons import compared, whole_days
from koyjabo.reports.query.granularities import check
from koyjabo.reports.query.parameters import NOT_A_DIMENSION, Pairs, Parameters, is_dimension
from koyjabo.reports.query.ranges import DEFAULT_RANGE, LAST_HOUR, last_hour
from koyjabo.reports.query.value_labels import community_of, label, unlisted
from . import snapshot_queries
from .requests import BreakdownRequest, ReportRequest, SummaryRequest, TimelineRequest
from .results import Breakdown, Period, Summary
from .scan_queue import ReportReader, ScanQueue
from .snapshot_queries import read_all

DAY_S = 86_400

PUBLIC_PATIENCE_S = 10.0
"""How long readers without an account wait, in seconds."""

MANY_READERS = N_("Many people are viewing shared reports right now. Please try again shortly.")


class Insights:
    """The reports. All methods wait, and raise LedgerUnavailable.

    Reports raise StillCounting until most visits have a block, and TooBusy if they have to wait too long.
    """

    def __init__(self, base: Base) -> None:
        self._database, self._clock, self._columns = base.database, base.clock, base.services[Columns]
        self._peaks, self._active_peak = base.services[Peaks], base.services[ActivePeak]
        self._scans = ScanQueue(lambda requests: base.database.scan(read_all, base.clock, self._columns, requests))
        self._reader, self._is_public, self._kept = ReportReader(has_budget=False), False, frozenset[str]()

    def for_public(self, kept: Iterable[str] = ()) -> "Insights":
        """Return a variant for readers without an account, which shares this object's data.

        It hides unlisted communities, and all visits outside of the filters named in `kept`. After PUBLIC_PATIENCE_S it
        raises TooBusy.
        """
        insights = copy(self)
        insights._is_public, insights._kept = True, frozenset(kept)
        return insights

    def for_reader(
        self, reader: str, is_live: bool = False, is_wanted: Callable[[], bool] = lambda: True, address: str = ""
    ) -> "Insights":
        """Return a variant for a user or a public page, which is charged for its reports. `is_live` is set for open
        pages, which reload their reports on every visit. `is_wanted` returns whether the reports are still needed. A
        request of a public page is also charged to its `address` (`limit_key`).
        """
        insights = copy(self)
        insights._reader = self._reader._replace(
            payers=(reader,) if reader else (), has_budget=is_live, is_wanted=is_wanted, address=customer(address)
        )
        return insights

    def parse(
        self, pairs: Pairs, scope: Scope = SITE, others: tuple[str, ...] = (), default: str = DEFAULT_RANGE
    ) -> Parameters:
        """Parse the parameters of a report (`Parameters.of`). Raises InvalidInput."""
        requested = Parameters.of(pairs, self._clock.today(), lambda: self.first_day(scope), scope, others, default)
        if requested.range != LAST_HOUR:
            return requested
        return replace(requested, query=last_hour(requested.query, self._clock))

    def compared(self, query: ReportQuery, compare: str) -> ReportQuery:
        """Return the query about the range named by `compare`, one of COMPARISONS."""
        return compared(query, compare, self._clock)

    def days(self, query: ReportQuery) -> float:
        """Return the number of days in a range. A partial day counts as a fraction."""
        until_s = (query.until_ms or 0) / 1000
        return whole_days(query) + max(0.0, until_s - self._clock.began_s(query.last)) / DAY_S

    def read(self, requests: Sequence[ReportRequest], language: str | None = "en") -> list[Any]:
        """Return the reports for all requests from one snapshot, so that the parts of a page agree.

        Labels are in `language`, or missing without one. Raises InvalidInput.
        """
        checked: list[ReportRequest] = []
        for request in requests:
            if isinstance(request, TimelineRequest):
                check(request.query, request.granularity)
            if isinstance(request, BreakdownRequest):
                if not is_dimension(request.dimension):
                    raise InvalidInput(details={"by": NOT_A_DIMENSION})
                request = replace(request, is_public=self._is_public, kept=self._kept)
            checked.append(request)
        results = self._read_all(checked)
        return [self._finished(*pair, language) for pair in zip(requests, results, strict=True)]

    def summary(self, query: ReportQuery, compare: str | None = None) -> Summary:
        """Return the figures for a range, and for the range named by `compare` (one of COMPARISONS)."""
        other = self.compared(query, compare) if compare else None
        result: Summary = self.read([SummaryRequest(query, other)])[0]
        return result

    def timeline(self, query: ReportQuery, granularity: str) -> list[Period]:
        """Return every period of the range. Raises InvalidInput for more than MAX_PERIODS."""
        result: list[Period] = self.read([TimelineRequest(query, granularity)])[0]
        return result

    def breakdown(
        self, query: ReportQuery, dimension: str, limit: int = 10, offset: int = 0, language: str = "en"
    ) -> Breakdown:
        """Return the values of a dimension, in their own order or most visits first, with labels in `language`. Raises
        InvalidInput for an unknown dimension.
        """
        result: Breakdown = self.read([BreakdownRequest(query, dimension, limit, offset)], language)[0]
        return result

    def labels(self, dimension: str, values: Collection[Value], language: str) -> dict[Value, str]:
        """Return the labels of these values, by value, for readers who may know every community."""
        names = self._names(dimension, [value for value in values if value])
        return {value: label(dimension, value, language, names) for value in values}

    def label(self, dimension: str, value: Value, language: str) -> str:
        names = self._names(dimension, [value] if value else [])
        key = community_of(dimension, value) if value and self._is_public else None
        return unlisted(language) if key and key not in names else label(dimension, value, language, names)

    def version(self, query: ReportQuery, is_compared: bool = False) -> str:
        """Return a text that changes whenever a report may change, for ETags. For the last hour, and for the comparison
        of a range that ends today, it also changes with the clock.
        """
        known, now_ms = self._database.read(snapshot_queries.version, self._columns, query), self._clock.now_ms()
        known = f"{known}.{self._peak(query, None)}"
        moves = query.since_ms is not None or (is_compared and query.last == self._clock.today())
        return f"{known}.{self._clock.zone.key}.{now_ms // MINUTE_MS if moves else self._clock.bucket(now_ms).hour_s}"

    def first_day(self, scope: Scope = SITE) -> str | None:
        """Return the first day with visits, or None if there is none."""
        return self._database.read(snapshot_queries.first_day, scope)

    def _peak(self, query: ReportQuery, stored: int | None) -> int | None:
        """Return the stored peak, or a higher one from the last minute."""
        unwritten = {} if query.filters or query.since_ms is not None else self._unwritten_peaks(query.scope)
        known = [people for day, people in unwritten.items() if query.first <= day <= query.last]
        if stored is not None:
            known.append(stored)
        return max(known, default=None)

    def _unwritten_peaks(self, scope: Scope) -> Mapping[str, int]:
        """Return this worker's peaks that are not in the database yet, by day."""
        if scope != SITE:
            return self._peaks.unwritten(scope)
        self._active_peak.measure()  # so that the peak is not below the number of active visitors
        return self._active_peak.unwritten(scope)

    def _read_all(self, requests: Sequence[ReportRequest]) -> list[Any]:
        """Read when the queue gives a slot. Reports of the panel go first, and only its open pages have a budget."""
        reader, scope = self._reader, requests[0].query.scope if requests else SITE
        if scope == SITE and not self._is_public:
            return self._scans.read(requests, reader._replace(is_first=True))
        if self._is_public:
            reader = reader._replace(patience_s=PUBLIC_PATIENCE_S, sentence=MANY_READERS)
        of_scope = () if scope == SITE else (f"{'shared ' * self._is_public}{scope}",)
        return self._scans.read(requests, reader._replace(payers=reader.payers + of_scope, has_budget=True))

    def _finished(self, request: ReportRequest, result: Any, language: str | None) -> Any:
        """Add what does not come from the snapshot: labels, and the peak of the last minute."""
        if isinstance(request, SummaryRequest):
            peak = self._peak(request.query, result.figures.peak_active)
            return result._replace(figures=result.figures._replace(peak_active=peak))
        if isinstance(request, BreakdownRequest) and language:
            names = self._names(request.dimension, [row.value for row in result.rows if row.value])
            label_of = partial(label, request.dimension, language=language, communities=names)
            return result._replace(rows=[row._replace(label=label_of(row.value)) for row in result.rows])
        return result

    def _names(self, dimension: str, values: list[str]) -> dict[str, Community]:
        """Return the communities that the values refer to, by the result of `community_of`."""
        keys = {key for value in values if (key := community_of(dimension, value))}
        return self._database.read(snapshot_queries.named_communities, keys, self._is_public) if keys else {}
