"""Everything behind the server, and how it fails: at the start, while it serves, and while it stops.

Outcomes follow from docs/specification/storage.md (Failures, A clock in doubt), docs/operations.md (Logs, Emails) and
docs/failover.md. "r" at a start means that waiting cannot help.
"""

from __future__ import annotations

from matrix.table import ANY, Table

START, SERVING, STOPPING = MOMENTS = ("at the start", "while serving", "while stopping")
REFUSES, CLOSES, SILENT, SLOW, PROTOCOL, CERTIFICATE, PASSWORD, FULL, READ_ONLY, GONE, ANOTHER = DISTORTIONS = (
    "refuses",  # nothing listens, the name is unknown, a folder is there instead of a file
    "closes",  # connections close at once, a file is cut in half or deleted
    "silent",  # nothing is answered, a lock is held, a clock does not move
    "slow",  # each part comes 0.1 s late, a clock runs at half its speed
    "wrong protocol",  # HTTP, text instead of data, the year 1970
    "wrong certificate",  # of an unknown authority
    "wrong password",  # refused, or the file is encrypted
    "full",  # connections, memory, mailbox or disk; SERVFAIL; the year 2110
    "read-only",  # a standby, a replica, a disk; 550; a clock that its kernel calls right although it is not
    "gone and back",
    "back as another one",  # older data, another server, another address; two days behind
)

MAIL_REASONS = {
    **{CLOSES: "closed", SILENT: "silent", PROTOCOL: "", CERTIFICATE: "authority", PASSWORD: "535", FULL: "452"},
    **{READ_ONLY: "550", ANY: "refused"},
}
"""What the log has for an email that waits, by distortion of a mail server."""

BEHIND = Table(
    name="behind",
    test="matrix/test_behind.py::test_a_failure_behind_the_server_has_the_outcome_of_its_cell",
    distortions=DISTORTIONS,
    places=MOMENTS,
    rows="""
    PostgreSQL          w   w   w   c   rww rww rww w   w   w   c
    first of two hosts  c   c   c   c   c   c   c   c   c   c   c
    last of two hosts   m   m   m   m   m   m   m   m   m   m   m
    Redis               g   g   g   c   g   g   g   g   g   g   c
    Sentinel            g   g   g   c   g   g   g   g   g   g   c
    SMTP                g   g   g   c   g   g   g   g   g   g   c
    SMTP with TLS       g   g   g   c   g   g   g   g   g   g   c
    disk                r-- rww w   c   r-- -   r-- w   r-- rww c
    name of PostgreSQL  w   w   w   c   w   -   -   w   -   w   c
    name of Redis       g   g   g   c   g   -   -   g   -   g   c
    name of SMTP        g   g   g   c   g   -   -   g   -   g   c
    geo file            rmm rmm rmm -   rmm rmm rmm rmm m   rmm m
    clock               m   -   c   c   g   -   -   c   c   c   g
    """,
    reasons={
        ("disk", CERTIFICATE): "a disk has no certificate",
        ("geo file", SLOW): "the file is mapped: a slow disk delays only its first reads",
        ("clock", CLOSES): "reading a clock opens nothing",
        ("clock", CERTIFICATE): "a clock has no certificate",
        ("clock", PASSWORD): "a clock has no password",
        ("name of *", READ_ONLY): "every resolver is read-only",
        ("* of two hosts", ANY): "the server uses the first host that accepts writes",
        ("geo file", CERTIFICATE): "a database of AS numbers has no locations",
        (ANY, CERTIFICATE): "a resolver has no certificate",
        (ANY, PASSWORD): "a resolver has no password",
    },
    loud={
        ("Sentinel", ANY): "the known master is used until a Sentinel names another one",
    },
    says={
        ("PostgreSQL", CERTIFICATE): "certificate verify failed",
        ("PostgreSQL", PASSWORD): "password authentication failed",
        ("PostgreSQL", ANY): "DATABASE_URL names a database that cannot be used",
        ("disk", CLOSES): "The database is empty, but the total was",
        ("disk", GONE): "The database is empty, but the total was",
        ("disk", ANY): "DATABASE_URL names a database that cannot be used",
        **{("Redis", how): "redis_refused" for how in (PASSWORD, FULL, READ_ONLY)},
        ("*Redis", ANY): "redis_unreachable",
        ("Sentinel", READ_ONLY): "redis_",
        ("Sentinel", ANY): "sentinels_unavailable",
        ("SMTP with TLS", PROTOCOL): "mail_delayed kind=verify reason=no_tls",
        **{("SMTP*", how): f"mail_delayed kind=verify reason={reason}" for how, reason in MAIL_REASONS.items()},
        ("name of SMTP", ANY): "mail_delayed kind=verify reason=name",
        ("geo file", ANY): "GEOIP_DATABASE",
        ("clock", PROTOCOL): "clock_wrong behind_s=",
        ("clock", ANY): "clock_doubted behind_s=",
    },
)
