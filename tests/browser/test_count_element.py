"""<koyjabo-count> and /embed in pages of another site: they count once or not at all, and stay live."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.elsewhere import Line, begin, state
from support.members import PlainMember
from support.pages import expect, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SOCKETS = """
const Socket = window.WebSocket;
window.sockets = 0;
window.WebSocket = class extends Socket { constructor(...said) { super(...said); window.sockets += 1; } };
"""


def tag(site) -> str:
    return f'<script type="module" src="http://localhost:{site.port}/static/js/koyjabo-count.js"></script>'


def number(page: Page, at: int = 0) -> Locator:
    return page.locator("koyjabo-count").nth(at).locator("[part=number]")


def frame(site, query: str, sandbox: str | None = None) -> str:
    asked = "" if sandbox is None else f' sandbox="{sandbox}"'
    return f'<iframe src="http://localhost:{site.port}/embed?{query}"{asked}></iframe>'


def test_copied_line_shows_a_number_that_changes_with_the_next_visit(elsewhere, site):
    install = elsewhere.context.new_page()
    install.goto(f"http://localhost:{site.port}/install")
    line = install.locator("#element-label ~ .snippet [data-copy]").get_attribute("data-copy")
    assert f"http://localhost:{site.port}/" in line
    install.close()
    before = site.stats().total
    elsewhere.set_content(line)
    expect(number(elsewhere)).to_have_text(f"{before + 1:,}")
    site.register("somebody")
    expect(number(elsewhere)).to_have_text(f"{before + 2:,}")


def test_elements_of_a_page_are_one_visit_and_one_socket(elsewhere, site):
    elsewhere.add_init_script(SOCKETS)
    elsewhere.reload()
    before = site.stats().total
    elements = '<koyjabo-count label="visits" lang="bn"></koyjabo-count><koyjabo-count value="today"></koyjabo-count>'
    elsewhere.set_content(f'<html lang="en">{elements}<koyjabo-count value="active">…</koyjabo-count>{tag(site)}')
    bangla = f"{before + 1:,}".translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"))
    expect(number(elsewhere)).to_have_text(bangla)
    expect(elsewhere.locator("[part=label]").first).to_have_text("visits")
    for at in (1, 2):
        expect(number(elsewhere, at)).to_have_text(re.compile("[1-9]"))
    assert (site.stats().total, elsewhere.evaluate("window.sockets")) == (before + 1, 1)
    elsewhere.evaluate("document.querySelector('koyjabo-count').setAttribute('lang', 'en')")
    expect(number(elsewhere)).to_have_text(f"{before + 1:,}")


def test_element_that_counts_nothing(elsewhere, site):
    before = site.stats().total
    elsewhere.set_content(f'<koyjabo-count counts="false"></koyjabo-count>{tag(site)}')
    expect(number(elsewhere)).to_have_text(f"{before:,}")
    total = site.register("somebody").stats.total
    expect(number(elsewhere)).to_have_text(f"{total:,}")
    assert site.stats().total == before + 1


@pytest.mark.parametrize(
    "options", [{}, {"remember": False}, {"visitorIdKey": "rider"}, {"communityId": True}], ids=str
)
def test_element_beside_the_module_leaves_counting_to_it(elsewhere, site, founder, options):
    if "communityId" in options:
        options = {"communityId": founder.found()}
    before = site.stats().total
    begin(elsewhere, site, **options)
    wait_for(elsewhere, lambda: state(elsewhere)[1] == "live", "it is live")
    elsewhere.evaluate("(html) => document.body.innerHTML = html", "<koyjabo-count></koyjabo-count>")
    elsewhere.add_script_tag(url=f"http://localhost:{site.port}/static/js/koyjabo-count.js", type="module")
    expect(number(elsewhere)).to_have_text(f"{before + 1:,}")
    assert site.stats().total == before + 1


def test_element_works_where_inline_styles_are_refused_and_nothing_moves(elsewhere, site):
    server = f"http://localhost:{site.port}"
    policy = f"default-src 'none'; script-src {server}; connect-src {server} ws://localhost:{site.port}"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    before = site.stats().total
    held, line = [], Line(elsewhere)
    elsewhere.route("**/api/**", lambda route: held.append(route))
    elsewhere.set_content(f"{meta}<span><koyjabo-count></koyjabo-count></span><i id=after>|</i>{tag(site)}")
    wait_for(elsewhere, lambda: held and line.opened, "it registers")
    left = elsewhere.locator("#after").bounding_box()["x"]
    elsewhere.unroute("**/api/**")  # and continue what is held
    expect(number(elsewhere)).to_have_text(f"{before + 1:,}")
    assert elsewhere.locator("#after").bounding_box()["x"] == left


@pytest.mark.parametrize("sandbox", [None, "allow-scripts"])
def test_frame_is_live_and_counts_only_when_it_is_asked_to(elsewhere, site, sandbox):
    before = site.stats().total
    elsewhere.set_content(frame(site, "lang=en", sandbox))
    inside = elsewhere.frame_locator("iframe").locator("koyjabo-count [part=number]")
    expect(inside).to_have_text(f"{before:,}")
    total = site.register("somebody").stats.total
    expect(inside).to_have_text(f"{total:,}")
    elsewhere.set_content(frame(site, "lang=en&counts=1", sandbox))
    expect(inside).to_have_text(f"{total + 1:,}")
    assert site.stats().total == total + 1


def test_frame_without_scripts_shows_the_number_of_the_moment(elsewhere, site):
    elsewhere.set_content(frame(site, "lang=en&counts=1", ""))
    shown = elsewhere.frame_locator("iframe").locator("koyjabo-count")
    expect(shown).to_have_text(f"{site.stats().total:,}")


def test_number_of_a_community_follows_who_is_online(elsewhere, site, founder, karim):
    community = founder.found(public_count=True)
    karim.join(community)
    elsewhere.set_content(frame(site, f"value=online&community={community}", "allow-scripts"))
    inside = elsewhere.frame_locator("iframe").locator("koyjabo-count")
    expect(inside).to_contain_text("0")
    before = site.stats().total
    with PlainMember(site.port, community, karim.token):
        expect(inside.locator("[part=number]")).to_have_text("1")
    expect(inside.locator("[part=number]")).to_have_text("0")
    assert site.stats().total == before


def test_number_of_a_community_counts_the_visit_as_other_numbers_do(elsewhere, site, founder):
    community = founder.found(public_count=True)
    before = site.stats().total
    elsewhere.set_content(frame(site, f"value=online&community={community}&counts=1"))
    expect(elsewhere.frame_locator("iframe").locator("[part=number]")).to_have_text("0")
    wait_for(elsewhere, lambda: site.stats().total == before + 1, "it is counted")
