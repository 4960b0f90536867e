"""Checks BACKUP_DIR: whether backups can be written there."""

import tempfile
from pathlib import Path

from koyjabo.base.core.i18n import N_, Filled


def problem(folder: str) -> str | None:
    """A sentence that says why no file can be written to BACKUP_DIR; None if files can be written, or if it is "".
    Creates a missing folder.
    """
    if not folder:
        return None
    try:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        template = N_(
            "BACKUP_DIR is '%(folder)s', which is not writable (%(reason)s): give the user that runs the server write "
            "access, or choose another folder."
        )
        return Filled(template, folder=folder, reason=error.strerror)
