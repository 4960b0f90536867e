"""The cases of Autobahn's test suite for WebSocket servers, run against a server of ours that echoes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kosoku

from support.databases.database import SqliteDatabase
from support.programs.processes import ROOT
from support.servers.server import Server

from .agreement import Agreement

SECTIONS = {
    "1": "messages",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragments",
    "6": "UTF-8",
    "7": "close handshake",
    "10": "fragments in pieces",
}
"""The sections of the suite. The others have large messages and compression, which we refuse."""

ACCEPTED = ("OK", "INFORMATIONAL")
"""Verdicts of the suite. NON-STRICT counts as wrong."""


def agreements() -> Iterator[Agreement]:
    results = _results()
    for section, what in SECTIONS.items():
        cases = [result for result in results if result.case_id.split(".")[0] == section]
        judged = ((case.case_id, _mistake(case)) for case in cases)
        yield Agreement.of(f"WebSocket: {what}", f"kosoku {version('kosoku')}", judged)


def _mistake(case: Any) -> str:
    verdicts = (case.behavior.value, case.behavior_close.value)
    return next((verdict.lower() for verdict in verdicts if verdict not in ACCEPTED), "")


def _results() -> list[Any]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(SqliteDatabase.migrated(folder / "echo.db"), folder)
        server.program = (str(ROOT / "tests/support/servers/echo_app.py"),)
        server.start()
        try:
            # In a thread, because Playwright leaves a loop running in the thread of its tests.
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(asyncio.run, _run(server.port)).result()
        finally:
            server.kill()


async def _run(port: int) -> list[Any]:
    try:
        return list(
            await kosoku.run_fuzzingclient(f"127.0.0.1:{port}", [f"{section}.*" for section in SECTIONS], concurrency=8)
        )
    except kosoku.FailureError as failure:
        return list(failure.results)
