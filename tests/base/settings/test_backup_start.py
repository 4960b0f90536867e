"""Backup stores that cannot work prevent a start, and the error names the setting."""

from __future__ import annotations

import importlib.util

import pytest
from support.servers.s3_server import CREDENTIALS

import config
from koyjabo.base.settings import backup_stores

URL = "s3://shapla/live"
MINIO = f"{URL}?endpoint=http://127.0.0.1:9000"


@pytest.fixture
def problem(tmp_path, monkeypatch):
    """The error message for settings in an environment. Loading them must succeed."""
    for name in ("BACKUP_DIR", "BACKUP_TO"):
        monkeypatch.delenv(name, raising=False)

    def message(environment: dict[str, str] | None = None, **settings: str) -> str | None:
        loaded = config.load(settings, instance=tmp_path / "instance")
        return backup_stores.problem(loaded.backup_dir, loaded.backup_to, environment or {})

    return message


def test_folder_is_made_for_its_owner_or_refused(problem, tmp_path):
    folder = tmp_path / "some" / "backups"
    assert problem(BACKUP_DIR=str(folder)) is None
    assert (list(folder.iterdir()), folder.stat().st_mode & 0o777) == ([], 0o700)
    (tmp_path / "file").touch()
    for wrong, why in ((tmp_path / "file", "File exists"), (tmp_path / "file" / "x", "Not a directory")):
        assert problem(BACKUP_DIR=str(wrong)) == (
            f"BACKUP_DIR is '{wrong}', which is not writable ({why}): give the user that runs the server "
            "write access, or choose another folder."
        )


def test_bucket_needs_its_package_and_credentials(problem, monkeypatch):
    assert problem(BACKUP_TO=MINIO) == (
        "BACKUP_TO has no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment."
    )
    assert problem({"AWS_ACCESS_KEY_ID": ""}, BACKUP_TO=MINIO) is not None
    assert problem(CREDENTIALS, BACKUP_TO=MINIO) is None
    assert problem({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, BACKUP_TO=MINIO) is None
    assert problem(BACKUP_TO=URL) is None, "machines of AWS have some of their own"
    monkeypatch.setattr(backup_stores, "find_spec", lambda name: None)
    assert problem(CREDENTIALS, BACKUP_TO=URL) == (
        "BACKUP_TO needs a package that is not installed: pip install 'koyjabo[s3]'."
    )
    assert importlib.util.find_spec("obstore") is not None
