"""Pages in a real browser: a device, what it complained of, and what holds of every page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from support.clients.members import Member
from support.programs.processes import ROOT
from support.runs.short_run import EVERYTHING
from support.servers.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, StorageState

EMAIL, PASSWORD = "rani@example.com", "rickshaw at dawn"
"""Of the admin of a site."""

PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True, "locale": "bn-BD"}
SHOWN = {"reduced_motion": "reduce", "service_workers": "block"}
"""Unless a test asks for more: what moves is drawn again 60 times a second, and tests see every request of a page."""

MOVES = {"reduced_motion": "no-preference"}
PATIENCE_MS = 28_000
"""Less than 30 s, because then a page asks by itself, which would hide that it received nothing."""

SITE = "http://localhost"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
LOOKS = [("light", 1440), ("dark", 360)]
if EVERYTHING:
    LOOKS += [("dark", 1440), ("light", 360)]

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
    """Playwright's. It is slow to import, and most runs of tests want none."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    return expect(what)


class Device:
    """A device of one person: its tabs share what they store with each other alone."""

    def __init__(self, browser: Browser, base_url: str, **options: Any) -> None:
        self.console: list[str] = []  # what its pages have printed
        self.violations: list[str] = []  # of their Content-Security-Policy
        self.exceptions: list[str] = []  # that no script has caught
        options = {**SHOWN, **options}
        self.context = browser.new_context(base_url=base_url, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("console", lambda message: self.console.append(message.text))
        self.context.on("weberror", lambda error: self.exceptions.append(str(error.error)))
        self.context.expose_binding("reportViolation", lambda _, what: self.violations.append(what))
        self.context.add_init_script(TELL_OF_VIOLATIONS)

    def open(self, path: str = "/") -> Page:
        """A new tab with that page."""
        page = self.context.new_page()
        visit(page, path)
        return page

    @contextmanager
    def tab(self) -> Iterator[Page]:
        """An empty tab, for one of several tests that share the device."""
        if not self.context.pages:
            self.context.new_page()  # stays, and so does the process that it shares with the tabs of tests
        page = self.context.new_page()
        yield page
        page.close()
        self.check()

    def close(self) -> None:
        self.context.close()
        self.check()

    def check(self) -> None:
        """Its pages did nothing that is forbidden them, and broke nowhere."""
        violations, exceptions = list(self.violations), list(self.exceptions)
        self.violations.clear()
        self.exceptions.clear()
        assert violations == [], violations
        assert exceptions == [], exceptions


def visit(page: Page, path: str = "/", status: int = 200) -> None:
    """Go to a page of the site, and return when its scripts have begun."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == status, f"{path} was answered with {answer.status}"


def stat(page: Page, name: str) -> Locator:
    """Where a page shows one of the numbers, as they are called on the wire."""
    return page.locator(f'[data-stat="{name}"]')


def wait_for(page: Page, condition: Callable[[], object], what: str) -> None:
    """Until `condition` holds. Pages are listened to meanwhile, as they are not while a test sleeps."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_MS / 1000:.0f} s: {what}"
        page.wait_for_timeout(20)


@contextmanager
def away(site: Server) -> Iterator[None]:
    """The server is stopped while it is held."""
    site.stop()
    try:
        yield
    finally:
        site.start()


def freeze(page: Page) -> None:
    """From now on the time of a page whose clock was installed passes by `run_for` alone."""
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)


def sent_by(page: Page, path: str) -> list[Any]:
    """Filled with the bodies of the requests that it sends to addresses with `path` in them; None without one."""
    found: list[Any] = []
    page.on("request", lambda request: path in request.url and found.append(request.post_data_json))
    return found


def over(page: Page) -> int:
    """How far something hangs over the edge, px."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def check_accessible(page: Page) -> None:
    """In light and dark, wide and narrow: axe-core finds nothing serious, and nothing hangs over the edge."""
    page.evaluate(AXE.read_text())  # not as a script of the page, which its policy would forbid
    for scheme, width in LOOKS:
        look = f"{scheme}, {width} px"
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate(FIND_SERIOUS_VIOLATIONS)
        assert found == [], f"{page.url}, {look}: {found}"
        assert over(page) <= 0, f"{page.url}, {look}: {over(page)} px hang over the edge"


def open_as(device: Device, member: Member, path: str) -> Page:
    """A page on a device on which `member` is logged in."""
    log_in(device, member)
    return device.open(path)


def kept_login(browser: Browser, port: int, email: str, password: str) -> StorageState:
    """What a browser keeps in which this user has logged in."""
    context = browser.new_context(base_url=f"{SITE}:{port}")
    answer = context.request.post("/api/auth/login", data={"email": email, "password": password})
    assert answer.ok, answer.text()
    kept = context.storage_state()
    context.close()
    return kept


def visit_as(page: Page, member: Member, path: str) -> Page:
    """The same in a tab."""
    log_in(page, member)
    visit(page, path)
    return page


def log_in(where: Device | Page, member: Member) -> None:
    """On a device, with the session they have."""
    cookies = [{"name": each.name, "value": each.value, "url": SITE} for each in member.http.cookies]
    where.context.add_cookies(cookies)


def live(page: Page) -> Page:
    expect(page.locator("[data-line]")).to_have_text("Live")
    return page


def open_live(page: Page, path: str) -> Page:
    """Go to a page of the panel, and return when its socket is open. Its line also says how many visits come."""
    visit(page, path)
    expect(page.locator("[data-line]")).to_contain_text("Live")
    return page
