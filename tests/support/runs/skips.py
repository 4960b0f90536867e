"""Tests that may be skipped. With CI=1 any other skip is a failure, because its promise was not tested."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from typing import Any, TypeVar

import pytest

MAY_BE_SKIPPED: dict[str, str] = {  # allowed skips: how the reason starts, and why the skip is acceptable
    "there is no whole Chromium": "quick tests hide the same pages by script; few machines have more than the shell"
}
CI = "CI" in os.environ

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Check modules that are skipped as a whole."""
    return _judged((yield))


def _judged(report: Report) -> Report:
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = _reason(report)
        if not reason.startswith(tuple(MAY_BE_SKIPPED)):
            report.outcome = "failed"
            report.longrepr = f"skipped, which CI=1 allows for the list in tests/support/runs/skips.py alone: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each reason why tests were skipped."""
    for reason, tests in Counter(map(_reason, terminalreporter.stats.get("skipped", ()))).items():
        terminalreporter.write_line(f"NOT TESTED, {tests} times: {reason}", yellow=True, bold=True)


def _reason(report: Any) -> str:
    return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "no reason"
