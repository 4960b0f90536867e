"""Yesterday in one sentence: each number equals a visit-by-visit count."""

import re
from itertools import count

import pytest
from hypothesis import example, given, strategies as st
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import words
from support.runs.fuzz_effort import effort

from koyjabo.base.core.clock import shifted
from koyjabo.reports import differences
from koyjabo.reports.engine.requests import BreakdownRequest
from koyjabo.reports.query.report_query import Question

SOURCES = {None: "", "google.com": "https://www.google.com/", "facebook.com": "https://m.facebook.com/"}
VISITS = st.lists(st.tuples(st.sampled_from([*SOURCES]), st.sampled_from(("/", "/metro", "/fares"))), max_size=25)
YESTERDAY = re.compile(r'(?s)<p class="yesterday">(.*?)</p>')
weeks, admins = count(2), count()


def visit_on(site: Site, day: str, visits: list[tuple[str | None, str]]) -> None:
    site.time.go_to(f"{day}T12:00:00+06:00")
    for number, (source, page) in enumerate(visits):
        site.register(f"visitor{number}", visitId=f"{day}-{number}", page=page, referrer=SOURCES[source])


@given(before=VISITS, now=VISITS)
@example(before=[("google.com", "/metro")], now=[(None, "/")] * 2)
@example(before=[(None, "/metro")] * 6, now=[(None, "/"), (None, "/bus")] * 4)
@effort(40)
def test_gains_and_losses_of_values_add_up_to_the_difference(site, before, now):
    day = shifted("2026-01-01", 14 * next(weeks))
    visit_on(site, shifted(day, -7), before)
    visit_on(site, day, now)
    asked = Question(day, day), Question(shifted(day, -7), shifted(day, -7))
    insights = site.reports
    result = differences.difference(insights, *asked, "en")
    assert (result.visits, result.before) == (len(now), len(before))
    for place, dimension in enumerate(("source", "page")):
        answers = insights.read([BreakdownRequest(question, dimension, 1_000) for question in asked])
        changes = list(differences.changes_by(dimension, *answers))
        assert sum(change.more for change in changes) == len(now) - len(before)
        for difference in (*changes, *(change for change in result.changes if change.dimension == dimension)):
            assert difference.visits == sum(visit[place] == difference.value for visit in now)
            assert difference.before == sum(visit[place] == difference.value for visit in before)
    assert all(abs(change.more) >= max(5, abs(result.more) / 10) for change in result.changes)
    assert all(change.more * result.more > 0 for change in result.changes)


def overview(site, day: str):
    """An admin of the panel on the morning of `day`."""
    site.time.go_to(f"{day}T08:00:00+06:00")
    return panel(site, f"rani{next(admins)}")


def sentence_on(page: str) -> str:
    return re.sub(r" (?=[.,:])", "", words(YESTERDAY.search(page)[1]))  # removes the spaces left by the links' marks


def test_overview_describes_yesterday_in_one_sentence_with_links(site):
    day = shifted("2026-01-01", 14 * next(weeks))
    visit_on(site, shifted(day, -7), [(None, "/metro")] * 12 + [("google.com", "/")] * 8)
    visit_on(site, day, [(None, "/metro")] * 3 + [("google.com", "/")] * 20 + [("facebook.com", "/fares")] * 2)
    admin = overview(site, shifted(day, 1))
    page = admin.get("/admin/")
    assert sentence_on(page) == ("25 visits yesterday, 25% more than the Thursday before: page / +12, google.com +12.")
    assert ">25 visits yesterday</a>, 25% more" in page, "the link is short"
    sums = f"start={day}&amp;end={day}&amp;compare=weekday"
    assert f'href="/admin/?{sums}&amp;source=google.com"' in page
    (view,) = re.findall(r'href="([^"]*source=google\.com)"', YESTERDAY.search(page)[1])
    assert 'data-stat="visits" data-value="20"' in admin.get(view.replace("&amp;", "&"))


@pytest.mark.parametrize(
    ("before", "now", "sentence"),
    [
        (0, 0, "No visits yesterday, as many as the Thursday before."),
        (0, 1, "1 visit yesterday, none the Thursday before."),
        (4, 4, "4 visits yesterday, as many as the Thursday before."),
        (300, 301, "301 visits yesterday, about as many as the Thursday before."),
        (4, 3, "3 visits yesterday, 25% fewer than the Thursday before."),
    ],
)
def test_the_sentence_fits_few_visits(site, before, now, sentence):
    day = shifted("2026-01-01", 14 * next(weeks))
    visit_on(site, shifted(day, -8), [(None, "/")])  # before its first visit a site has no such sentence
    visit_on(site, shifted(day, -7), [(None, "/")] * before)
    visit_on(site, day, [(None, "/")] * now)
    assert sentence_on(overview(site, shifted(day, 1)).get("/admin/")) == sentence
