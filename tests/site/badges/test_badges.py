"""/badge.svg: current numbers, in shapes that fit their text."""

import re
from itertools import product
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from support.application.page_numbers import when_counted
from support.application.site import Site, nothing_counted

from koyjabo.base.colours.oklch import contrast
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.site import shown_values as values
from koyjabo.site.badges import badge_query, drawing
from koyjabo.site.badges.text_width import width_px
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

SVG = "{http://www.w3.org/2000/svg}"
FROM_ELSEWHERE = {"Origin": "https://app.example.com", "Cookie": "language=bn"}
HOSTILE = """<script>alert(1)</script>"'&]]>"""
ODD_LABELS = (HOSTILE, "a\x00b\x08c\x1f", "\ufffe\u202eabc", "%ED%A0%80", "ক্ষুদ্র ঋণ", "👩\u200d👧", " \n two  \t lines ")


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    with Site(module_sqlite_database.url, STARTING_TOTAL="4000") as site:
        site.register("ayesha")
        site.register("babul")
        yield site


def ask(site: Site, query: str = "", **headers: str):
    return site.client.get(f"/badge.svg{query}", headers={**FROM_ELSEWHERE, **headers})


def texts(answer) -> list[str]:
    """Return the image's texts, and assert that its label matches them."""
    assert answer.content_type.startswith("image/svg+xml")
    image = ElementTree.fromstring(answer.data)
    shown = [element.text for element in image.iter(f"{SVG}text")]
    assert image.get("role") == "img"
    assert image.get("aria-label") == image.find(f"{SVG}title").text == ": ".join(shown)
    return shown


def test_a_badge_shows_a_number_with_its_label(site):
    for query, label, message in (
        ("", "visits", "4,002"),
        ("?value=total&lang=bn", "ভিজিট", "৪,০০২"),
        ("?value=today", "visits today", "2"),
        ("?value=active&lang=bn", "এখন সক্রিয়", "২"),
        ("?value=visitors&label=people", "people", "2"),
        (f"?label={'x' * 41}", "x" * 40, "4,002"),
    ):
        assert texts(ask(site, query)) == [label, message]


def test_a_badge_is_revalidated_and_counts_nothing(sqlite_database):
    with Site(sqlite_database.url) as site:
        with nothing_counted(site):
            first = ask(site, "?value=total")
            assert first.headers["Cache-Control"] == "no-cache"
            tag = first.headers["ETag"]
            assert ask(site, "?value=total", If_None_Match=tag).status_code == 304
            assert ask(site, "?value=total", If_None_Match=f"W/{tag}").data == b""
            for query in ("", "?value=total&style=plastic", "?value=today"):
                assert (ask(site, query).headers["ETag"] == tag) == (query == "")
        site.register("chaya")
        newer = ask(site, "?value=total", If_None_Match=tag)
        assert (newer.status_code, texts(newer)) == (200, ["visits", "1"])


def test_any_site_may_show_a_badge_which_sets_no_cookie(site):
    for query in ("", "?value=nothing"):
        answer = ask(site, query)
        assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
        assert answer.headers.getlist("Cross-Origin-Resource-Policy") == ["cross-origin"]
        assert not {"Set-Cookie", "Vary"} & set(answer.headers.keys())


@pytest.mark.both_kinds
def test_the_badge_of_a_page_shows_its_views(database):
    with Site(database.url, PAGE_NUMBERS="/posts/*") as site:
        site.register("ayesha", page="/posts/%e0%a6%95")
        site.register("babul", page="/posts/ক?utm_source=x")
        query = "?value=page&page=/posts/%25E0%25A6%2595"
        assert texts(when_counted(site, f"/badge.svg{query}")) == ["views", "2"]
        assert texts(ask(site, f"{query}&lang=bn")) == ["ভিউ", "২"]
        assert texts(ask(site, "?value=page&page=/posts/b&label=read")) == ["read", "0"]
        with nothing_counted(site):
            tag = ask(site, query).headers["ETag"]
        site.register("chaya", page="/posts/b")
        assert ask(site, query, If_None_Match=tag).status_code == 304, "another page was viewed"
        site.register("chaya", page="/posts/ক")
        assert texts(ask(site, query, If_None_Match=tag)) == ["views", "3"]


def test_the_badge_of_a_page_without_a_number_is_an_image_with_status_404(sqlite_database):
    with Site(sqlite_database.url) as site:
        assert ask(site, "?value=page&page=/posts/a").status_code == 404
        site.services[StoredSettings].change(OPERATOR, PAGE_NUMBERS="/posts/*")
        assert when_counted(site, "/badge.svg?value=page&page=/posts/a").status_code == 200
        hidden = ask(site, "?value=page&page=/drafts/a")
        assert (hidden.status_code, len(texts(hidden))) == (404, 2)


WRONG = {
    **{"value=totals": "value", "value=": "value", "value=total&value=today": "value"},
    **{"value=online": "community", "value=total&community=x": "community"},
    **{"color=greenish": "color", "color=12345": "color", "lang=de": "lang", "style=for-the-badge": "style"},
    **{"value=page": "page", "value=total&page=/a": "page", "page=/a": "page", "value=page&page=": "page"},
    **{f"value=page&page=/{'a' * 512}": "page", "value=page&page=/a&community=x": "community"},
    **{"colour=green": "colour", "a=1&" * 21: "query"},
}


def test_an_invalid_parameter_is_named_in_the_image(site):
    for query, name in WRONG.items():
        answer = ask(site, f"?{query}")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (400, "no-store")
        assert texts(answer)[0] == name


def test_a_label_and_the_name_of_a_parameter_are_escaped(site):
    for odd in ODD_LABELS:
        asked = odd if odd.startswith("%") else quote(odd)
        shown, refused = ask(site, f"?label={asked}"), ask(site, f"?{asked}{'x' * 50}=1")
        assert (shown.status_code, texts(shown)[-1]) == (200, "4,002")
        assert (refused.status_code, len(texts(refused)[0]) <= 40) == (400, True)
        for answer in (shown, refused):
            assert not re.search(r"[\x00-\x1f\u202e\ufffe]", answer.text)
            assert "<script" not in answer.text


def test_the_text_has_enough_contrast_on_every_color(site):
    for color in ("brightgreen", "lightgrey", "inactive", "abc", "%23ABCDEF", "000000", "777"):
        image = ElementTree.fromstring(ask(site, f"?label=&color={color}").data)
        (text,) = image.iter(f"{SVG}text")
        fill = badge_query.color(color.replace("%23", "#"))
        assert fill in [element.get("fill") for element in image.iter(f"{SVG}rect")]
        assert contrast(fill, text.get("fill")) >= 4.5, color


def test_the_texts_of_a_badge_fit_into_their_shapes():
    for style, label in product(drawing.STYLES, ("visits", "এ পর্যন্ত মানুষ", "WWWWWWWWWW", "iiii", "漢字")):
        image = ElementTree.fromstring(drawing.badge(label, "১২,৩৪,৫৬৭", "#006a4e", style, "bn"))
        shapes = [element for element in image.iter(f"{SVG}rect") if element.get("fill", "").startswith("#")]
        assert sum(int(shape.get("width")) for shape in shapes) == int(image.get("width"))
        for shape, text in zip(shapes, image.iter(f"{SVG}text"), strict=True):
            left, length = float(text.get("x")), float(text.get("textLength"))
            assert length == pytest.approx(width_px(text.text, drawing.FONT_PX), abs=0.1)
            assert float(shape.get("x")) + 4 < left
            assert left + length < float(shape.get("x")) + int(shape.get("width")) - 4


REAL_WIDTHS_PX = {"الزوار": 26, "عدد الزوار": 47, "זרים": 20, "👩‍👩‍👧‍👦": 14, "🇧🇩": 14, "👍🏽": 14, "посетители": 68}
"""Measured in a browser at 11 px: DejaVu Sans, and Noto's emoji."""


def test_a_text_in_another_script_is_not_stretched_and_fits_into_its_shape():
    for label, real_px in REAL_WIDTHS_PX.items():
        image = ElementTree.fromstring(drawing.badge(label, "1", "#006a4e", "flat", "en"))
        text, number = image.iter(f"{SVG}text")
        shape = next(element for element in image.iter(f"{SVG}rect") if element.get("fill") == drawing.LABEL_COLOR)
        room = int(shape.get("width")) - 2 * drawing.PADDING_PX
        assert (text.get("textLength"), text.get("text-anchor")) == (None, "middle"), label
        assert float(text.get("x")) == int(shape.get("width")) / 2
        assert real_px - 6 <= room <= real_px * 1.2 + 6, (label, room)
        assert number.get("textLength")


def test_the_response_without_a_database_is_an_image_with_status_503(site, monkeypatch):
    def fail(*_):
        raise LedgerUnavailable

    monkeypatch.setattr(values, "read", fail)
    answer = ask(site)
    assert (answer.status_code, len(texts(answer))) == (503, 2)
    assert int(answer.headers["Retry-After"]) >= 1
