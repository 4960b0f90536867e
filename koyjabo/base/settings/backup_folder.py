"""Checks BACKUP_DIR: whether backups can be written there."""

import tempfile
from pathlib import Path

from koyjabo.base.core import own_files
from koyjabo.base.core.i18n import N_, Filled


def problem(folder: str) -> str | None:
    """A sentence that says why no file can be written to BACKUP_DIR; None if files can be written, or if it is "".
    Creates a missing folder.
    """
    if not folder:
        return None
    try:
        own_files.make_folder(Path(folder))
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        template = N_(
            "BACKUP_DIR is '%(folder)s', which is not writable (%(reason)s): give the user that runs the server write "
            "access, or choose another folder."
        )
        return Filled(template, folder=folder, reason=own_files.reason_of_system(error, folder))
