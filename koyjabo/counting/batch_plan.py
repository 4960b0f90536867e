"""Plans what a batch of visits adds to the ledger. Does no I/O: each database's own module looks up the rows, calls
`plan`, and writes the result.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import KoyJaboError, UnknownCommunity
from koyjabo.base.database.json_rows import reader, stored_fields
from koyjabo.base.models import SITE, Scope
from .continued_visits import ContinuedVisits
from .daily_people import DailyPeople, PersonDay, user, visitor
from .milestones import Milestone, Milestones
from .models import Visit
from .records import CounterSnapshot, Keyed, NewVisit, Outcome, Receipt, VisitKey

At = TypeVar("At")

Numbers = tuple[int, int | None]
"""(visit number, number within its day)"""

Sums = list[int]
"""[visits, new visitors]"""


ASSIGNED_VISIT_COLUMNS = ("id", "ordinal", "visit_id", "day", "hour_s", "day_number")
"""Columns of a visit that the ledger assigns. The others are fields of `NewVisit`."""

SENT_VISIT_COLUMNS = stored_fields(Visit, NewVisit._fields, ASSIGNED_VISIT_COLUMNS)

INSERTED_VISIT_COLUMNS = (*ASSIGNED_VISIT_COLUMNS, *SENT_VISIT_COLUMNS)
"""Columns of the rows in `BatchPlan.visits`."""

_sent = reader(NewVisit._fields, SENT_VISIT_COLUMNS)


class Counted(NamedTuple):
    """The outcome for a visit whose batch has not been committed yet."""

    ordinal: int
    day_number: int | None
    duplicate: bool
    scope: Scope  # the one that counts the visit in addition to the site
    is_view: bool = False


class FirstVisit(NamedTuple):
    """A row of `visitors`."""

    scope: Scope
    visitor_id: str
    first_visit: int
    user_id: str | None


@dataclass(slots=True)
class KnownRows:
    """Rows that the database already has for a batch, read while the counter row is locked."""

    snapshot: dict[Scope, CounterSnapshot]  # scopes that do not exist are missing
    numbers: dict[VisitKey, Numbers]  # of visits that are retries
    visitors: dict[tuple[Scope, str], str | None]  # the user that each visitor has become in that scope, if any
    people: DailyPeople  # everyone in `person_days`
    day_visits: dict[str, int]  # the site's visits of each day of the batch; a day without visits may be missing
    pages: ContinuedVisits | None = None  # None if no page of the batch continues a visit
    closed: set[Scope] = field(default_factory=set)  # communities that only count visits by their members
    members: set[tuple[Scope, str]] = field(default_factory=set)  # of the users in `users`

    def counts(self, visit: NewVisit) -> bool:
        """Whether the visit's community counts the visit. If not, only the site does (specification:
        Register a visit).
        """
        is_restricted = visit.is_public and visit.scope in self.closed and visit.scope in self.snapshot
        return not is_restricted or (visit.scope, visit.member_id) in self.members


@dataclass(slots=True)
class BatchPlan:
    """The rows to write, and the outcome for each visit of a batch."""

    snapshot: dict[Scope, CounterSnapshot]
    people: DailyPeople
    newest: NewVisit | None = None  # of `visits`
    visits: list[tuple[Any, ...]] = field(default_factory=list)  # rows with INSERTED_VISIT_COLUMNS
    visitors: list[FirstVisit] = field(default_factory=list)
    views: list[tuple[Any, ...]] = field(default_factory=list)  # rows of `events` with VIEW_COLUMNS
    days: dict[tuple[Scope, str], Sums] = field(default_factory=dict)
    hours: dict[tuple[Scope, int], Sums] = field(default_factory=dict)
    touched: dict[Scope, Sums] = field(default_factory=dict)
    outcomes: list[Counted | KoyJaboError] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)

    def receipts(self) -> list[Outcome]:
        site = self.snapshot[SITE]
        return [
            Receipt(
                ordinal=outcome.ordinal,
                duplicate=outcome.duplicate,
                snapshot=site,
                own=self.snapshot.get(outcome.scope, site),
                day_number=outcome.day_number,
                is_view=outcome.is_view,
            )
            if isinstance(outcome, Counted)
            else outcome
            for outcome in self.outcomes
        ]


def sought(batch: list[Keyed]) -> list[tuple[Scope, str, str]]:
    """The (scope, visitor, visit) to look up, with the keys that earlier attempts at these visits may have used."""
    return list(
        {
            (scope, *key)
            for visit, visit_id in batch
            for key in ((visit.visitor_id, visit_id), visit.other_key)
            if key
            for scope in (SITE, visit.scope)
        }
    )


def person_days(batch: list[Keyed], clock: Clock) -> list[PersonDay]:
    """The (scope, person, day) rows to look up: each person in the batch on each of its days. The SQL adds the users
    that these visitors have become. All combinations are needed, because a person may send a token before midnight
    and none after it.
    """
    visits = [visit for visit, _ in batch if visit.scope != SITE]
    if not visits:
        return []
    people = {(visit.scope, visitor(visit.visitor_id)) for visit in visits}
    people |= {(visit.scope, user(visit.user_id)) for visit in visits if visit.user_id}
    return [(*person, day) for day in {clock.bucket(visit.at_ms).day for visit in visits} for person in people]


def other_days(batch: list[Keyed], today: str, clock: Clock) -> list[str]:
    """The batch's days other than `today`, which are missing from the snapshot. There are usually none, except around
    midnight and in imports.
    """
    return list({clock.bucket(visit.at_ms).day for visit, _ in batch} - {today})


def users(batch: list[Keyed]) -> list[tuple[Scope, str]]:
    """The (community, user) pairs whose membership to look up."""
    return list({(visit.scope, visit.member_id) for visit, _ in batch if visit.scope != SITE and visit.member_id})


def plan(batch: list[Keyed], rows: KnownRows, clock: Clock, milestones: Milestones) -> BatchPlan:
    """Assign a number to each visit in `batch`, a list of (visit, visit_id). Changes `rows`: if a key occurs twice in
    the batch, the second visit is a retry.
    """
    result = BatchPlan(rows.snapshot, rows.people)
    site = rows.snapshot[SITE]
    newest, offset = site.visits, site.total - site.visits
    for visit, visit_id in batch:
        key = (visit.visitor_id, visit_id)
        stored = rows.numbers.get(key)
        if stored is None and visit.other_key:
            stored = rows.numbers.get(visit.other_key)
        if stored is not None:
            result.outcomes.append(Counted(*stored, duplicate=True, scope=visit.scope))
        elif visit.continues and rows.pages and rows.pages.view(visit, visit_id, result.views, clock):
            result.outcomes.append(Counted(0, None, duplicate=True, scope=SITE, is_view=True))
        elif visit.scope not in rows.snapshot:
            result.outcomes.append(UnknownCommunity())
        else:
            newest += 1
            counted = visit if visit.scope == SITE or rows.counts(visit) else visit._replace(scope=SITE)
            rows.numbers[key] = numbers = _add_visit(result, counted, visit_id, newest, offset, rows, clock)
            result.outcomes.append(Counted(*numbers, duplicate=False, scope=counted.scope))
            if rows.pages:
                rows.pages.opened(counted, newest)
    _advance(result, clock, milestones)
    return result


def _add_visit(
    result: BatchPlan, visit: NewVisit, visit_id: str, number: int, offset: int, rows: KnownRows, clock: Clock
) -> Numbers:
    day, hour_s = clock.bucket(visit.at_ms)
    ordinal = number + offset
    rows.day_visits[day] = day_number = rows.day_visits.get(day, 0) + 1
    result.visits.append((number, ordinal, visit_id, day, hour_s, day_number, *_sent(visit)))
    result.newest = visit
    for scope in (SITE,) if visit.scope == SITE else (SITE, visit.scope):
        known_as = (scope, visit.visitor_id)
        is_new = known_as not in rows.visitors
        if is_new:
            rows.visitors[known_as] = user_id = None if scope == SITE else visit.user_id
            result.visitors.append(FirstVisit(*known_as, number, user_id))
        _count(result.days, (scope, day), is_new)
        _count(result.hours, (scope, hour_s), is_new)
        _count(result.touched, scope, is_new)
    if visit.scope != SITE:
        user_id = visit.user_id or rows.visitors[visit.scope, visit.visitor_id]
        result.people.record(visit.scope, user(user_id) if user_id else visitor(visit.visitor_id), day, hour_s)
    return ordinal, day_number


def _count(sums: dict[At, Sums], at: At, is_new: bool) -> None:
    entry = sums.setdefault(at, [0, 0])
    entry[0] += 1
    entry[1] += is_new


def _advance(result: BatchPlan, clock: Clock, milestones: Milestones) -> None:
    """Update the numbers of each scope that this batch changes."""
    now_ms = clock.now_ms()
    for scope, (visits, new_visitors) in result.touched.items():
        old = result.snapshot[scope]
        last = result.newest if scope == SITE else None
        result.snapshot[scope] = new = CounterSnapshot(
            scope=scope,
            epoch=old.epoch,
            revision=max(old.revision + 1, now_ms),
            visits=old.visits + visits,
            total=old.total + visits,
            unique_visitors=old.unique_visitors + new_visitors,
            day=old.day,
            day_visits=old.day_visits + result.days.get((scope, old.day), (0,))[0],
            last_ms=last and last.at_ms,
            last_place=last and last.place,
        )
        result.milestones += milestones.reached(new, old.total, now_ms)
