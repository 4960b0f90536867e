"""Places for backups: a folder, and a bucket of a small S3 server."""

from __future__ import annotations

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
def s3(module_s3, monkeypatch) -> S3Server:
    """An empty bucket, and its credentials in the environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    module_s3.reset()
    return module_s3


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
