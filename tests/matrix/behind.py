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
    disk                r-- -ww w   c   r-- -   r-- w   r-- -ww c
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
        ("name of PostgreSQL", READ_ONLY): "every resolver is read-only",
        ("name of Redis", READ_ONLY): "every resolver is read-only",
        ("name of SMTP", READ_ONLY): "every resolver is read-only",
        ("first of two hosts", ANY): "the server uses the first host that accepts writes",
        ("last of two hosts", ANY): "the server uses the first host that accepts writes",
        ("geo file", CERTIFICATE): "a database of AS numbers has no locations",
        (ANY, CERTIFICATE): "a resolver has no certificate",
        (ANY, PASSWORD): "a resolver has no password",
    },
    says={
        ("PostgreSQL", CERTIFICATE): "certificate verify failed",
        ("PostgreSQL", PASSWORD): "password authentication failed",
        ("PostgreSQL", ANY): "DATABASE_URL names a database that cannot be used",
        ("disk", ANY): "DATABASE_URL names a database that cannot be used",
        ("Redis", PASSWORD): "redis_refused",
        ("Redis", FULL): "redis_refused",
        ("Redis", READ_ONLY): "redis_refused",
        ("Redis", ANY): "redis_unreachable",
        ("name of Redis", ANY): "redis_unreachable",
        ("Sentinel", READ_ONLY): "redis_",
        ("Sentinel", ANY): "sentinels_unavailable",
        ("SMTP", CLOSES): "mail_delayed kind=verify reason=closed",
        ("SMTP", SILENT): "mail_delayed kind=verify reason=silent",
        ("SMTP", PROTOCOL): "mail_delayed kind=verify reason=",
        ("SMTP", CERTIFICATE): "mail_delayed kind=verify reason=authority",
        ("SMTP", PASSWORD): "mail_delayed kind=verify reason=535",
        ("SMTP", FULL): "mail_delayed kind=verify reason=452",
        ("SMTP", READ_ONLY): "mail_delayed kind=verify reason=550",
        ("SMTP", ANY): "mail_delayed kind=verify reason=refused",
        ("SMTP with TLS", CLOSES): "mail_delayed kind=verify reason=closed",
        ("SMTP with TLS", SILENT): "mail_delayed kind=verify reason=silent",
        ("SMTP with TLS", PROTOCOL): "mail_delayed kind=verify reason=no_tls",
        ("SMTP with TLS", CERTIFICATE): "mail_delayed kind=verify reason=authority",
        ("SMTP with TLS", PASSWORD): "mail_delayed kind=verify reason=535",
        ("SMTP with TLS", FULL): "mail_delayed kind=verify reason=452",
        ("SMTP with TLS", READ_ONLY): "mail_delayed kind=verify reason=550",
        ("SMTP with TLS", ANY): "mail_delayed kind=verify reason=refused",
        ("name of SMTP", ANY): "mail_delayed kind=verify reason=name",
        ("geo file", ANY): "GEOIP_DATABASE",
        ("clock", PROTOCOL): "clock_wrong behind_s=",
        ("clock", ANY): "clock_doubted behind_s=",
    },
)
