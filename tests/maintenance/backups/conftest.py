"""Places for backups: a folder, and a bucket of a small S3 server."""

from __future__ import annotations

from asyncio import events
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers.s3_server import CREDENTIALS, S3Server

from koyjabo.maintenance.backups.places import Folder

CONTENTS = bytes(range(256)) * 640
"""As large as three parts (see `place_limits`)."""


@pytest.fixture(scope="module")
def module_s3() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.close()


@pytest.fixture
def s3(module_s3, monkeypatch) -> Iterator[S3Server]:
    """An empty bucket, and its credentials in the environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    module_s3.reset()
    running = events._get_running_loop()  # that of a browser of other tests: no other loop would run in this thread
    events._set_running_loop(None)
    yield module_s3
    events._set_running_loop(running)


@pytest.fixture
def folder(tmp_path) -> Folder:
    (tmp_path / "backups").mkdir()
    return Folder(tmp_path / "backups")


@pytest.fixture
def made(tmp_path) -> Path:
    """A file that was made, to be kept."""
    path = tmp_path / "made"
    path.write_bytes(CONTENTS)
    path.chmod(0o600)
    return path
