"""Every page can be used by everyone: axe-core finds nothing serious, and on the narrowest phone no page scrolls
sideways, in either language, however long people's texts are. No text is smaller than 12 px, and no control is lower
than 44 px.
"""

import re
from contextlib import suppress
from itertools import chain

import pytest
from pages import check_accessible, expect, log_in, visit
from support.application.site import Site
from werkzeug.exceptions import NotFound

NARROW = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}
OVER = """() => {
  const width = document.documentElement.clientWidth, elements = [...document.querySelectorAll("body *")];
  const clips = (node) => node && (getComputedStyle(node).overflowX !== "visible" || clips(node.parentElement));
  const hangs = (element) => element.getBoundingClientRect().right > width + 1 && !clips(element.parentElement);
  const over = document.documentElement.scrollWidth - width;
  return over > 0 ? [over, ...elements.filter(hangs).slice(-3).map(({ outerHTML }) => outerHTML.slice(0, 200))] : [];
}"""
SMALLEST_PX = 12
TOO_SMALL = f"""() => {{
  const has = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const isSmall = (element) => parseFloat(getComputedStyle(element).fontSize) < {SMALLEST_PX} && has(element);
  const texts = document.querySelectorAll("body :not(script, style, template, svg *)");
  const elements = [...texts].filter((element) => isSmall(element) && element.checkVisibility());
  return elements.map(({{ outerHTML }}) => outerHTML.slice(0, 200));
}}"""
LOWEST_PX = 44
TOO_LOW = f"""() => {{
  const controls = document.querySelectorAll("button, summary, select, input:not([type=checkbox], [type=radio])");
  const isLow = (control) => control.checkVisibility() && control.getBoundingClientRect().height < {LOWEST_PX};
  return [...controls].filter(isLow).map(({{ outerHTML }}) => outerHTML.slice(0, 200));
}}"""
CHECKS = (OVER, TOO_SMALL, TOO_LOW)
OPEN_DETAILS = "(all) => { for (const element of all) if (element.checkVisibility()) element.open = true; }"

PAGES = {
    "stranger": [
        *("/", "/login", "/signup", "/forgot-password", "/receipt", "/docs/", "/docs/failover.md"),
        *("/embed", "/offline", "/nothing", "/communities", "/share/{share}", "/share/{locked}", "{number}"),
        *("/invitations/{invitation}", "/reset-password/x", "/verify-email/x"),
    ],
    "member": [
        *("/communities", "/communities/new", "/admin/", "/invitations/{invitation}"),
        *(f"/communities/{{community}}{path}" for path in ("", "/reports", "/members", "/settings")),
        *(f"/communities/{{community}}{path}" for path in ("/delete", "/shares", "/shares/new")),
        *(f"/account{path}" for path in ("", "/details", "/delete", "/second-factor", "/second-factor/totp")),
        "/account/second-factor/recovery-codes",
    ],
    "admin": [
        *("/admin/", "/admin/?compare=previous&tabs=channel,map", "/admin/?by=page", "/admin/find?q=a"),
        *("/admin/?page={path}&source=example.com", "/admin/visits?page={path}", "/admin/visits/{visit}"),
        *(f"/admin/{path}" for path in ("visits", "communities", "communities/{community}", "communities/new")),
        *(f"/admin/{path}" for path in ("people", "people/{user}", "people/invite", "audit", "connect")),
        *("/admin/server", "/admin/server?edit=mail", "/admin/server?edit=zone", "/admin/server?edit=export"),
        *("/admin/server?edit=erasure", "/admin/connect/keys/new", "/admin/connect/keys/{key}/rotate"),
        "/admin/connect/shares/new?page={path}",
    ],
}
NOT_LISTED = {
    *("docs.without_ending", "pages_communities.invitation_code", "pages_login.log_in_by_link"),  # redirect
    *("panel_getting_started.first_page", "panel_health.state", "panel_search.search"),  # parts of pages
    *("pages_home.manifest", "panel_look.colours"),  # files
    "pages_second_factor.ask_totp_off",  # a confirmation that needs two-step login
}
"""Endpoints of pages that PAGES need not have."""
AT_RISK = {
    "stranger": ["/"],
    "member": ["/communities/{community}"],
    "admin": ["/admin/?range=7d", "/admin/people/{user}"],
}
PROOF = "browser/test_every_page.py::test_everyone_can_use_the_pages_with_long_texts_in_bangla"


def check(new_device, wordy, session, addresses, locale: str, paths: dict[str, list[str]]) -> None:
    problems = {}
    for who, seen in paths.items():
        device = new_device(**NARROW, locale=locale, **({"storage_state": session} if who == "admin" else {}))
        if who == "member":
            log_in(device, wordy)
        page = device.context.new_page()
        for address in seen:
            answer = page.goto(address.format(**addresses))
            assert answer.status == 200 or who != "admin", f"{address}: {answer.status}"
            page.wait_for_load_state("networkidle")
            page.locator("main details").evaluate_all(OPEN_DETAILS)
            if wrong := [problem for check in CHECKS for problem in page.evaluate(check)]:
                problems[f"{who} {address}"] = wrong
            try:
                check_accessible(page)
            except AssertionError as error:
                problems[f"{who} {address}, accessibility"] = str(error)
            page.set_viewport_size(NARROW["viewport"])
    assert problems == {}, "\n".join(f"{page}: {problem}" for page, problem in problems.items())


def test_everyone_can_use_the_pages_with_long_texts_in_bangla(new_device, wordy, session, addresses):
    check(new_device, wordy, session, addresses, "bn-BD", AT_RISK)


@pytest.mark.long(proved_by=PROOF)
@pytest.mark.parametrize("locale", ["bn-BD", "en-GB"])
def test_everyone_can_use_every_page(new_device, wordy, session, addresses, locale):
    check(new_device, wordy, session, addresses, locale, PAGES)


def test_everyone_can_use_a_form_that_was_refused(page):
    visit(page, "/login")
    page.get_by_label("Email").fill("ayesha@example")
    page.get_by_label("Password").fill("short")
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.locator("[aria-invalid]").first).to_be_visible()
    check_accessible(page)


def test_every_page_is_listed(sqlite_database):
    with Site(sqlite_database.url) as site:
        routes = site.app.url_map
    adapter, listed = routes.bind(""), set()
    for address in chain(*PAGES.values()):
        path = re.sub(r"\{(\w+)\}", "1", address.replace("{number}", "/n/1")).partition("?")[0]
        with suppress(NotFound):  # the page of an unknown address
            listed.add(adapter.match(path)[0])
    rules = [rule for rule in routes.iter_rules() if "GET" in (rule.methods or ()) and not rule.websocket]
    pages = {rule.endpoint for rule in rules if rule.endpoint.startswith(("pages_", "panel_", "docs."))}
    assert pages - listed == NOT_LISTED
