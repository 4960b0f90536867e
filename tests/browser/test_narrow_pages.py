"""On the narrowest phone no page scrolls sideways, in either language, however long people's texts are. No text is
smaller than 12 px, and no control is lower than 44 px.
"""

import pytest
from support.browser.pages import log_in

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

STRANGERS = [
    *("/", "/login", "/signup", "/forgot-password", "/receipt", "/docs/", "/docs/failover.md"),
    *("/embed", "/offline", "/nothing", "/communities", "/share/{share}", "/share/{locked}", "{number}"),
    *("/invitations/{invitation}", "/reset-password/x", "/verify-email/x"),
]
MEMBERS = [
    *("/communities", "/communities/new", "/admin/", "/invitations/{invitation}"),
    *(f"/communities/{{community}}{path}" for path in ("", "/reports", "/members", "/settings")),
    *(f"/communities/{{community}}{path}" for path in ("/settings", "/delete", "/shares", "/shares/new")),
    *(f"/account{path}" for path in ("", "/details", "/delete", "/second-factor", "/second-factor/totp")),
    "/account/second-factor/recovery-codes",
]
PANEL = [
    *("audit", "communities", "communities/{community}", "communities/new", "data"),
    *("", "find?q=a", "server", "insights?compare=previous&tabs=channel,bangladesh"),
    *("insights?by=page", "receipt"),
    *("insights?page={path}&source=example.com", "settings", "shares", "shares/new?page={path}", "people"),
    *("keys", "keys/new", "keys/{key}/rotate"),
    *("people/{user}", "visits", "visits?page={path}", "visits/{visit}"),
]
AT_RISK = {
    "stranger": ["/"],
    "admin": ["/communities/{community}", "/admin/?range=7d", "/admin/find?q=a", "/admin/people/{user}"],
}
ALL = {"stranger": STRANGERS, "member": MEMBERS, "admin": [f"/admin/{path}" for path in PANEL]}
CHECKS = (OVER, TOO_SMALL, TOO_LOW)


def check(new_device, wordy, session, addresses, locale: str, paths: dict[str, list[str]]) -> None:
    problems = {}
    for who, seen in paths.items():
        device = new_device(**NARROW, locale=locale, **({"storage_state": session} if who == "admin" else {}))
        if who == "member":
            log_in(device, wordy)
        page = device.context.new_page()
        for address in seen:
            page.goto(address.format(**addresses))
            page.wait_for_load_state("networkidle")
            for element in page.locator("main details:visible").all():
                element.evaluate("(details) => { details.open = true }")
            if wrong := [problem for check in CHECKS for problem in page.evaluate(check)]:
                problems[f"{who} {address}"] = wrong
    assert problems == {}


def test_pages_with_long_texts_do_not_scroll_sideways_in_bangla(new_device, wordy, session, addresses):
    check(new_device, wordy, session, addresses, "bn-BD", AT_RISK)


@pytest.mark.long(proved_by="browser/test_narrow_pages.py::test_pages_with_long_texts_do_not_scroll_sideways_in_bangla")
@pytest.mark.parametrize("locale", ["bn-BD", "en-GB"])
def test_no_page_scrolls_sideways(new_device, wordy, session, addresses, locale):
    check(new_device, wordy, session, addresses, locale, ALL)
