"""Lighthouse, pinned in bench/lighthouse/, in the cache folder: installed on first use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from harness import virtualenv
from harness.folders import BENCH, CACHE
from harness.full_site import Subject

PINNED = BENCH / "lighthouse"
INSTALLED = CACHE / "lighthouse"
CLI = INSTALLED / "node_modules" / "lighthouse" / "cli" / "index.js"
CATEGORIES = ("performance", "accessibility", "best-practices")
CHROME = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage"
PATIENCE_S = 180
TRIES = 3
"""Now and then Chromium records no trace, and Lighthouse asks to be run again."""


class Verdict(NamedTuple):
    """Of one page, with the mobile preset. Scores are of 100; `bytes` those of all answers of a cold load, with their
    headers; `lcp_s` when its largest part was painted, s.
    """

    performance: float
    accessibility: float
    best_practices: float
    bytes: float
    lcp_s: float
    problems: tuple[str, ...]  # audits of accessibility and best practices that failed


def install() -> None:
    """Does nothing if it is as the pinned files say."""
    done, pinned = INSTALLED / "installed", PINNED / "package-lock.json"
    if done.exists() and done.read_bytes() == pinned.read_bytes():
        return
    shutil.rmtree(INSTALLED, ignore_errors=True)
    INSTALLED.mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(PINNED / name, INSTALLED / name)
    virtualenv.run("npm", "ci", "--silent", "--prefix", str(INSTALLED))
    shutil.copyfile(pinned, done)


def judge(subject: Subject, port: int, times: int, chromium: str, folder: Path) -> Verdict:
    """The medians of several runs."""
    verdicts = [_once(subject, port, chromium, folder) for _ in range(times)]
    figures = [median(each[at] for each in verdicts) for at in range(len(Verdict._fields) - 1)]
    return Verdict(*figures, problems=verdicts[-1].problems)  # type: ignore[arg-type]


def _once(subject: Subject, port: int, chromium: str, folder: Path) -> Verdict:
    headers, result = folder / "headers.json", folder / "lighthouse.json"
    headers.write_text(json.dumps({"Cookie": "; ".join(f"{name}={value}" for name, value in subject.cookies.items())}))
    command = ["node", str(CLI), f"http://localhost:{port}{subject.path}", "--quiet", "--output=json"]
    command += [f"--output-path={result}", f"--chrome-flags={CHROME}", f"--only-categories={','.join(CATEGORIES)}"]
    command += [f"--extra-headers={headers}"] if subject.cookies else []
    env = {**os.environ, "CHROME_PATH": chromium}
    for left in reversed(range(TRIES)):
        run = subprocess.run(command, env=env, check=not left, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
        if run.returncode == 0:
            break
    return _verdict(json.loads(result.read_text()))


def _verdict(result: dict[str, Any]) -> Verdict:
    scores = [round(100 * result["categories"][name]["score"]) for name in CATEGORIES]
    requests = result["audits"]["network-requests"]["details"]["items"]
    lcp_ms = result["audits"]["largest-contentful-paint"]["numericValue"]
    sent = sum(request.get("transferSize", 0) for request in requests)
    return Verdict(*scores, bytes=sent, lcp_s=lcp_ms / 1000, problems=tuple(_problems(result)))


def _problems(result: dict[str, Any]) -> list[str]:
    named = [each["id"] for name in CATEGORIES[1:] for each in result["categories"][name]["auditRefs"]]
    return [name for name in named if result["audits"][name]["score"] == 0]
