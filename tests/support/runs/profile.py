"""Where a run spends its CPU time: `make test PROFILE=1` prints it by module, and by fixture that tests share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

from support.runs.cpu import used_s

MAX_LINES = 25  # lines of each list


class Profile:
    """A plugin that measures CPU time, in s. In the main process it only collects and prints."""

    def __init__(self) -> None:
        self.modules: Counter[str] = Counter()
        self.fixtures: Counter[str] = Counter()
        self._used_s = used_s()

    def add(self, measured: dict[str, dict[str, float]]) -> None:
        """Add what another process measured: its `as_dict`."""
        self.modules.update(measured["modules"])
        self.fixtures.update(measured["fixtures"])

    def as_dict(self) -> dict[str, dict[str, float]]:
        return {"modules": dict(self.modules), "fixtures": dict(self.fixtures)}

    def pytest_collection_finish(self) -> None:
        self.modules["collection"] += self._passed_s()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
        result = yield
        if nextitem is None or nextitem.path != item.path:  # fixtures of the module are gone as well
            self.modules[item.nodeid.partition("::")[0]] += self._passed_s()
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        if fixturedef.scope == "function":
            return (yield)
        began_s = used_s()
        try:
            return (yield)
        finally:
            self.fixtures[f"{fixturedef.argname} ({fixturedef.scope})"] += used_s() - began_s

    def _passed_s(self) -> float:
        before_s, self._used_s = self._used_s, used_s()
        return self._used_s - before_s

    def report(self, terminal: pytest.TerminalReporter) -> None:
        folders: Counter[str] = Counter()
        for module, cpu_s in self.modules.items():
            folders["/".join(module.split("/")[:2])] += cpu_s
        for name, measured in (("folder", folders), ("module", self.modules), ("shared fixture", self.fixtures)):
            terminal.write_line(f"CPU time by {name}, in s")
            for what, cpu_s in measured.most_common(MAX_LINES):
                terminal.write_line(f"{cpu_s:7.1f}  {what}")
