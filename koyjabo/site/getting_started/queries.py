"""Queries for the steps of a new site, as operations of the database executor."""

from typing import NamedTuple

from sqlalchemy import exists, func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.models import SITE
from koyjabo.counting.models import Adjustment, DailyVisits, Visit
from koyjabo.people.accounts.queries import HAS_ACCOUNT
from koyjabo.people.models import User
from .models import StartingStep

DAYS_IN_USE = 3


SKIP = text(
    "INSERT INTO starting_steps (step, skipped_ms) VALUES (:step, :at_ms) "
    "ON CONFLICT (step) DO UPDATE SET skipped_ms = excluded.skipped_ms"
)

FINISH = text(
    "INSERT INTO starting_steps (step, done_ms, host, ordinal) VALUES (:step, :at_ms, :host, :ordinal) "
    "ON CONFLICT (step) DO UPDATE SET done_ms = excluded.done_ms, host = excluded.host, ordinal = excluded.ordinal "
    "WHERE starting_steps.done_ms IS NULL"
)

STEP_COLUMNS = [getattr(StartingStep, name) for name in ("done_ms", "skipped_ms", "host", "ordinal")]


class StoredStep(NamedTuple):
    """A stored step, see `models.StartingStep`."""

    done_ms: int | None = None
    skipped_ms: int | None = None
    host: str | None = None
    ordinal: int | None = None
    location: str = ""  # of the visit; not stored with the step


class Beginning(NamedTuple):
    visits: int  # at most the number that was read
    first_ms: int | None  # of the first visit; None without visits
    last_ms: int | None  # of the last of these visits
    first_day: str | None  # of the first day with visits


class SiteFacts(NamedTuple):
    has_two_step_login: bool  # of the requesting account
    has_confirmed_email: bool  # the same
    has_second_person: bool  # the site has two admins
    has_total: bool  # the total was set
    is_in_use: bool  # visits were counted on DAYS_IN_USE days before today


def step(session: Session, name: str) -> StoredStep:
    """The step; empty if nothing is stored about it."""
    row = session.execute(select(*STEP_COLUMNS).where(StartingStep.step == name)).one_or_none()
    return StoredStep() if row is None else StoredStep(*row)


def location(session: Session, ordinal: int, until_ms: int) -> str:
    """The location of the newest visit with this number up to a time. A new count repeats numbers."""
    visits = select(Visit.place).where(Visit.ordinal == ordinal, Visit.at_ms <= until_ms).order_by(Visit.id.desc())
    return session.scalar(visits.limit(1)) or ""


def has_other_page(session: Session) -> bool:
    """Whether a visit began on a page that is not one of this server."""
    is_other = (Visit.page != "/") & Visit.page.not_like("/communities%")
    return bool(session.scalar(select(exists().where(is_other))))


def beginning(session: Session, most: int) -> Beginning:
    """The site's first visits, up to `most`."""
    first = select(Visit.at_ms).order_by(Visit.id).limit(most).subquery()
    sums = func.count(), func.min(first.c.at_ms), func.max(first.c.at_ms)
    visits, first_ms, last_ms = session.execute(select(*sums).select_from(first)).one()
    day = session.scalar(select(func.min(DailyVisits.day)).where(DailyVisits.scope == SITE))
    return Beginning(visits, first_ms, last_ms, day)


def site_facts(session: Session, account_id: str, today: str) -> SiteFacts:
    own = select(User.second_factor_ms, User.verified_ms).where(User.id == account_id)
    admins = select(User.id).where(User.is_admin, User.disabled_ms.is_(None), HAS_ACCOUNT).limit(2)
    days = select(DailyVisits.day).where(DailyVisits.scope == SITE, DailyVisits.day < today).limit(DAYS_IN_USE)
    second_factor_ms, verified_ms = session.execute(own).one()
    return SiteFacts(
        has_two_step_login=second_factor_ms is not None,
        has_confirmed_email=verified_ms is not None,
        has_second_person=len(session.execute(admins).all()) == 2,
        has_total=bool(session.scalar(select(exists().where(Adjustment.id.is_not(None))))),
        is_in_use=len(session.execute(days).all()) == DAYS_IN_USE,
    )


def finish(session: Session, step: str, at_ms: int, host: str | None = None, ordinal: int | None = None) -> bool:
    """Finish a step. Returns False if it was already finished."""
    values = {"step": step, "at_ms": at_ms, "host": host, "ordinal": ordinal}
    return bool(session.connection().execute(FINISH, values).rowcount)


def skip(session: Session, step: str, at_ms: int) -> None:
    session.execute(SKIP, {"step": step, "at_ms": at_ms})


def reopen(session: Session, step: str, _at_ms: int) -> None:
    """Show the step again. A stored first page is kept."""
    stored = session.get(StartingStep, step)
    if stored is not None:
        stored.skipped_ms = None
        stored.done_ms = stored.done_ms if stored.host else None
