"""The conditions of a search: one for each field, and one for the search text, which may be a number, an id, a name or
part of a page.
"""

import json
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text as sql
from sqlalchemy.orm import Session

from koyjabo.base.core.urls import ascii_host, normal
from koyjabo.base.database.search import has, has_words, lowered, spellings
from koyjabo.base.network import user_agents
from koyjabo.base.network.location_names import COUNTRIES_BY_CODE
from koyjabo.counting.evidence.facts import ATTENDED_VISIT_MS
from koyjabo.counting.models import Visit
from koyjabo.counting.queries import IN_A_COMMUNITY, ids_between_ordinals, ids_of
from koyjabo.people.models import Community, User
from . import search_terms
from .source_queries import OfSource

REDUCED_UPTO = sql("SELECT upto FROM watermarks WHERE name = 'user_agents'")
"""Selects an id. User agents of visits up to this id have been replaced with texts
(`upkeep.retention.reduction_queries`).
"""

STRETCH = sql("SELECT id, user_agent FROM visits WHERE id > :after ORDER BY id LIMIT 5000")
IS_USER_AGENT_IN_LIST = {
    "sqlite": "visits.user_agent IN (SELECT value FROM json_each(:texts))",
    "postgresql": "visits.user_agent IN (SELECT json_array_elements_text(CAST(:texts AS json)))",
}

MANY_VISITS = 1_000
"""Visitors with at least this many visits are searched without the visitor index."""

MAX_NAMES_FOUND = 500
"""Maximum number of users, and of communities, found by part of their name."""

IS_AUTOMATED = Visit.automated | Visit.is_bot
BY_ITSELF = ~IS_AUTOMATED & ~Visit.acted
EVIDENCE_CONDITIONS = {
    "automated": IS_AUTOMATED,
    "acted": Visit.acted & ~IS_AUTOMATED,
    "stayed": BY_ITSELF & (Visit.attended_ms >= ATTENDED_VISIT_MS),
    "none": BY_ITSELF & (Visit.attended_ms < ATTENDED_VISIT_MS),
}
"""The values of the reports' `evidence` dimension, with their conditions."""


class SearchFilter(NamedTuple):
    """The conditions of a search. "" and None match all visits. Text comparisons ignore case."""

    began_ms: int | None = None
    ended_ms: int | None = None  # before this time
    place: str = ""  # the name of a location or country, or part of it
    page: str = ""
    source: OfSource | None = None
    browser: str = ""  # the beginning of a browser or system name, or part of any other User-Agent
    community_id: str = ""
    # A visit number or range of numbers; otherwise a visitor_id; otherwise its beginning, a visit_id, or part of any
    # text.
    text: str = ""
    is_bot: bool | None = None
    evidence: str = ""  # a key of EVIDENCE_CONDITIONS
    network: str = ""  # `datacentre` or `other`
    is_own: bool | None = None
    sees_ids: bool = True  # if False, visitor_ids and emails are not searched


def conditions(session: Session, which: SearchFilter) -> tuple[tuple[ColumnElement[bool], ...], bool]:
    """Return the conditions on rows, and whether an index finds the few matching rows."""
    browsers = _Browsers(session)
    clauses = _fields(browsers, which)
    if not which.text:
        return tuple(clauses), False
    exact = _exact_match(session, which)
    if exact:
        return (*clauses, exact[0]), exact[1]
    parts = (_of_anything(session, browsers, part, which.sees_ids) for part in search_terms.parts(which.text))
    return (*clauses, *parts), False


def _fields(browsers: "_Browsers", which: SearchFilter) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if which.began_ms is not None:
        clauses.append(Visit.at_ms >= which.began_ms)
    if which.ended_ms is not None:
        clauses.append(Visit.at_ms < which.ended_ms)
    if which.is_bot is not None:
        clauses.append(Visit.is_bot.is_(which.is_bot))
    if which.evidence in EVIDENCE_CONDITIONS:
        clauses.append(EVIDENCE_CONDITIONS[which.evidence])
    if which.network:
        clauses.append(Visit.network == which.network)
    if which.is_own is not None:
        clauses.append(Visit.own.is_(which.is_own))
    if which.community_id:
        clauses += [Visit.scope == which.community_id, IN_A_COMMUNITY]
    if which.page:
        clauses.append(Visit.page == normal(which.page))
    if which.browser:
        clauses.append(browsers.named(which.browser))
    if which.place:
        clauses.append(_of_place(which.place))
    return clauses


def _exact_match(session: Session, which: SearchFilter) -> tuple[ColumnElement[bool], bool] | None:
    """The condition for an exact match, and whether an index finds the visits; None if nothing matches. Matches the
    visits with this number or in this range, or else the visits of this visitor.
    """
    if ids := ids_of(session, search_terms.ordinal(which.text)):
        return Visit.id.in_(ids), True
    if (span := search_terms.ordinals(which.text)) and (ranges := ids_between_ordinals(session, *span)):
        return or_(*(Visit.id.between(*bounds) for bounds in ranges)), True
    if not which.sees_ids:
        return None
    limited: Select[int] = select(Visit.id).where(Visit.visitor_id == which.text).limit(MANY_VISITS)
    count = session.scalar(select(func.count()).select_from(limited.subquery()))
    if not count:
        return None
    # A program may register very many visits as one visitor. Sorting them would take longer than a scan by id.
    by_index = Visit.visitor_id == which.text
    return (by_index, True) if count < MANY_VISITS else (Visit.visitor_id.concat("") == which.text, False)


def _of_anything(session: Session, browsers: "_Browsers", part: str, sees_ids: bool) -> ColumnElement[bool]:
    columns: Any = (Visit.page, Visit.referrer)
    clauses = [has(column, part) for column in columns]
    clauses += [has(Visit.campaign, quote_plus(part)), _of_place(part), browsers.named(part)]
    if not part.isascii():  # browsers percent-encode other letters
        clauses += [
            *(has(column, quote(text)) for text in spellings(part) for column in columns),
            has(Visit.referrer, ascii_host(part)),
        ]
    named_by = (User.name, User.email, User.email_key) if sees_ids else (User.name,)
    if users := session.scalars(select(User.id).where(*has_words(named_by, part)).limit(MAX_NAMES_FOUND)).all():
        clauses.append(Visit.user_id.in_(users))
    named = select(Community.id).where(*has_words((Community.name, Community.name_bn), part)).limit(MAX_NAMES_FOUND)
    if communities := session.scalars(named).all():
        clauses.append(Visit.scope.in_(communities))
    if sees_ids:
        clauses.append(func.lower(func.substr(Visit.visitor_id, 1, len(part))) == part.lower())
        clauses.append(Visit.visit_id == part)
    return or_(*clauses)


def _of_place(text: str) -> ColumnElement[bool]:
    meant = search_terms.place_meaning(text)
    if meant.whole:
        return or_(Visit.place == text, lowered(Visit.place).in_(sorted(meant.whole)))
    named = [Visit.place == COUNTRIES_BY_CODE[code] for code in meant.countries]
    named += [Visit.place.like(f"%, {code}") for code in meant.countries]
    named += [Visit.place.like(f"{city}, __") for city in meant.cities]
    return or_(*named) if meant.is_country else or_(has(Visit.place, text), *named)


class _Browsers:
    """Finds visits by the name of a browser or system. The first use reads the user agents of the last 30 days."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def named(self, text: str) -> ColumnElement[bool]:
        """The condition for visits with this browser or system: the full name, ignoring case, or else its beginning. If
        no name matches, visits whose user agent contains the text.
        """
        searched, names = text.casefold(), {name for named in self._known.values() for name in named}
        meant = {name for name in names if name.casefold() == searched}
        meant = meant or {name for name in names if searched and name.casefold().startswith(searched)}
        if not meant:
            return has(Visit.user_agent, text)
        sent = [user_agent for user_agent, named in self._known.items() if not meant.isdisjoint(named)]
        listed = sql(IS_USER_AGENT_IN_LIST[self._session.get_bind().dialect.name]).bindparams(texts=json.dumps(sent))
        after = self._reduced_upto
        return or_(and_(Visit.id > after, listed), and_(Visit.id <= after, or_(*map(_mentions, sorted(meant)))))

    @cached_property
    def _reduced_upto(self) -> int:
        return self._session.scalar(REDUCED_UPTO) or 0

    @cached_property
    def _known(self) -> dict[str, set[str]]:
        """Browser and system names, by user agent."""
        texts, after = set[str](), self._reduced_upto
        while rows := self._session.execute(STRETCH, {"after": after}).all():
            texts.update(user_agent for _, user_agent in rows if user_agent)
            after = rows[-1][0]
        return {user_agent: set(filter(None, user_agents.of(user_agent))) for user_agent in texts}


def _mentions(name: str) -> ColumnElement[bool]:
    """The condition for texts that replace user agents after 30 days (`user_agents.reduced`) and contain the name."""
    begins = (f"{name} on ", f"{name} (", f"on {name} (")
    return or_(
        Visit.user_agent.in_([name, f"on {name}"]),
        *(Visit.user_agent.startswith(text, autoescape=True) for text in begins),
        Visit.user_agent.endswith(f" on {name}", autoescape=True),
        Visit.user_agent.contains(f" on {name} (", autoescape=True),
    )
