"""How heavy, fast and accessible is every page?

Lighthouse judges each with its mobile preset; those that are live are also loaded on slow 3G (400 kbit/s, 400 ms) with
a slow phone (CPU / 4). The site has the history of the demo, and nothing happens on it. Prints one table and how the
figures stand against the targets; the same text goes to bench/results/pages.txt.
"""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import click
from harness import lighthouse, machine, slow_phone
from harness.folders import RESULTS, scratch
from harness.full_site import Subject, full_site, subjects
from harness.lighthouse import Verdict
from harness.slow_phone import Waits
from harness.tables import Report, Target, progress, say_targets
from playwright.sync_api import sync_playwright

LIVE = ("home", "admin", "community", "dashboard")
LEAST_PERFORMANCE, LEAST_OTHERS = 98, 100
MOST_KB = {"home": 30.0, "admin": 60.0, "docs": 150.0}
MOST_WAITS = {"home": Waits(1.4, 2.5)}
MOST_LCP_S = {"admin": 1.5}
BROWSERS = ("chromium", "chromium-headless-shell", "google-chrome")


@click.command(help=__doc__)
@click.option("--runs", default=3, show_default=True, help="of each page; figures are their medians")
@click.option("--only", multiple=True, help="these pages alone; nothing is stored")
def main(runs: int, only: tuple[str, ...]) -> None:
    machine.demand("node", "npm", "taskset")
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise click.ClickException("there is no Chromium: make browser")
    lighthouse.install()
    report = Report()
    report.say(f"Every page, by Lighthouse (mobile) and on slow 3G; medians of {runs}")
    report.say(machine.described_now())
    report.say()
    with scratch() as folder, full_site(folder) as server:
        pages = subjects(server, only)
        waits = slow(pages, server.port, runs, chromium)
        verdicts = judged(pages, server.port, runs, chromium, folder)
    say(report, verdicts, waits)
    if not only:
        report.save(RESULTS / "pages.txt")


def judged(pages: list[Subject], port: int, runs: int, chromium: str, folder: Path) -> dict[str, Verdict]:
    found = {}
    for step, page in enumerate(pages):
        progress(step + 1, len(pages), page.name)
        found[page.name] = lighthouse.judge(page, port, runs, chromium, folder)
    return found


def slow(pages: list[Subject], port: int, runs: int, chromium: str) -> dict[str, Waits]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        found = {
            page.name: [slow_phone.measure(browser, page, port) for _ in range(runs)]
            for page in pages
            if page.name in LIVE
        }
        browser.close()
    return {name: Waits(*map(median, zip(*each, strict=True))) for name, each in found.items()}


def say(report: Report, verdicts: dict[str, Verdict], waits: dict[str, Waits]) -> None:
    head = ("page", "performance", "accessibility", "best practices", "KB", "LCP, s", "painted, s", "live, s")
    report.table(head, [row(name, verdict, waits.get(name)) for name, verdict in verdicts.items()])
    say_targets(report, [*targets(verdicts), *targets_of_waits(waits)])
    for name, verdict in verdicts.items():
        if verdict.problems:
            report.say(f"{name}: {', '.join(verdict.problems)}")


def row(name: str, verdict: Verdict, waited: Waits | None) -> list[str]:
    scores = [f"{score:.0f}" for score in verdict[:3]]
    slowly = [f"{each:.2f}" for each in waited] if waited else ["", ""]
    return [name, *scores, f"{verdict.bytes / 1000:.1f}", f"{verdict.lcp_s:.2f}", *slowly]


def targets(verdicts: dict[str, Verdict]) -> Iterator[Target]:
    for name, least in (
        ("performance", LEAST_PERFORMANCE),
        ("accessibility", LEAST_OTHERS),
        ("best_practices", LEAST_OTHERS),
    ):
        lowest = min(verdicts, key=lambda page: getattr(verdicts[page], name))
        worst = getattr(verdicts[lowest], name)
        yield Target(f"lowest {name.replace('_', ' ')}: {lowest}", worst, least=least, unit="of 100")
    for page, most in MOST_KB.items():
        if page in verdicts:
            yield Target(f"{page}, all answers", verdicts[page].bytes / 1000, most=most, unit="KB")
    for page, most in MOST_LCP_S.items():
        if page in verdicts:
            yield Target(f"{page}, largest part painted", verdicts[page].lcp_s, most=most, unit="s")


def targets_of_waits(waits: dict[str, Waits]) -> Iterator[Target]:
    for page, most in MOST_WAITS.items():
        if page in waits:
            yield Target(f"{page} on slow 3G, number painted", waits[page].painted_s, most=most.painted_s, unit="s")
            yield Target(f"{page} on slow 3G, live", waits[page].live_s, most=most.live_s, unit="s")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server is stopped on the way out
    main()
