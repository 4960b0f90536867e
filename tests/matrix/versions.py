"""Client files, packages, servers and databases of three builds: the two last landings, and now.

What one build has made is used with another. `docs/install.md` (Upgrade), decision 99 and `docs/backup.md` decide the
outcomes: a server of cdd7f1320 works on the schema of now, and one of fc0bc4ec3 does not start on it.
"""

from __future__ import annotations

from matrix.table import ANY, Table

BUILDS = ("cdd7f1320", "fc0bc4ec3")
"""Earlier builds, by their commits. The history has to have them."""

PAGES = ("module", "element", "classic", "npm client", "npm react")
"""Rows of client files. What kind of database a server has is not seen by them."""

NOW = "now"
DISTORTIONS = tuple(
    name.format(build)
    for name in ("{} to now", "now to {}", "tabs open from {}", "beside {}", "back to {}")
    for build in BUILDS
)
"""For each earlier build: a thing of it is used with now, and a thing of now with it; the server is upgraded from it
while pages are open; both serve one database; and the server returns to it after an upgrade.
"""

NO_CLASSIC = "fc0bc4ec3 has no classic file"
MIGRATED = "a newer version of this program has migrated it"
NEWER_BACKUP = "newer version"
OLDER_BACKUP = "Restore it with the older version that made it"

VERSIONS = Table(
    name="versions",
    test="matrix/test_versions.py::test_a_thing_of_one_version_has_the_outcome_of_its_row_with_another",
    distortions=DISTORTIONS,
    rows="""
    receipt       c c c r c c c r c r
    login         c c c r c c c r c r
    API key       c c c r c c c r c r
    share link    c c c r c c c r c r
    community     c c c r c c c r c r
    setting       c c c r c c c r c r
    backup        c r r r c r c r c c
    plain socket  c c c r c c c r c r
    Socket.IO     c c c r c c c r c r
    stream        c c c r c c c r c r
    module        c c c c c c c r c r
    element       c c c c c c c r c r
    classic       c - c c c - c r c r
    npm client    c c c c c c c r c r
    npm react     c c c c c c c r c r
    """,
    reasons={
        ("classic", "fc0bc4ec3 to now"): NO_CLASSIC,
        ("classic", "tabs open from fc0bc4ec3"): NO_CLASSIC,
        (
            "backup",
            "back to fc0bc4ec3",
        ): "where a version refuses the newer schema, its own backup is restored into a new database",
    },
    says={
        ("backup", "fc0bc4ec3 to now"): OLDER_BACKUP,
        ("backup", "tabs open from fc0bc4ec3"): OLDER_BACKUP,
        ("backup", "now to cdd7f1320"): NEWER_BACKUP,
        ("backup", "now to fc0bc4ec3"): NEWER_BACKUP,
        **{(ANY, f"{how} fc0bc4ec3"): MIGRATED for how in ("now to", "beside", "back to")},
    },
    places=("SQLite", "PostgreSQL"),
    absent=frozenset((row, "PostgreSQL") for row in PAGES),
)
