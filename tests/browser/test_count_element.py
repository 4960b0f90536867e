"""/install, <koyjabo-count> and /embed on another site: they count once or not at all, and stay live."""

import re
from urllib.parse import quote

import pytest
from support.browser.host_pages import FakeServer, begin_live
from support.browser.pages import expect, wait_for
from support.clients.members import PlainMember

counted = pytest.mark.long(proved_by="browser/test_count_element.py::test_elements_of_a_page_are_one_visit")
framed = pytest.mark.long(proved_by="browser/test_count_element.py::test_frame_is_live_and_counts_when_it_is_asked_to")


def tag(site) -> str:
    return f'<script type="module" src="http://localhost:{site.port}/static/js/koyjabo-count.js"></script>'


def number(page, at: int = 0):
    return page.locator("koyjabo-count").nth(at).locator("[part=number]")


def frame(site, query: str, sandbox: str | None = None) -> str:
    asked = "" if sandbox is None else f' sandbox="{sandbox}"'
    return f'<iframe src="http://localhost:{site.port}/embed?{query}"{asked}></iframe>'


def test_copied_line_shows_a_number_that_changes_with_the_next_visit(new_device, site, other_site):
    page = new_device(permissions=["clipboard-read", "clipboard-write"]).open("/install")
    button = page.locator("#build-code [data-copy]")
    button.click()
    expect(button).to_have_text("Copied")
    line = page.evaluate("navigator.clipboard.readText()")
    assert line.startswith("<koyjabo-count")
    assert f"http://localhost:{site.port}/" in line
    before = site.stats().total
    other = page.context.new_page()
    other.goto(other_site)
    other.set_content(line)
    expect(number(other)).to_have_text(f"{before + 1:,}")
    for at in range(4):  # three looks, and the newest visit below them
        expect(number(page, at)).to_have_text(f"{before + 1:,}")
    expect(page.locator("[data-seen] time")).to_have_text(re.compile("just now|ago"))
    page.locator("a[data-look=frame]").click()
    expect(page.locator("#build-code code")).to_contain_text("<iframe")
    assert page.url.endswith("look=frame&value=total&lang=en&color=%23006a4e&counts=yes")
    site.register("somebody")
    expect(number(other)).to_have_text(f"{before + 2:,}")


def test_elements_of_a_page_are_one_visit(host_page, site):
    sockets, before = [], site.stats().total
    host_page.on("websocket", lambda socket: sockets.append(socket))
    elements = '<koyjabo-count label="visits" lang="bn"></koyjabo-count><koyjabo-count value="today"></koyjabo-count>'
    host_page.set_content(f'<html lang="en">{elements}<koyjabo-count value="active">…</koyjabo-count>{tag(site)}')
    bangla = f"{before + 1:,}".translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"))
    expect(number(host_page)).to_have_text(bangla)
    expect(host_page.locator("[part=label]").first).to_have_text("visits")
    for at in (1, 2):
        expect(number(host_page, at)).to_have_text(re.compile("[1-9]"))
    assert (site.stats().total, len(sockets)) == (before + 1, 1)
    host_page.evaluate("document.querySelector('koyjabo-count').setAttribute('lang', 'en')")
    expect(number(host_page)).to_have_text(f"{before + 1:,}")


@counted
def test_element_that_counts_nothing(host_page, site):
    before = site.stats().total
    host_page.set_content(f'<koyjabo-count counts="false"></koyjabo-count>{tag(site)}')
    expect(number(host_page)).to_have_text(f"{before:,}")
    total = site.register("somebody").stats.total
    expect(number(host_page)).to_have_text(f"{total:,}")
    assert site.stats().total == before + 1


@counted
@pytest.mark.parametrize(
    "options", [{}, {"remember": False}, {"visitorIdKey": "rider"}, {"communityId": True}], ids=str
)
def test_element_next_to_the_module_leaves_counting_to_it(host_page, site, community, options):
    if "communityId" in options:
        options = {"communityId": community}
    before = site.stats().total
    begin_live(host_page, site, **options)
    host_page.evaluate("(html) => document.body.innerHTML = html", "<koyjabo-count></koyjabo-count>")
    host_page.add_script_tag(url=f"http://localhost:{site.port}/static/js/koyjabo-count.js", type="module")
    expect(number(host_page)).to_have_text(f"{before + 1:,}")
    assert site.stats().total == before + 1


@counted
def test_element_works_where_inline_styles_are_refused_and_nothing_moves(host_page, site):
    server = f"http://localhost:{site.port}"
    policy = f"default-src 'none'; script-src {server}; connect-src {server} ws://localhost:{site.port}"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    before = site.stats().total
    held, fake_server = [], FakeServer(host_page)
    host_page.route("**/api/**", lambda route: held.append(route))
    host_page.set_content(f"{meta}<span><koyjabo-count></koyjabo-count></span><i id=after>|</i>{tag(site)}")
    wait_for(host_page, lambda: held and fake_server.opened, "it registers")
    left = host_page.locator("#after").bounding_box()["x"]
    host_page.unroute("**/api/**")  # continue held requests
    expect(number(host_page)).to_have_text(f"{before + 1:,}")
    assert host_page.locator("#after").bounding_box()["x"] == left


@pytest.mark.parametrize("sandbox", [pytest.param(None, marks=pytest.mark.long), "allow-scripts"])
def test_frame_is_live_and_counts_when_it_is_asked_to(host_page, site, sandbox):
    before = site.stats().total
    host_page.set_content(frame(site, "lang=en", sandbox))
    inside = host_page.frame_locator("iframe").locator("koyjabo-count [part=number]")
    expect(inside).to_have_text(f"{before:,}")
    total = site.register("somebody").stats.total
    expect(inside).to_have_text(f"{total:,}")
    host_page.set_content(frame(site, "lang=en&counts=1", sandbox))
    expect(inside).to_have_text(f"{total + 1:,}")
    assert site.stats().total == total + 1


def test_a_frame_is_shown_on_a_page_that_requires_a_policy(host_page, other_site, site):
    """Pages that measure time exactly or share memory have this header, and so must all that they load."""
    host_page.goto(f"{other_site}?embedder=require-corp")
    host_page.set_content(frame(site, "value=total") + f"<koyjabo-count counts=false></koyjabo-count>{tag(site)}")
    inside = host_page.frame_locator("iframe").locator("koyjabo-count [part=number]")
    for shown in (inside, number(host_page)):
        expect(shown).to_have_text(f"{site.stats().total:,}")
    site.register("somebody")
    expect(inside).to_have_text(f"{site.stats().total:,}")


@framed
def test_number_of_a_community_follows_its_online_members(host_page, site, founder, karim):
    community, before = founder.found(public_count=True), site.stats().total
    site.database.rows(f"UPDATE communities SET ref = 'auth0|dhaka/10 %2F?#' WHERE id = '{community}'")
    karim.join(community)
    named = quote("auth0|dhaka/10 %2F?#", safe="")
    host_page.set_content(frame(site, f"value=online&community={named}", "allow-scripts"))
    inside = host_page.frame_locator("iframe").locator("koyjabo-count [part=number]")
    expect(inside).to_have_text("0")
    with PlainMember(site.port, community, karim.token):
        expect(inside).to_have_text("1")
    expect(inside).to_have_text("0")
    assert site.stats().total == before
    host_page.set_content(frame(site, f"value=online&community={named}&counts=1"))
    expect(inside).to_have_text("0")
    wait_for(host_page, lambda: site.stats().total == before + 1, "it is counted")
