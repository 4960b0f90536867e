"""A page of another site shows visitors the number of their visit, and a button that shares its link."""

from __future__ import annotations

import pytest
from host_pages import begin
from pages import check_accessible, expect, wait_for
from test_count_element import BENGALI, number, tag

MINE = '<koyjabo-count value="mine" label="is yours"></koyjabo-count>'
TEXT = "(element) => element.shadowRoot.textContent"
APP = "window.shared = []; navigator.share = async (what) => { window.shared.push(what); };"
CANCELLED = "navigator.share = async () => { throw new DOMException('', 'AbortError'); };"
FORBIDDEN = "navigator.share = async () => { throw new DOMException('', 'NotAllowedError'); };"
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined });"


def show(page, site, elements: str, lang: str = "en"):
    page.set_content(f'<html lang="{lang}"><title>Elsewhere</title><main>{elements}</main>{tag(site)}')
    return page.locator("koyjabo-count").first


def own_link(site, ordinal: int) -> str:
    return rf"http://localhost:{site.port}/n/{ordinal}\?s=[\w-]{{22}}"


def test_an_element_with_the_value_mine_links_the_number_of_this_visit_to_its_page(host_page, site, other_site):
    before = site.stats().total
    element = show(host_page, site, MINE)
    link = element.locator("[part=link]")
    expect(link).to_have_text(f"{before + 1:,}")
    expect(link).to_have_accessible_name(f"Visit no. {before + 1:,}")
    expect(element.locator("[part=label]")).to_have_text("is yours")
    link.focus()
    site.register("somebody")
    host_page.evaluate("document.querySelector('main').append(document.createElement('koyjabo-count'))")
    expect(number(host_page, 1)).to_have_text(f"{before + 2:,}")
    expect(link).to_be_focused()
    expect(link).to_have_text(f"{before + 1:,}")
    link.click()
    expect(host_page.locator("#number")).to_have_text(f"Visit no. {before + 1:,}")
    host_page.goto(f"{other_site}posts/next")
    expect(show(host_page, site, MINE, "bn").locator("[part=link]")).to_have_text(f"{before + 1:,}".translate(BENGALI))
    assert site.stats().total == before + 2


def test_a_page_that_counts_its_visit_with_the_module_shows_the_number(host_page, site, open_community):
    before = site.stats().total
    begin(host_page, site, communityId=open_community)
    wait_for(host_page, lambda: host_page.evaluate("window.koyjabo.isCounted"), "the visit is counted")
    element = show(host_page, site, MINE)
    expect(element.locator("[part=link]")).to_have_text(f"{before + 1:,}")
    assert site.stats().total == before + 1


NOT_COUNTED = "localStorage.setItem('koyjabo.doNotCount', '1')"


def is_empty(page, site, attributes: str = "") -> None:
    elements = f"{MINE}<koyjabo-count share></koyjabo-count>".replace("<koyjabo-count", f"<koyjabo-count {attributes}")
    mine = show(page, site, elements)
    expect(number(page, 1)).to_have_text(f"{site.stats().total:,}")
    site.register("somebody")
    expect(number(page, 1)).to_have_text(f"{site.stats().total:,}")
    assert mine.evaluate(TEXT) == ""
    assert number(page).evaluate("(shown) => shown.getBoundingClientRect().width") == 0
    expect(page.locator("[part=share]")).to_have_count(0)


def test_an_element_without_a_counted_visit_has_no_number_no_label_and_no_button(host_page, site, other_site):
    is_empty(host_page, site, 'counts="false"')
    expect(show(host_page, site, MINE).locator("[part=link]")).to_be_visible()
    host_page.evaluate(NOT_COUNTED)
    host_page.goto(f"{other_site}posts/next")
    is_empty(host_page, site)


def shared(page, site, lang: str = "en"):
    """The button of an element, and the number of the visit."""
    total = site.stats().total + 1
    element = show(page, site, "<koyjabo-count share></koyjabo-count>", lang)
    button = element.locator("[part=share]")
    expect(button).to_be_visible()
    return element, button, total


def test_the_button_of_an_element_offers_the_link_to_the_apps_of_the_device(page, site, other_site):
    page.add_init_script(APP)
    page.goto(other_site)
    _, button, total = shared(page, site, "bn-BD")
    text = f"ভিজিট নং {total:,}".translate(BENGALI)
    expect(button).to_have_text("শেয়ার করুন")
    expect(button).to_have_accessible_name(f"{text} শেয়ার করুন")
    button.press("Enter")
    wait_for(page, lambda: page.evaluate("window.shared.length") == 1, "it is offered")
    (what,) = page.evaluate("window.shared")
    assert (what["title"], what["text"]) == (text, text)
    assert page.evaluate("(link) => new RegExp(`^${link}$`).test(window.shared[0].url)", own_link(site, total))


@pytest.mark.parametrize("apps", ["", FORBIDDEN], ids=["none", "forbidden"])
def test_without_apps_the_button_copies_the_link_and_a_status_says_so(new_device, site, other_site, apps):
    page = new_device(permissions=["clipboard-read", "clipboard-write"]).context.new_page()
    page.add_init_script(apps)
    page.goto(other_site)
    element, button, total = shared(page, site)
    expect(button).to_have_accessible_name(f"Share visit no. {total:,}")
    check_accessible(page)
    button.press(" ")
    expect(element.get_by_role("status")).to_have_text("Link copied")
    expect(button).to_be_focused()
    copied = page.evaluate("navigator.clipboard.readText()")
    page.goto(copied)
    expect(page.locator("#number")).to_have_text(f"Visit no. {total:,}")


def test_without_apps_and_clipboard_the_button_shows_the_link(page, site, other_site):
    page.add_init_script(NO_CLIPBOARD)
    page.goto(other_site)
    element, button, total = shared(page, site)
    button.click()
    link = element.get_by_role("status").locator("a")
    expect(link).to_be_visible()
    assert page.evaluate(
        "([text, link]) => new RegExp(`^${link}$`).test(text)", [link.text_content(), own_link(site, total)]
    )


def test_a_visitor_who_cancels_sharing_gets_no_copy(page, site, other_site):
    page.add_init_script(NO_CLIPBOARD + CANCELLED)
    page.goto(other_site)
    element, button, _ = shared(page, site)
    button.click()
    assert element.evaluate(TEXT).endswith("Share")


def test_connect_shows_the_chosen_element_with_a_sample_and_counts_nothing(admin_tab, site):
    before, sent = site.stats(), []
    admin_tab.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    admin_tab.goto("/admin/connect")
    for name, choice in (("value", "mine"), ("share", "yes"), ("views", "no"), ("stores", "nothing")):
        admin_tab.locator(f"select[name={name}]").select_option(choice)
    code = '<koyjabo-count value="mine" views="false" stores="nothing" share>'
    expect(admin_tab.locator("#build-code code")).to_contain_text(code)
    preview = admin_tab.locator('.looks koyjabo-count[value="mine"][stores="nothing"][share]')
    expect(preview.locator("[part=link]")).to_have_text(f"{before.total:,}")
    expect(preview.locator("[part=share]")).to_have_text("Share")
    admin_tab.locator("a[data-look=badge]").click()
    expect(admin_tab.locator("#build-code code")).to_contain_text("badge.svg?value=total")
    expect(admin_tab.locator("select[name=value]")).to_have_value("total")
    assert [url for url in sent if "/api/" in url] == []
    assert (site.stats().total, admin_tab.evaluate("Object.keys(localStorage)")) == (before.total, [])
