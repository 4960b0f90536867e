"""Which tests may be skipped. With CI=1 every other one fails: a promise that is not tried is not kept."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from typing import Any, TypeVar

import pytest

MAY_BE_SKIPPED: dict[str, str] = {}
"""How the reason of a skip begins, and why it is right to skip there."""

CI = "CI" in os.environ

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module may be skipped as a whole."""
    return _judged((yield))


def _judged(report: Report) -> Report:
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = _reason(report)
        if not reason.startswith(tuple(MAY_BE_SKIPPED)):
            report.outcome = "failed"
            report.longrepr = f"skipped, which CI=1 allows for the list in tests/support/runs/skips.py alone: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each reason for which tests were skipped."""
    for reason, tests in Counter(map(_reason, terminalreporter.stats.get("skipped", ()))).items():
        terminalreporter.write_line(f"NOT TESTED, {tests} times: {reason}", yellow=True, bold=True)


def _reason(report: Any) -> str:
    return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "no reason"
