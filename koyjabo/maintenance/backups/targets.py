"""Where the backups of a server go, as pages show it and as `koyjabo restore` takes it."""

from __future__ import annotations

import shlex
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import urlsplit

from koyjabo.settings.backup_places import s3_url
from koyjabo.settings.schema import Settings

FOLDER, BUCKET, COMMAND = "folder", "bucket", "command"


class BackupTargets(NamedTuple):
    """The settings of that name; "" where one is not set."""

    backup_dir: str
    backup_to: str
    backup_command: str

    @classmethod
    def of(cls, settings: Settings) -> BackupTargets:
        return cls(*(getattr(settings, name) for name in cls._fields))

    def shown(self) -> list[tuple[str, str]]:
        """The kind of each target and its place, for people: no region, and of the command the program alone, since
        its arguments may be secret.
        """
        found = []
        if self.backup_dir:
            found.append((FOLDER, self.backup_dir))
        if self.backup_to:
            found.append((BUCKET, self.backup_to.partition("?")[0]))
            if s3_url(self.backup_to).endpoint:
                found[-1] = (BUCKET, f"{found[-1][1]} ({urlsplit(s3_url(self.backup_to).endpoint).hostname})")
        if self.backup_command:
            found.append((COMMAND, PurePath(shlex.split(self.backup_command)[0]).name))
        return found

    def restore_argument(self, name: str) -> str:
        """What `koyjabo restore` takes for this backup, quoted for a shell: of the bucket if there is one, since that
        outlives the disk. "" if the backup was handed to the command only.
        """
        if self.backup_to:
            parts = urlsplit(self.backup_to)
            return shlex.quote(parts._replace(path=f"{parts.path.rstrip('/')}/{name}").geturl())
        return shlex.quote(f"{self.backup_dir.rstrip('/')}/{name}") if self.backup_dir else ""
