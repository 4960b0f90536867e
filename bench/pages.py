"""Measures the size, speed and accessibility of every page.

Lighthouse tests each page with its mobile preset. Live pages are also loaded over slow 3G (400 kbit/s, 400 ms) on a
slow phone (CPU / 4). The site has the demo's history and no activity. Prints one table and the figures with their
targets; the same text goes to bench/results/pages.txt.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import click
from harness.folders import BENCH, CACHE, installed, scratch
from harness.reporting import machine
from harness.reporting.tables import Target, progress, say_targets
from harness.servers.demo_site import Subject, full_site, subjects
from playwright.sync_api import Browser, sync_playwright

BROWSERS = ("chromium", "chromium-headless-shell", "google-chrome")
CHROME = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage"
CLI = CACHE / "lighthouse" / "package-lock" / "node_modules" / "lighthouse" / "cli" / "index.js"
CATEGORIES = ("performance", "accessibility", "best-practices")
MIN_SCORES = (98, 100, 100)
PATIENCE_S = 180
TRIES = 3
"""Maximum number of attempts per Lighthouse run, because Chromium sometimes records no trace."""

LIVE = ("home", "admin", "community", "dashboard")
LATENCY_MS, BYTES_A_SECOND, CPU = 400, 400_000 / 8, 4
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
MOST = {
    ("home", "KB"): 30.0,
    ("admin", "KB"): 60.0,
    ("admin", "LCP, s"): 1.5,
    ("home", "painted, s"): 1.4,
    ("home", "live, s"): 2.5,
}
FIGURES = ("KB", "LCP, s", "painted, s", "live, s")


class Verdict(NamedTuple):
    """One page's results: scores out of 100, figures by their names in FIGURES, and failed accessibility and
    best-practice audits. KB covers all responses of a cold load, including headers. LCP is when the largest element
    is painted. The last two figures are measured on slow 3G: when the number is painted, and when it is live.
    """

    scores: list[float]
    figures: dict[str, float]
    problems: list[str]


@click.command(help=__doc__)
@click.option("--runs", default=3, show_default=True, help="runs for each page; figures are their medians")
@click.option("--only", multiple=True, help="measure only these pages, and store nothing")
def main(runs: int, only: tuple[str, ...]) -> None:
    machine.demand("node", "npm", "taskset")
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise click.ClickException("there is no Chromium: make tools")
    installed(BENCH / "lighthouse" / "package-lock.json")
    report = machine.begin_report("pages", f"Every page, by Lighthouse (mobile) and on slow 3G; medians of {runs}")
    verdicts = {}
    with scratch() as folder, full_site(folder) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        pages = subjects(server, only)
        for step, page in enumerate(pages):
            progress(step + 1, len(pages), page.name)
            waits = [slow(browser, page, server.port) for _ in range(runs)] if page.name in LIVE else []
            verdicts[page.name] = medians([judge(page, server.port, chromium, folder) for _ in range(runs)], waits)
        browser.close()
    rows = [
        [
            name,
            *(f"{score:.0f}" for score in scores),
            *(f"{figures[figure]:.2f}" if figure in figures else "" for figure in FIGURES),
        ]
        for name, (scores, figures, _) in verdicts.items()
    ]
    report.table(("page", *CATEGORIES, *FIGURES), rows)
    say_targets(report, list(targets(verdicts)))
    for name, verdict in verdicts.items():
        if verdict.problems:
            report.say(f"{name}: {', '.join(verdict.problems)}")
    if not only:
        report.save()


def judge(page: Subject, port: int, chromium: str, folder: Path) -> Verdict:
    """Test a page with Lighthouse's mobile preset."""
    headers, result = folder / "headers.json", folder / "lighthouse.json"
    headers.write_text(json.dumps({"Cookie": "; ".join(f"{name}={value}" for name, value in page.cookies.items())}))
    command = ["node", str(CLI), f"http://localhost:{port}{page.path}", "--quiet", "--output=json"]
    command += [f"--output-path={result}", f"--chrome-flags={CHROME}", f"--only-categories={','.join(CATEGORIES)}"]
    command += [f"--extra-headers={headers}"] if page.cookies else []
    env = {**os.environ, "CHROME_PATH": chromium}
    for left in reversed(range(TRIES)):
        run = subprocess.run(command, env=env, check=not left, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
        if run.returncode == 0:
            break
    return verdict(json.loads(result.read_text()))


def verdict(result: dict[str, Any]) -> Verdict:
    audits, categories = result["audits"], result["categories"]
    sent = sum(request.get("transferSize", 0) for request in audits["network-requests"]["details"]["items"])
    named = [audit["id"] for name in CATEGORIES[1:] for audit in categories[name]["auditRefs"]]
    return Verdict(
        [round(100 * categories[name]["score"]) for name in CATEGORIES],
        {"KB": sent / 1000, "LCP, s": audits["largest-contentful-paint"]["numericValue"] / 1000},
        [name for name in named if audits[name]["score"] == 0],
    )


def slow(browser: Browser, subject: Subject, port: int) -> dict[str, float]:
    """Load a page over slow 3G on a slow phone. Returns when its first number is painted and when it is live, in s."""
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
    page.set_default_timeout(60_000)
    page.goto(f"{site}{subject.path}")
    page.locator("[data-line=live]").wait_for(state="attached")
    page.evaluate("new Promise(requestAnimationFrame)")
    seen = page.evaluate("seen")
    context.close()
    return {"painted, s": seen["painted"] / 1000, "live, s": seen["live"] / 1000}


def medians(verdicts: list[Verdict], waits: list[dict[str, float]]) -> Verdict:
    scores = [median(scores) for scores in zip(*(verdict.scores for verdict in verdicts), strict=True)]
    readings = (*(verdict.figures for verdict in verdicts), *waits)
    figures = {
        name: median(reading[name] for reading in readings if name in reading) for name in readings[0] | readings[-1]
    }
    return Verdict(scores, figures, verdicts[-1].problems)


def targets(verdicts: dict[str, Verdict]) -> Iterator[Target]:
    for at, (category, least) in enumerate(zip(CATEGORIES, MIN_SCORES, strict=True)):
        lowest = min(verdicts, key=lambda page, at=at: verdicts[page].scores[at])  # type: ignore[misc]
        yield Target(f"lowest {category}: {lowest}", verdicts[lowest].scores[at], least=least, unit="of 100")
    for (page, figure), most in MOST.items():
        if page in verdicts:
            what, _, unit = figure.rpartition(", ")
            yield Target(f"{page}, {what or 'all answers'}", verdicts[page].figures[figure], most=most, unit=unit)


if __name__ == "__main__":
    machine.run(main)
