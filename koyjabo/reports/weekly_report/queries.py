"""Queries for the weekly report: its subscribers, and its figures from the daily sums."""

from typing import Any, NamedTuple

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import shifted
from koyjabo.base.database.models import Counter
from koyjabo.base.database.search import lowered
from koyjabo.base.models import SITE
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.counting.models import DailyVisits
from koyjabo.people.models import Community, Membership, User
from koyjabo.presence.members.models import Peak

RECIPIENTS_AT_ONCE = 20
MAX_COMMUNITIES_IN_EMAIL = 20


def week_before(week: ReportQuery) -> ReportQuery:
    return ReportQuery(shifted(week.first, -7), shifted(week.last, -7))


class Recipient(NamedTuple):
    id: str
    email: str
    language: str | None
    sees_panel: bool  # an admin or a viewer of the site


def recipients(session: Session, after_id: str) -> list[Recipient]:
    """Return the next users, in order of id, who subscribe to the report and have a verified email address."""
    columns = (User.id, User.email, User.language, or_(User.is_admin, User.is_viewer))
    query = select(*columns).where(User.id > after_id, User.weekly_report)
    query = query.where(User.verified_ms.is_not(None), User.disabled_ms.is_(None))
    return [Recipient._make(row) for row in session.execute(query.order_by(User.id).limit(RECIPIENTS_AT_ONCE))]


def of_site(session: Session, week: ReportQuery) -> dict[str, Any]:
    total = session.scalar(select(Counter.total).where(Counter.scope == SITE)) or 0
    visits, new = _sums(session, SITE, week)
    visits_before, new_before = _sums(session, SITE, week_before(week))
    return {"total": total, "visits": visits, "visits_before": visits_before, "new": new, "new_before": new_before}


def of_communities(session: Session, to: Recipient, week: ReportQuery) -> list[dict[str, Any]]:
    """Return a recipient's communities, in order of name, with their figures for the week."""
    query = select(Community).join(Membership, Membership.community_id == Community.id)
    query = query.where(Membership.user_id == to.id, Community.archived_ms.is_(None))
    rows = session.scalars(query.order_by(lowered(Community.name), Community.id).limit(MAX_COMMUNITIES_IN_EMAIL))
    communities = []
    for community in rows.all():
        scope, name = community.id, community.name_in(to.language)
        (visits, _), (before, _) = (_sums(session, scope, days) for days in (week, week_before(week)))
        days = Peak.day.between(week.first, week.last)
        most = session.scalar(select(func.max(Peak.people)).where(Peak.scope == scope, days)) or 0
        communities.append({"name": " ".join(name.split()), "visits": visits, "visits_before": before, "most": most})
    return communities


def _sums(session: Session, scope: str, week: ReportQuery) -> tuple[int, int]:
    """Return visits and new visitors."""
    sums = select(func.sum(DailyVisits.visits), func.sum(DailyVisits.new_visitors))
    row = session.execute(sums.where(DailyVisits.scope == scope, DailyVisits.day.between(week.first, week.last))).one()
    return int(row[0] or 0), int(row[1] or 0)


def is_subscriber(session: Session, user_id: str) -> bool:
    return bool(session.scalar(select(User.weekly_report).where(User.id == user_id)))


def subscribe(session: Session, user_id: str, is_on: bool) -> None:
    session.execute(update(User).where(User.id == user_id).values(weekly_report=is_on))
