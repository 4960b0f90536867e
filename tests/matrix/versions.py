"""Client files, packages, servers and databases of three builds: the two last landings, and now.

What one build has made is used with another. `docs/install.md` (Upgrade) and `docs/backup.md` decide the outcomes: a
server of cdd7f1320 works on the schema of now, and one of fc0bc4ec3 does not start on it.
"""

from matrix.table import ANY, Table

BUILDS = ("cdd7f1320", "fc0bc4ec3")
"""Earlier builds, by their commits. The history has to have them."""

PAGES = ("module", "element", "classic", "npm client", "npm react")
"""Rows of client files. What kind of database a server has is not seen by them."""

KINDS = dict.fromkeys(PAGES, "page") | {"backup": "backup"}
"""Rows of a kind share a database. All others have none."""

NOW = "now"
BESIDE = "beside {}"
SERVERS = {
    "{} to now": ("{}", NOW),
    "now to {}": (NOW, "{}"),
    "tabs open from {}": ("{}", NOW),
    BESIDE: ("{}", NOW),
    "back to {}": ("{}", NOW, "{}"),
}
"""The servers on one database, one after another, or two at the same time. `{}` is each earlier build.

What is made with the first one is used with the others. Pages have client files of the first one.
"""

PAGE_SERVERS = SERVERS | {"{} to now": (NOW,), "now to {}": ("{}",), BESIDE: (NOW, "{}")}
"""The servers that pages are opened with."""

DISTORTIONS = {how.format(build): (how, build) for how in SERVERS for build in BUILDS}

NEW_DATABASE = "where a version refuses the newer schema, its own backup is restored into a new database"
NO_CLASSIC = "fc0bc4ec3 has no classic file"
MIGRATED = "a newer version of this program has migrated it"
NEWER_BACKUP = "newer version"
OLDER_BACKUP = "Restore it with the older version that made it"

VERSIONS = Table(
    name="versions",
    test="matrix/test_versions.py::test_a_thing_of_one_version_has_the_outcome_of_its_row_with_another",
    distortions=tuple(DISTORTIONS),
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
    classic       c - c c c - c - c -
    npm client    c c c c c c c r c r
    npm react     c c c c c c c r c r
    """,
    reasons={
        ("classic", "fc0bc4ec3 to now"): NO_CLASSIC,
        **{("classic", f"{how} fc0bc4ec3"): NO_CLASSIC for how in ("tabs open from", "beside", "back to")},
        ("backup", "back to fc0bc4ec3"): NEW_DATABASE,
    },
    says={
        ("backup", "fc0bc4ec3 to now"): OLDER_BACKUP,
        ("backup", "tabs open from fc0bc4ec3"): OLDER_BACKUP,
        **{("backup", f"now to {build}"): NEWER_BACKUP for build in BUILDS},
        **{(ANY, f"{how} fc0bc4ec3"): MIGRATED for how in ("now to", "beside", "back to")},
    },
    places=("SQLite", "PostgreSQL"),
    absent=frozenset((row, "PostgreSQL") for row in PAGES),
)
