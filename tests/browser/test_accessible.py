"""Accessibility of every kind of page, in each theme: axe-core finds nothing serious, and nothing overflows."""

import pytest
from support.browser.pages import check_accessible, expect, open_as, visit
from support.clients.members import PlainMember

SEEN_BY_ALL = ["/"]
MORE_SEEN_BY_ALL = ["/docs/", "/docs/troubleshooting.md", "/receipt"]
MORE_SEEN_BY_ALL += ["/embed?value=total&lang=en&theme=light", "/embed?value=total&lang=bn&theme=dark"]
ACCOUNT = ["/account", *(f"/account/{page}" for page in ("details", "delete", "second-factor"))]
OF_A_PERSON = ["/communities", "/communities/new", *ACCOUNT]
OF_A_COMMUNITY = ["/communities/{community}"]
MORE_OF_A_COMMUNITY = [
    "/communities/{community}" + path for path in ("", "/members", "/reports", "/settings", "/delete")
]
OF_THE_PANEL = ["/admin/"]
MORE_OF_THE_PANEL = [
    "/admin/" + path
    for path in (
        *("communities", "people", "audit", "server", "data", "settings", "find?q=a", "communities/new"),
        *("shares", "keys", "keys/new", "communities/{community}", "people/{user}"),
        *("keys/{key}/rotate", "visits", "visits/{visit}", "receipt"),
    )
]


def quick_and_more(quick: list[str], more: list[str]) -> list:
    return [*quick, *(pytest.param(path, marks=pytest.mark.long) for path in more)]


@pytest.mark.parametrize("path", quick_and_more(SEEN_BY_ALL, MORE_SEEN_BY_ALL))
def test_pages_for_all(new_device, path):
    page = new_device(locale="en-GB" if path == "/" else "bn-BD").open(path)
    if path == "/":
        expect(page.locator("[data-line]")).to_have_text("Live")
        page.get_by_text("Do not count me").click()
        page.get_by_text("Erase my data").click()
    check_accessible(page)


@pytest.mark.parametrize("path", quick_and_more(["/login"], ["/signup"]))
def test_pages_before_a_login_also_when_it_is_refused(page, path):
    visit(page, path)
    check_accessible(page)
    page.get_by_label("Email").fill("ayesha@example")
    page.get_by_label("Password").fill("short")
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.locator("[aria-invalid]").first).to_be_visible()
    check_accessible(page)


@pytest.mark.parametrize("path", quick_and_more(OF_A_COMMUNITY, [*MORE_OF_A_COMMUNITY, *OF_A_PERSON]))
def test_pages_of_a_person_and_of_a_community(site, device, wordy, karim, addresses, path):
    wordy.give(addresses["community"], karim, "moderator")
    with PlainMember(site.port, addresses["community"], karim.token):
        check_accessible(open_as(device, wordy, path.format(**addresses)))


@pytest.mark.parametrize("path", quick_and_more(OF_THE_PANEL, MORE_OF_THE_PANEL))
def test_pages_of_the_panel(new_device, session, addresses, path):
    check_accessible(new_device(storage_state=session).open(path.format(**addresses)))
