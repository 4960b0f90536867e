"""Finds visits by the name of a browser or system: by their traits, and visits without traits by their user agent."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from koyjabo.models import Traits, Visit, VisitFact
from koyjabo.network import user_agents
from koyjabo.reports.projection import state_queries

NEWEST = 10_000
"""Visits without traits that are looked at. There are more only while traits are being filled."""


def of_browser(session: Session, text: str) -> ColumnElement[bool] | None:
    """The condition for visits with the browser or system of this name, in any case, or else with one whose name
    begins so; None if there is no such name.
    """
    after = state_queries.read(session).watermark
    new = {user_agent: user_agents.of(user_agent) for user_agent in _new(session, after)}
    names = _meant(text, {*_known(session), *(name for each in new.values() for name in each if name)})
    if not names:
        return None
    theirs = select(Traits.id).where(or_(Traits.browser.in_(names), Traits.system.in_(names)))
    is_read = select(VisitFact.visit_id).where(VisitFact.visit_id == Visit.id, VisitFact.traits_id.in_(theirs)).exists()
    sent = [user_agent for user_agent, browser in new.items() if not names.isdisjoint(browser)]
    return or_(is_read, and_(Visit.id > after, Visit.user_agent.in_(sent)))


def _known(session: Session) -> set[str]:
    columns = (select(column).where(column.is_not(None)) for column in (Traits.browser, Traits.system))
    return {name for column in columns for name in session.scalars(column.distinct()) if name}


def _new(session: Session, after: int) -> set[str]:
    """The user agents of visits that have no traits yet."""
    rows = select(Visit.user_agent).where(Visit.id > after).order_by(Visit.id.desc()).limit(NEWEST)
    return {user_agent for user_agent in session.scalars(rows) if user_agent}


def _meant(text: str, names: set[str]) -> set[str]:
    wanted = text.casefold()
    exact = {name for name in names if name.casefold() == wanted}
    return exact or {name for name in names if wanted and name.casefold().startswith(wanted)}
