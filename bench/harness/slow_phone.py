"""A page on slow 3G with a slow phone: when its first number is painted, and when it is live."""

from __future__ import annotations

from typing import NamedTuple

from playwright.sync_api import Browser

from harness.full_site import Subject

LATENCY_MS, BYTES_A_SECOND, CPU = 400, 400_000 / 8, 4
PATIENCE_MS = 60_000

WATCH = """
const seen = (window.seen = {});
const look = () => {
  const isPainted = performance.getEntriesByName("first-contentful-paint").length;  // so its styles are there
  if (isPainted && document.querySelector("[data-stat]")?.offsetHeight) seen.painted ??= performance.now();
  if (document.querySelector("[data-line=live]")) seen.live ??= performance.now();
  if (!seen.live) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


class Waits(NamedTuple):
    """Since the page was asked for, s."""

    painted_s: float
    live_s: float


def measure(browser: Browser, subject: Subject, port: int) -> Waits:
    site = f"http://localhost:{port}"
    context = browser.new_context(viewport={"width": 412, "height": 823}, is_mobile=True, has_touch=True)
    cookies = [{"name": name, "value": value, "url": site} for name, value in subject.cookies.items()]
    context.add_cookies(cookies)  # type: ignore[arg-type]
    context.add_init_script(WATCH)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    conditions = {"offline": False, "latency": LATENCY_MS, "downloadThroughput": BYTES_A_SECOND}
    devtools.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": BYTES_A_SECOND})
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": CPU})
    page.goto(f"{site}{subject.path}", timeout=PATIENCE_MS)
    page.locator("[data-line=live]").wait_for(state="attached", timeout=PATIENCE_MS)
    page.evaluate("new Promise(requestAnimationFrame)")
    seen = page.evaluate("seen")
    context.close()
    return Waits(seen["painted"] / 1000, seen["live"] / 1000)
