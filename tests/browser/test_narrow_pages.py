"""On the narrowest phone no page scrolls sideways, in either language, however long the texts of people are, and no
text is smaller than 12 px.
"""

from __future__ import annotations

import pytest
from support.browser.pages import log_in
from support.clients.members import PASSWORD, Member

LETTERS = "অবিচ্ছিন্ননাম"  # words without a space, as addresses have
NAME, TEXT, PATH = LETTERS * 7, LETTERS * 30, "/routes/" + "mirpur-10-to-motijheel" * 8
LONG_DATE_MS = 1_790_524_800_000  # in September, whose name is long in both languages
NARROW = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}
OVER = """() => {
  const width = document.documentElement.clientWidth, found = [...document.querySelectorAll("body *")];
  const clips = (each) => each && (getComputedStyle(each).overflowX !== "visible" || clips(each.parentElement));
  const hangs = (element) => element.getBoundingClientRect().right > width + 1 && !clips(element.parentElement);
  const over = document.documentElement.scrollWidth - width;
  return over > 0 ? [over, ...found.filter(hangs).slice(-3).map(({ outerHTML }) => outerHTML.slice(0, 200))] : [];
}"""
SMALLEST_PX = 12
TOO_SMALL = f"""() => {{
  const has = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const isSmall = (element) => parseFloat(getComputedStyle(element).fontSize) < {SMALLEST_PX} && has(element);
  const texts = document.querySelectorAll("body :not(script, style, template, svg *)");
  const found = [...texts].filter((element) => isSmall(element) && element.checkVisibility());
  return found.map(({{ outerHTML }}) => outerHTML.slice(0, 200));
}}"""

NOBODYS = [
    *(
        "/",
        "/login",
        "/signup",
        "/forgot-password",
        "/install",
        "/receipt",
        "/docs/",
        "/docs/failover.md",
        "/embed",
        "/offline",
        "/nothing",
    ),
    *("/communities", "/share/{share}", "/share/{locked}", "{number}", "/invitations/{invitation}"),
    *("/reset-password/x", "/verify-email/x"),
]
MEMBERS = [
    *("/communities", "/communities/new", "/admin/", "/invitations/{invitation}"),
    *(
        f"/communities/{{community}}{path}"
        for path in ("", "/dashboard", "/reports", "/members", "/settings", "/delete")
    ),
    *(f"/communities/{{community}}{path}" for path in ("/shares", "/shares/new")),
    *(f"/account{path}" for path in ("", "/details", "/delete", "/second-factor", "/second-factor/totp")),
    *(f"/account/second-factor/{path}" for path in ("passkeys", "recovery-codes")),
]
PANEL = [
    *("annotations", "audit?kind=all", "communities", "communities/{community}", "communities/new", "data", "design"),
    *(
        "",
        "getting-started",
        "find?q=a",
        "health",
        "insights?compare=previous&tabs=channel,bangladesh",
        "insights?by=page",
        "realtime",
        "receipt",
    ),
    *("insights?page={path}&source=example.com", "settings", "shares", "shares/new?page={path}", "users"),
    *("webhooks", "webhooks/new", "webhooks/{webhook}", "webhooks/{webhook}/change"),
    *("keys", "keys/new", "keys/{key}/rotate"),
    *("users/{user}", "visits", "visits?page={path}", "visits/{visit}"),
]
DELIVERED = (
    "INSERT INTO webhook_events (id, type, key, scope, at_ms, data, dispatched_ms) "
    f"VALUES ('e', 'member.joined', 'e', '{{community}}', {LONG_DATE_MS}, '{{{{}}}}', 1)",
    "INSERT INTO webhook_deliveries (webhook_id, event_id, state, attempts, last_status, next_ms, done_ms, log) VALUES "
    "('{webhook}', 'e', 'dead', 7, '500', 0, 0, "
    f"""'[{{{{"at_ms": {LONG_DATE_MS}, "status": "500", "took_ms": 9999, "answer": "{LETTERS * 9}"}}}}]')""",
)
AT_RISK = {"nobody": ["/"], "admin": ["/admin/communities/{community}", "/admin/insights", "/admin/find?q=a"]}
ALL = {"nobody": NOBODYS, "member": MEMBERS, "admin": [f"/admin/{path}" for path in PANEL]}


@pytest.fixture(scope="module")
def narrow(site) -> Member:
    member = Member(site, "narrow")
    member.call("PATCH", "/api/auth/me", {"name": NAME, "password": PASSWORD})
    return member


@pytest.fixture(scope="module")
def names(site, narrow) -> dict[str, str]:
    """What paths name, of things with long texts."""
    community = narrow.found(NAME, description=TEXT, public_count=True)
    who = {"email": f"{'x' * 60}@example.com", "role": "member"}
    link = narrow.call("POST", f"/api/communities/{community}/members", who)["link"]
    visit = narrow.visit("narrow", community, page=PATH, referrer=f"https://{'sub.' * 20}example.com/")["visit"]
    site.database.rows(f"UPDATE memberships SET joined_ms = {LONG_DATE_MS}")
    filters = {"community": [community], "page": [PATH]}
    links = [{"name": NAME, "filters": filters, **more} for more in ({}, {"password": NAME})]
    share, locked = (narrow.call("POST", "/api/shares", each)["token"] for each in links)
    hook = {"url": f"https://93.184.215.14{PATH}", "events": ["milestone.reached"], "description": NAME}
    webhook = narrow.call_as_admin("POST", "/api/webhooks", {**hook, "community": community})["id"]
    for statement in DELIVERED:
        site.database.rows(statement.format(community=community, webhook=webhook))
    scopes = {"scopes": ["stats:read", "reports:read", "presence:read"], "community": community}
    key = narrow.call_as_admin("POST", "/api/keys", {"name": NAME, **scopes})["id"]
    return {
        "webhook": webhook,
        "key": key,
        **{"community": community, "user": narrow.id, "visit": str(visit["ordinal"]), "number": visit["share"]},
        **{"share": share, "locked": locked, "invitation": link.rpartition("/")[2], "path": PATH},
    }


def check(new_device, narrow, session, names, locale: str, paths: dict[str, list[str]]) -> None:
    found = {}
    for who, addresses in paths.items():
        device = new_device(**NARROW, locale=locale, **({"storage_state": session} if who == "admin" else {}))
        if who == "member":
            log_in(device, narrow)
        page = device.context.new_page()
        for address in addresses:
            page.goto(address.format(**names))
            page.wait_for_load_state("networkidle")
            for element in page.locator("main details:visible").all():
                element.evaluate("(details) => { details.open = true }")
            if wrong := page.evaluate(OVER) + page.evaluate(TOO_SMALL):
                found[f"{who} {address}"] = wrong
    assert found == {}


def test_pages_with_long_texts_do_not_scroll_sideways_in_bangla(new_device, narrow, session, names):
    check(new_device, narrow, session, names, "bn-BD", AT_RISK)


@pytest.mark.long(proved_by="browser/test_narrow_pages.py::test_pages_with_long_texts_do_not_scroll_sideways_in_bangla")
@pytest.mark.parametrize("locale", ["bn-BD", "en-GB"])
def test_no_page_scrolls_sideways(new_device, narrow, session, names, locale):
    check(new_device, narrow, session, names, locale, ALL)
