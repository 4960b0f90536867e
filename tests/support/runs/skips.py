"""Skipped tests. With CI=1, or if a long test lacks a program, a skip is a failure: its promise was not tested."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from typing import Any, TypeVar

import pytest

from support.programs.installed import MissingProgram

CI = "CI" in os.environ

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    lacks = call.excinfo is not None and isinstance(call.excinfo.value, MissingProgram)
    return _judged((yield), CI or (lacks and item.get_closest_marker("long") is not None))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Check modules that are skipped as a whole."""
    return _judged((yield), CI)


def _judged(report: Report, must_run: bool) -> Report:
    if must_run and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which {'CI=1' if CI else 'a long test'} does not allow: {_reason(report)}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End the run with a line for each reason why tests were skipped, such as a missing program."""
    for reason, tests in Counter(map(_reason, terminalreporter.stats.get("skipped", ()))).items():
        terminalreporter.write_line(f"NOT TESTED ({tests}): {reason}", yellow=True, bold=True)


def _reason(report: Any) -> str:
    return str(report.longrepr[2]).partition(": ")[2] if isinstance(report.longrepr, tuple) else "no reason"
