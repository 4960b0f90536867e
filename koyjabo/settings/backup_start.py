"""Checks BACKUP_DIR and BACKUP_TO before a server starts. Commands that make no backup skip this."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from koyjabo.settings.backup_stores import INSTALL, lacks_credentials, s3_url
from koyjabo.settings.schema import Settings


def problem(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """A sentence that begins with the name of an unusable setting; None if backups can work. Creates a
    missing folder.
    """
    if settings.backup_dir and (why := _unusable(Path(settings.backup_dir))):
        return f"BACKUP_DIR is {settings.backup_dir!r}, {why}."
    if settings.backup_to and find_spec("obstore") is None:
        return f"BACKUP_TO needs a package that is not installed: {INSTALL}."
    if settings.backup_to and lacks_credentials(s3_url(settings.backup_to), environment):
        return "BACKUP_TO has no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment."
    return None


def _unusable(folder: Path) -> str | None:
    """The reason why no file can be written to the folder; None if files can be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        why = f"which is not writable ({error.strerror})"
        return f"{why}: give the user that runs the server write access, or choose another folder"
