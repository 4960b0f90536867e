"""The migrations that this version has, by number."""

from koyjabo.base.core.installation import migrations

MIGRATIONS = migrations()

REVISIONS = {file.name.partition("_")[0] for file in MIGRATIONS.glob("versions/*.py")}
"""Migration files are named by number, in order."""

OLDEST_REVISION, NEWEST_REVISION = min(REVISIONS), max(REVISIONS)
