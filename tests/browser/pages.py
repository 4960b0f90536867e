"""Pages in a real browser: devices, what their consoles reported, and checks for every page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from support.clients.members import Member
from support.programs.patience import PATIENCE_S
from support.programs.processes import ROOT
from support.runs.short_run import EVERYTHING
from support.servers.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, StorageState

EMAIL, PASSWORD = "rani@example.com", "rickshaw at dawn"
"""The login of a site's admin."""

PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True, "locale": "bn-BD"}
SHOWN = {"reduced_motion": "reduce", "service_workers": "block"}
"""Default options of a browser context. Animations would redraw 60 times a second, and a service worker would hide
requests from tests.
"""

MOVES = {"reduced_motion": "no-preference"}
PATIENCE_MS = 1000 * min(PATIENCE_S, 28.0)
"""Less than 30 s. After that a page polls, which would hide that it received no push."""

SITE = "http://localhost"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
LOOKS = [("dark", 360)]
if EVERYTHING:
    LOOKS += [("light", 1440), ("dark", 1440), ("light", 360)]

TELL_OF_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  reportViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
"""
FIND_SERIOUS_VIOLATIONS = """
async () => {
  const minor = axe._audit.rules.filter(({ impact }) => ["minor", "moderate"].includes(impact));
  const rules = Object.fromEntries(minor.map(({ id }) => [id, { enabled: false }]));
  const { violations } = await axe.run(document, { resultTypes: ["violations"], preload: false, rules });
  return violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.map((node) => node.html) }));
}
"""


def expect(what: Any) -> Any:
    """Playwright's `expect`, imported late: it is slow to import, and most runs do not need it."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    return expect(what)


class Device:
    """One person's device. Its tabs share their storage, and no other device does."""

    def __init__(self, browser: Browser, base_url: str, **options: Any) -> None:
        self.console: list[str] = []  # messages on its pages' consoles
        self.violations: list[str] = []  # of the Content-Security-Policy
        self.exceptions: list[str] = []  # not caught by any script
        options = {**SHOWN, **options}
        self.context = browser.new_context(base_url=base_url, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.set_default_navigation_timeout(1000 * PATIENCE_S)
        self.context.on("console", lambda message: self.console.append(message.text))
        self.context.on("weberror", lambda error: self.exceptions.append(str(error.error)))
        self.context.expose_binding("reportViolation", lambda _, what: self.violations.append(what))
        self.context.add_init_script(TELL_OF_VIOLATIONS)

    def open(self, path: str = "/") -> Page:
        """Open a page in a new tab."""
        page = self.context.new_page()
        visit(page, path)
        return page

    def check(self) -> None:
        """Assert that no page violated its policy or threw an exception."""
        assert self.violations == [], self.violations
        assert self.exceptions == [], self.exceptions


def visit(page: Page, path: str = "/", status: int = 200) -> None:
    """Go to a page of the site, and return when its scripts have started."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == status, f"{path} was answered with {answer.status}"


def stat(page: Page, name: str) -> Locator:
    """The element that shows a number from the stats, found by its JSON key."""
    return page.locator(f'[data-stat="{name}"]')


def wait_for(page: Page, condition: Callable[[], object], what: str, patience_s: float = PATIENCE_MS / 1000) -> None:
    """Wait until `condition` holds. The page's events are handled in the meantime; a sleeping test would not handle
    them.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience_s:.0f} s: {what}"
        page.wait_for_timeout(50)


@contextmanager
def away(site: Server) -> Iterator[None]:
    """Stop the server inside the block, and start it afterwards."""
    site.stop()
    try:
        yield
    finally:
        site.start()


def freeze(page: Page) -> None:
    """Stop the clock of a page that has an installed clock. Afterwards only `run_for` moves it."""
    from playwright.sync_api import Error

    def pause() -> None:
        page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)

    try:
        pause()
    except Error as error:  # the clock has passed that moment, and is stopped
        if "to the past" not in error.message:
            raise
        pause()


def sent_by(page: Page, path: str) -> list[Any]:
    """A list that fills with the bodies of the page's requests to addresses that contain `path`; None for no body."""
    bodies: list[Any] = []
    page.on("request", lambda request: path in request.url and bodies.append(request.post_data_json))
    return bodies


def transferred(page: Page) -> dict[str, int]:
    """The bytes of all responses since the page was opened, including headers, by URL."""
    entries = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
    sizes: dict[str, int] = page.evaluate(
        f"Object.fromEntries({entries}.map((entry) => [entry.name, entry.transferSize]))"
    )
    return sizes


def over(page: Page) -> int:
    """How far content overflows the page's edge, in px."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


GIVE_GROUND = """() => {
  const isClear = (part) => getComputedStyle(part).backgroundColor === "rgba(0, 0, 0, 0)";
  const root = document.documentElement;
  if (isClear(root) && isClear(document.body)) root.style.backgroundColor = "Canvas";
}"""
"""Gives a transparent page the colour that the browser shows behind it. axe-core assumes white, even in dark themes."""


def check_accessible(page: Page) -> None:
    """Assert that axe-core finds nothing serious and nothing overflows, in the full run also light and wide."""
    page.evaluate(GIVE_GROUND)
    page.evaluate(AXE.read_text())  # a script tag would violate the page's policy
    for scheme, width in LOOKS:
        look = f"{scheme}, {width} px"
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        violations = page.evaluate(FIND_SERIOUS_VIOLATIONS)
        assert violations == [], f"{page.url}, {look}: {violations}"
        assert over(page) <= 0, f"{page.url}, {look}: {over(page)} px hang over the edge"


def kept_login(browser: Browser, port: int, email: str, password: str) -> StorageState:
    """The stored state of a browser where this user has logged in."""
    context = browser.new_context(base_url=f"{SITE}:{port}")
    answer = context.request.post("/api/auth/login", data={"email": email, "password": password})
    assert answer.ok, answer.text()
    kept = context.storage_state()
    context.close()
    return kept


def visit_as(page: Page, member: Member, path: str) -> Page:
    """Open a page in this tab, logged in as `member`."""
    log_in(page, member)
    visit(page, path)
    return page


def log_in(where: Device | Page, member: Member) -> None:
    """Log a device in, with the member's existing session."""
    cookies = [{"name": cookie.name, "value": cookie.value, "url": SITE} for cookie in member.http.cookies]
    where.context.add_cookies(cookies)


def live(page: Page) -> Page:
    """Return when the page's socket is open."""
    expect(page.locator("[data-line=live]")).to_have_count(1)
    return page


def open_live(page: Page, path: str) -> Page:
    visit(page, path)
    return live(page)


def copied(page: Page) -> list[str]:
    """Copy the report as text where the clipboard is forbidden. Returns the lines."""
    listener = "addEventListener('copy', () => { window.copied = document.activeElement.value; })"
    page.evaluate(f"navigator.clipboard.writeText = () => Promise.reject(); {listener}")
    page.locator("[data-as-text] >> visible=true").click()
    # `wait_for_function` evaluates a text in the page, which our content policy refuses after its first try.
    wait_for(page, lambda: page.evaluate("() => Boolean(window.copied)"), "the text is copied")
    text: str = page.evaluate("() => window.copied")
    return text.split("\n")
