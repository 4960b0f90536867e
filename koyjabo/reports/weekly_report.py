"""Mails the weekly report to the users who want it: on Sunday morning in TIMEZONE, by one worker of all servers.

The claim (`work_claim_queries`) is like that of the nightly work: a server that was down on that morning does it when
it is back. The outbox takes the report of a week to a user once, so a worker that continues the work of another one
sends none twice.
"""

from __future__ import annotations

import logging
import secrets
from datetime import date
from functools import partial
from typing import Any

from koyjabo.core.clock import Clock, shifted
from koyjabo.core.errors import LedgerUnavailable, StillCounting
from koyjabo.core.i18n import LANGUAGES, N_
from koyjabo.core.runtime import Runtime
from koyjabo.database import work_claim_queries
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.work_claim_queries import Claim, ClaimLost
from koyjabo.mail.contents import Speech
from koyjabo.mail.outbox import MailOutbox
from koyjabo.reports import differences
from koyjabo.reports import weekly_report_queries as queries
from koyjabo.reports.engine.answers import MOST_ROWS, Breakdown
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import BreakdownRequest
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.weekly_report_queries import Recipient, Week

log = logging.getLogger(__name__)

WORK = "weekly_report"
MORNING_S = 8 * 3600
"""Seconds after the beginning of Sunday: 08:00, except on a day on which the clocks change."""

SUNDAY = 6
TOP = 5
LISTS = {"pages": "page", "sources": "source", "cities": "city", "countries": "country"}

THE_WEEK_BEFORE = N_("the week before")

Line = tuple[str, int, int]
"""A label, its visits, and those of the week before."""
DEFAULT = next(iter(LANGUAGES))


class WeeklyReport:
    """Call `tick` regularly, at least once a minute."""

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, outbox: MailOutbox, insights: Insights
    ) -> None:
        self._database = database
        self._insights = insights
        self._clock = clock
        self._runtime = runtime
        self._outbox = outbox
        self._done_for = ""
        self._busy = False

    def tick(self) -> None:
        """Start the work in a task if it is due, unless another worker has claimed it."""
        sunday = self._sunday()
        if not self._outbox.is_on or self._busy or sunday == self._done_for:
            return
        claim = Claim(WORK, sunday, secrets.token_hex(16))
        try:
            if not self._database.read(work_claim_queries.is_free, claim, self._clock.now_ms()):
                return
            if not self._database.write(work_claim_queries.take, claim, self._clock.now_ms()):
                return
        except LedgerUnavailable:
            return  # the next tick tries again
        self._busy = True
        self._runtime.start_task(partial(self._work, claim))

    def forget(self) -> None:
        """Ask the database again whether the report of the week is written."""
        self._done_for = ""

    def _sunday(self) -> str:
        """The newest Sunday whose morning has come."""
        today = self._clock.today()
        sunday = shifted(today, -((date.fromisoformat(today).weekday() - SUNDAY) % 7))
        has_come = self._clock.now_ms() >= 1000 * (self._clock.began_s(sunday) + MORNING_S)
        return sunday if has_come else shifted(sunday, -7)

    def _work(self, claim: Claim) -> None:
        try:
            self._do(claim)
        except (LedgerUnavailable, StillCounting, ClaimLost) as error:  # the next worker continues the work
            log.warning("weekly_report_interrupted day=%s cause=%r", claim.day, str(error.__cause__ or error))
        except Exception:
            log.exception("weekly_report_failed day=%s", claim.day)
        finally:
            self._busy = False

    def _do(self, claim: Claim) -> None:
        week = Week(shifted(claim.day, -7), shifted(claim.day, -1))
        site = self._database.read(queries.of_site, week)
        lists = {
            language: {
                **top_values(self._insights, week, language),
                "difference": told(self._insights, week, Speech(language, self._clock.zone)),
            }
            for language in LANGUAGES
        }
        count, last_id = 0, ""
        while recipients := self._database.read(queries.recipients, last_id):
            for each in recipients:
                communities = self._database.read(queries.of_communities, each.id, week)
                top = lists.get(each.language or DEFAULT, lists[DEFAULT]) if each.sees_panel else {}
                self._write(claim, each, {**site, **top, "communities": communities, **week._asdict()})
            count, last_id = count + len(recipients), recipients[-1].id
        self._database.write(work_claim_queries.end, claim, self._clock.now_ms())
        self._done_for = claim.day
        log.info("weekly_report_done day=%s mails=%d", claim.day, count)

    def _write(self, claim: Claim, to: Recipient, figures: dict[str, Any]) -> None:
        once = f"weekly {claim.day} {to.id}"
        letter = self._outbox.letter("weekly", to.email, to.language, once, **figures)
        self._database.write(_renew, claim, self._clock.now_ms(), mail=letter)


def top_values(insights: Insights, week: Week, language: str) -> dict[str, list[Line]]:
    """The pages, sources and places with the most visits of a week. Waits.

    Raises LedgerUnavailable, and StillCounting after an update.
    """
    requests = [BreakdownRequest(Question(*week), dimension, TOP) for dimension in LISTS.values()]
    requests += [BreakdownRequest(Question(*week.before), dimension, MOST_ROWS) for dimension in LISTS.values()]
    answers = insights.read(requests, language)
    lists = dict(zip(LISTS, map(_lines, answers[: len(LISTS)], answers[len(LISTS) :]), strict=True))
    cities, countries = lists.pop("cities"), lists.pop("countries")
    knows_cities = any(row.value is not None for row in answers[2].rows)  # for cities the server needs a file (GEOIP)
    return {**lists, "places": cities if knows_cities else countries}


def told(insights: Insights, week: Week, speech: Speech) -> str:
    """What explains the difference from the week before, in a language; "" if it is not known. Waits, and raises as
    `top_values`.
    """
    found = differences.difference(insights, Question(*week), Question(*week.before), speech.language)
    if found is None:
        return ""
    lead, range_ = differences.lead(speech, found, "week"), speech.say(THE_WEEK_BEFORE)
    return " ".join([differences.compared(speech, found, lead, range_), *differences.explained(speech, found)])


def _lines(now: Breakdown, before: Breakdown) -> list[Line]:
    past = {row.value: row.sums.visits or 0 for row in before.rows}
    return [(row.label, row.sums.visits or 0, past.get(row.value, 0)) for row in now.rows]


def _renew(session: Any, claim: Claim, now_ms: int) -> None:
    """Raises ClaimLost."""
    if not work_claim_queries.renew(session, claim, now_ms):
        raise ClaimLost(claim.worker)
