"""Where the backups of a server go, as pages show it and as `koyjabo restore` takes it."""

from __future__ import annotations

import shlex
from typing import NamedTuple
from urllib.parse import urlsplit

from koyjabo.settings.backup_places import s3_url
from koyjabo.settings.schema import Settings

FOLDER, BUCKET = "folder", "bucket"


class BackupTargets(NamedTuple):
    """The settings of that name; "" where one is not set."""

    backup_dir: str
    backup_to: str

    @classmethod
    def of(cls, settings: Settings) -> BackupTargets:
        return cls(*(getattr(settings, name) for name in cls._fields))

    def shown(self) -> list[tuple[str, str]]:
        """The kind of each target and its place, for people: without a region."""
        found = []
        if self.backup_dir:
            found.append((FOLDER, self.backup_dir))
        if self.backup_to:
            found.append((BUCKET, self.backup_to.partition("?")[0]))
            if s3_url(self.backup_to).endpoint:
                found[-1] = (BUCKET, f"{found[-1][1]} ({urlsplit(s3_url(self.backup_to).endpoint).hostname})")
        return found

    def restore_argument(self, name: str) -> str:
        """What `koyjabo restore` takes for this backup, quoted for a shell: of the bucket if there is one, since that
        outlives the disk. "" without a place.
        """
        if self.backup_to:
            parts = urlsplit(self.backup_to)
            return shlex.quote(parts._replace(path=f"{parts.path.rstrip('/')}/{name}").geturl())
        return shlex.quote(f"{self.backup_dir.rstrip('/')}/{name}") if self.backup_dir else ""
