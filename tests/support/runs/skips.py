"""Skipped tests. With CI=1 a skip is a failure, because its promise was not tested."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from typing import Any, TypeVar

import pytest

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
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=1 does not allow: {_reason(report)}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End the run with a line for each reason why tests were skipped, such as a missing program."""
    for reason, tests in Counter(map(_reason, terminalreporter.stats.get("skipped", ()))).items():
        terminalreporter.write_line(f"NOT TESTED ({tests}): {reason}", yellow=True, bold=True)


def _reason(report: Any) -> str:
    return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "no reason"
