"""What a run of the tests takes from the machine, and what happens where that is another one.

"m" is the same result, "g" a run without the tests that need it (their line NOT TESTED says what is missing), "r" one
sentence. `WAYS` makes cells here. The others need another machine: `reasons` has how they were tried by hand, on
new Debians 12 and 13.
"""

from __future__ import annotations

from matrix.table import ANY, HAND, Table

ANOTHERS, ABSENT, OLDER, NEWER, LIMITED = DISTORTIONS = ("another's", "absent", "older", "newer", "limited")

NOISE = """export DATABASE_URL=mysql://x PORT=99999 SECRET_KEY=short REDIS_URL=redis://x SMTP_URL=bad BACKUP_DIR=/none
export http_proxy=http://127.0.0.1:9 all_proxy=http://127.0.0.1:9 FLASK_DEBUG=1 GIT_DIR=/none PYTHONOPTIMIZE=1
export FORCE_COLOR=1 COLUMNS=40 TERM=dumb PYTEST_ADDOPTS=-v"""

WAYS = {
    ("variables", ANOTHERS): NOISE,
    ("variables", ABSENT): 'set -- env -i PATH="$PATH" "$@"',
    ("locale", ANOTHERS): "export LANG=de_DE.ISO-8859-1 LC_ALL=en_US.UTF-8",
    ("locale", ABSENT): "unset LANG; export LC_ALL=C PYTHONCOERCECLOCALE=0",
    ("zone", ANOTHERS): "export TZ=America/St_Johns",
    ("zone", ABSENT): "export TZ=",
    ("home", ABSENT): "export HOME=/none; unset XDG_RUNTIME_DIR",
    ("home", LIMITED): "export HOME=/proc",
    ("umask", LIMITED): "umask 077",
    ("signals", LIMITED): "trap '' INT HUP",
    ("open files", LIMITED): "ulimit -n 1024",
    ("cores", LIMITED): 'set -- taskset -c 0 "$@"',
}
"""Lines for a shell, which then runs "$@"."""

MACHINE = Table(
    name="machine",
    test="matrix/test_machine.py::test_a_run_on_another_machine_has_the_outcome_of_its_cell",
    distortions=DISTORTIONS,
    rows="""
    variables                   m  m  -  -  -
    locale, zone                m  m  -  -  -
    home                        -  m  -  -  m
    Python                      -  r  m  m  -
    Redis                       -  m  m  m  -
    PostgreSQL                  -  m  -  -  -
    programs of `make tools`    -  g  -  -  -
    name of the user            m  g  -  -  -
    name of the host            -  m  -  -  -
    IPv6                        -  g  -  -  -
    folder for temporary files  m  -  -  -  m
    checkout                    m  -  -  -  m
    /proc                       -  -  -  -  m
    umask, signals              -  -  -  -  m
    open files, memory, cores   -  -  -  -  m
    """,
    says={
        ("Python", ABSENT): "is missing. On Debian: apt-get install python3 python3-venv",
        ("programs*", ABSENT): "is missing: `make tools` installs it",
        ("name of the user", ABSENT): "a name for user",
        ("IPv6", ABSENT): "IPv6 is missing",
    },
    reasons={
        **WAYS,
        ("Python", ABSENT): f"{HAND}`make PYTHON=another`",
        ("Python", OLDER): f"{HAND}Debian 12's 3.11.2; nothing uses what a later 3.11 added (`vermin -t=3.11-`)",
        ("Python", NEWER): f"{HAND}Debian 13's 3.13",
        ("Redis", OLDER): f"{HAND}REDIS_SERVER names Debian 12's 7.0",
        ("Redis", NEWER): f"{HAND}a wheel brings Valkey 9.1",
        ("[RP]*s*", ABSENT): f"{HAND}wheels bring both databases",
        ("programs*", ABSENT): f"{HAND}Debian 12 and 13 without any of them",
        ("name of the user", ANOTHERS): f"{HAND}the tests run as root and as another user",
        ("name of the user", ABSENT): f"{HAND}uid 12345 without an entry in /etc/passwd",
        ("name of the host", ABSENT): f"{HAND}a host's name that nothing resolves",
        ("IPv6", ABSENT): f"{HAND}net.ipv6.conf.all.disable_ipv6=1",
        ("folder*", ANOTHERS): f"{HAND}a long TMPDIR with spaces and Bangla letters, and 64 MB of /dev/shm",
        ("folder*", LIMITED): f"{HAND}/tmp and /dev/shm with noexec",
        ("checkout", ANOTHERS): f"{HAND}uid 12345 in a checkout of another user, which may write only to .venv",
        ("checkout", LIMITED): f"{HAND}read-only, but for .venv",
        ("/proc", LIMITED): f"{HAND}hidepid=2",
        ("memory", LIMITED): f"{HAND}the quick run in a group of 2 GB, in which it has two processes",
        (ANY, ABSENT): "no run can do without it",
        (ANY, ANOTHERS): "it belongs to the machine",
        (ANY, LIMITED): "it is there or not",
        (ANY, ANY): "it has no versions",
    },
)
