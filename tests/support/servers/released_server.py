"""The last release of the server, exported from its commit, with the currently installed packages."""

from __future__ import annotations

import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import IO, Any

import pytest

from support.databases.database import Database, made_once
from support.programs.forking import Program, start_anew
from support.programs.processes import environment
from support.programs.versions import commit_named, export, translate
from support.servers.server import Server

LAST_RELEASE = "f1ef2455c764"
"""Release 1.0.0. If a release pins different packages from the current requirements.txt, it needs its own
environment.
"""


class ReleasedServer(Server):
    """`python wsgi.py` of the last release."""

    def __init__(self, database: Database, folder: Path, **settings: Any) -> None:
        super().__init__(database, folder, **settings)
        self.release = released_files()

    def _start(self, *files: IO[Any]) -> Program:
        return start_anew([sys.executable, "wsgi.py"], environment(**self.settings), files, self.release)


@cache
def released_files() -> Path:
    """The folder of the last release, made once per run. Skips the test in a checkout without that commit."""
    if not commit_named(LAST_RELEASE):
        pytest.skip(f"this checkout does not have the commit of the last release, {LAST_RELEASE}")
    folder = Path(tempfile.gettempdir()) / "released"
    with made_once(folder) as is_made:
        if not is_made:
            shutil.rmtree(folder, ignore_errors=True)
            export(LAST_RELEASE, folder)
            translate(folder)
            (folder / "flask_swagger_ui.py").touch()  # not installed any more; serves a page that no test opens
    return folder
