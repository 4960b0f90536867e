"""The page of a visit's number, which only the visitor can hand on."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from babel.dates import get_month_names
from PIL import Image, ImageChops
from support.application.site import Site
from support.application.statements import recorded

from koyjabo.core.extensions import db
from koyjabo.counting.visit_picture import parts
from koyjabo.database import engine
from koyjabo.maintenance.total_queries import add_to_total

LATIN, BENGALI = "0123456789", "০১২৩৪৫৬৭৮৯"
BANGLA = {"Accept-Language": "bn"}


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000, PUBLIC_URL="https://live.example.com") as site:
        yield site


def test_link_of_a_visit_shows_number_day_and_todays_visits_and_nothing_else(site):
    share = site.register("ayesha", page="/secret", referrer="https://google.com").share
    assert re.fullmatch(r"/n/4001\?s=[A-Za-z0-9_-]{22}", share)
    site.time.pass_(days=1)
    site.register("babul")
    answer = site.client.get(share)
    assert answer.status_code == 200
    assert answer.headers["X-Robots-Tag"] == "noindex"
    main = re.search("<main.*</main>", answer.text, re.DOTALL)[0]
    assert [text in main for text in ("4,001", "16 Dec 2025", "Visits today: 1")] == [True] * 3
    assert [text in answer.text for text in ("ayesha", "secret", "google.com")] == [False] * 3
    picture = f"https://live.example.com{share.replace('?', '.png?')}"
    assert f'<meta property="og:image" content="{picture}">' in answer.text
    assert "৪,০০১" in site.client.get(share, headers=BANGLA).text


def test_no_other_address_shows_it(site):
    share = site.register("ayesha").share
    site.register("babul")
    path, _, signature = share.partition("?s=")
    wrong = signature[:-1] + ("A" if signature[-1] != "A" else "B")
    others = (path, f"{path}?s=", f"{path}?s={wrong}", f"{path}/?s={wrong}", f"/n/04001?s={wrong}")
    others += (f"/n/4002?s={signature}", f"/n/{'9' * 40}?s={signature}", f"/n/-1?s={signature}", f"{path}?s=%ff%F0")
    for each in others:
        assert site.client.get(each).status_code == 404, each
        assert site.client.get(each.replace("?", ".png?")).status_code == 404, each


def test_other_spellings_lead_to_the_one_path_and_what_networks_add_is_ignored(site):
    share = site.register("ayesha").share
    path, _, signature = share.partition("?s=")
    assert site.client.get(f"{path}?fbclid=1&s={signature}&s=0").status_code == 200
    for picture in ("", ".png"):
        for other in (f"{path}{picture}/", f"/n/04001{picture}", f"/n/৪০০১{picture}"):
            answer = site.client.get(f"{other}?fbclid=1&s={signature}")
            assert (answer.status_code, answer.headers["Location"]) == (301, f"{path}{picture}?s={signature}"), other
            assert answer.headers["X-Robots-Tag"] == "noindex"


def test_link_ends_with_its_visitor_and_with_its_count(site):
    gone, kept = site.register("ayesha").share, site.register("babul").share
    site.post("/api/visitor/forget", json={"visitorId": "ayesha"})
    assert [site.client.get(each).status_code for each in (gone, kept)] == [404, 200]
    site.set_total(9000)
    assert [site.client.get(each).status_code for each in (kept, site.register("chandni").share)] == [200, 200]
    site.set_total(5, new_epoch=True)
    assert site.client.get(kept).status_code == 404


def test_imported_days_do_not_make_the_search_for_it_longer(site):
    earlier = site.register("ayesha").share
    with site.app.app_context(), engine.exclusive(db.engine.url) as session:
        add_to_total(session, [(1, "a day")] * 1_000, site.time.ms)
    shares = [earlier, site.register("babul").share]
    assert shares[1].startswith("/n/5002?")
    with recorded() as asked:
        assert [site.client.get(share).status_code for share in shares] == [200, 200]
    assert max(len(parameters) for _, parameters in asked) < 10


def test_picture_is_as_large_as_pages_want_it(site):
    answers = [site.client.get(site.register("ayesha").share.replace("?", ".png?")) for _ in range(2)]
    assert [(each.status_code, each.content_type) for each in answers] == [(200, "image/png")] * 2
    one, other = (Image.open(BytesIO(each.data)).convert("L") for each in answers)
    assert one.size == (1200, 630)
    left, top, right, bottom = ImageChops.difference(one, other).getbbox()  # 4,001 and 4,002, in both scripts
    assert (left > 400, right < 600, top > 200, bottom < 530) == (True,) * 4
    assert max(len(each.data) for each in answers) < 100_000


def test_all_that_a_picture_may_say_has_been_drawn():
    months = [*get_month_names("abbreviated", locale="en").values(), *get_month_names("wide", locale="bn").values()]
    wanted = {f"small {text}" for text in (*months, *LATIN, *BENGALI)} | {f"large {text}" for text in (*LATIN, ",")}
    assert wanted | {f"medium {text}" for text in (*LATIN, ",", *BENGALI)} <= set(parts().by_name)


def test_too_many_of_them_from_one_address_have_to_wait(sqlite_database, monkeypatch):
    from koyjabo.webkit.limits import limits

    monkeypatch.setattr(limits, "SHARED_NUMBERS", 2)
    with Site(sqlite_database.url) as site:
        there = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
        share = site.register("ayesha").share
        assert [site.client.get(share, **there).status_code for _ in range(3)] == [200, 200, 429]
