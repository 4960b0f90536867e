"""What is there behind the server, and refuses one part: a right, a kind of object, a command, a file, a folder.

Outcomes follow from docs/specification/storage.md. A server does not start with a part that counting, logins or
communities need. A part that it loses later is named, and everything else works.
"""

from __future__ import annotations

from matrix.behind import SERVING, START
from matrix.table import ANY, Table

PARTS = Table(
    name="parts",
    test="matrix/test_behind.py::test_a_part_that_is_refused_has_the_outcome_of_its_cell",
    distortions=(START, SERVING),
    rows="""
    INSERT on events, SELECT on users               r g
    INSERT on visits, SELECT on counters            r w
    USAGE of sequences                              r g
    UPDATE of sequences                             g g
    USAGE of the schema, CONNECT                    r w
    rows of visits                                  r w
    rows of users                                   r g
    EVAL, PUBLISH, SUBSCRIBE, keys, channels        g g
    INFO                                            m m
    replicas                                        g g
    folder of backups                               r g
    """,
    says={
        ("CONNECT", ANY): "permission denied for database",
        ("UPDATE of sequences", ANY): "may not set sequences",
        ("rows of *", ANY): "run ALTER TABLE ",
        ("folder of backups", START): "BACKUP_DIR",
        ("folder of backups", SERVING): "backup_impossible",
        **{(name, ANY): "redis_refused" for name in ("EVAL", "PUBLISH", "SUBSCRIBE", "keys", "channels", "replicas")},
        (ANY, ANY): "As the owner of the tables, run GRANT ",
    },
)
