"""Queries for alerts: visits by time window, read by id or from one index, and the recipients."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from koyjabo.base.models import SITE, HourlyVisits, Scope, User, Visit, WebhookEvent
from koyjabo.counting.queries import id_range

WANTS = (User.traffic_alerts, User.verified_ms.is_not(None), User.disabled_ms.is_(None))


def visits_by_window(session: Session, spans: Collection[tuple[int, int]], window_ms: int) -> dict[int, int]:
    """The site's visits by window start. `spans` are in ms, including their start and excluding their end."""
    visits: Counter[int] = Counter()
    window = (Visit.at_ms - Visit.at_ms % window_ms).label("window")
    for began_ms, ended_ms in spans:
        after, upto = id_range(session, began_ms, ended_ms)
        within = (Visit.id > after, Visit.id <= upto, Visit.at_ms >= began_ms, Visit.at_ms < ended_ms)
        rows = select(window, func.count().label("visits")).where(*within).group_by(window)
        visits.update({row.window: row.visits for row in session.execute(rows)})
    return dict(visits)


def first_hour_s(session: Session) -> int | None:
    """The start of the first hour with a visit, s since 1970; None without visits."""
    return session.scalar(select(func.min(HourlyVisits.hour_s)).where(HourlyVisits.scope == SITE))


def was_sent(session: Session, type: str, scope: Scope, since_ms: int) -> bool:
    """Whether an event of this type was sent in this scope after `since_ms`."""
    same = (WebhookEvent.scope == scope, WebhookEvent.type == type, WebhookEvent.at_ms > since_ms)
    return session.scalar(select(exists().where(*same))) is True


def newest_data(session: Session, type: str, scope: Scope) -> str | None:
    """The JSON of the latest event of this type; None if there is none."""
    rows = select(WebhookEvent.data).where(WebhookEvent.scope == scope, WebhookEvent.type == type)
    return session.scalar(rows.order_by(WebhookEvent.at_ms.desc()).limit(1))


def recipients(session: Session) -> Sequence[Any]:
    """The `id`, `email` and `language` of the active users who have chosen to receive alerts by email and have
    confirmed their address.
    """
    return session.execute(select(User.id, User.email, User.language).where(*WANTS).order_by(User.id)).all()


def is_wanted_by_mail(session: Session) -> bool:
    return session.scalar(select(exists().where(*WANTS))) is True
