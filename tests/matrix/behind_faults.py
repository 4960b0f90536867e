"""What a server reaches through a network, with its distortions: databases, Redis, mail servers and names."""

from __future__ import annotations

import ssl
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from support.clients.members import Member
from support.databases.database import PostgresDatabase, SqliteDatabase
from support.databases.redis import OneSentinel, Redis
from support.faults.distorted_line import DistortedLine, NameServer
from support.faults.failing_programs import SERVE, written
from support.programs.certificates import new_certificate
from support.programs.processes import wait_until
from support.servers.mailbox import PUBLIC_URL, Mailbox
from support.servers.server import Server

from koyjabo.people.mail_server.mail_warnings import LATE_MAIL_MS
from matrix.behind import ANOTHER, CERTIFICATE, FULL, GONE, PASSWORD, READ_ONLY, REFUSES
from matrix.table import Cell

NAME = "behind.koyjabo.example"
USER, RIGHT_PASSWORD = "live", "secret"
POSTGRES_ERRORS = {PASSWORD: ("28P01", "password authentication failed"), FULL: ("53300", "too many clients already")}
REDIS_COMMANDS = {
    PASSWORD: "CONFIG SET requirepass secret",
    FULL: "CONFIG SET maxmemory 1",
    READ_ONLY: "REPLICAOF ::1 1",
}
SENTINEL_REPLIES = {PASSWORD: b"-WRONGPASS invalid username-password pair\r\n", FULL: b"-ERR max clients reached\r\n"}
SMTP_REFUSALS = {FULL: "452 4.2.2 the mailbox is full", READ_ONLY: "550 5.7.1 nothing is accepted"}


class Behind:
    """A server's surroundings, distorted as in a cell between `distort` and `mend`. All services end with `stack`.

    Subclasses define both, and `set_up`.
    """

    program: tuple[str, ...] = ("wsgi.py",)

    def __init__(self, cell: Cell, folder: Path, stack: ExitStack, postgres: Any) -> None:
        self.surface, self.how = cell.surface, cell.distortion
        self.folder, self.stack, self.postgres = folder, stack, postgres
        self.settings: dict[str, Any] = {}
        self.database: Any = SqliteDatabase.migrated(folder / "koyjabo.db")
        self.set_up()

    def remember(self) -> None:
        """Called before the last visit that precedes the distortion."""
        if self.how == ANOTHER:
            self.remembered = self.database.remember()

    def use(self, server: Server) -> None:
        """Make the server use it."""

    def age(self) -> None:
        """Let what has waited since the distortion be old enough for a warning."""

    def assert_recovered(self, server: Server) -> None: ...


@cache
def certificates() -> tuple[Path, Path]:
    """A certificate that servers of these tests trust, and another one."""
    trusted, wrong = (new_certificate(Path(tempfile.mkdtemp()), "127.0.0.1") for _ in range(2))
    return trusted, wrong


def context_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class ByLine(Behind):
    """What is reached by a line. If the surface is a name, the name server is distorted instead."""

    line: DistortedLine
    name_server: NameServer | None = None

    def set_up(self) -> None:
        if self.surface.startswith("name of"):
            self.name_server = NameServer(self.folder)
            self.stack.callback(self.name_server.close)
            self.program = written(self.folder, self.name_server.preamble + SERVE)

    def new_line(self, target: int | Path, has_tls: bool | None = None, is_asked: bool = False) -> DistortedLine:
        """A line, by default with TLS if certificates matter."""
        line = DistortedLine(target, is_asked=is_asked)
        if self.how == CERTIFICATE if has_tls is None else has_tls:
            line.tls, line.wrong_tls = map(context_of, certificates())
        return self.stack.enter_context(line)

    def place_of(self, line: DistortedLine) -> str:
        return f"{NAME if self.name_server else line.host}:{line.port}"

    def distort(self) -> None:
        if not self.name_server:
            self.distort_service()
            return
        if self.how == ANOTHER:
            self.line.distort(REFUSES)
            self.line.host = self.name_server.address = "127.0.0.9"
            self.line.mend()
        self.name_server.distort(self.how)
        self.line.cut()

    def distort_service(self) -> None:
        self.line.distort(REFUSES if self.how == GONE else self.how)

    def mend(self) -> None:
        if self.name_server:
            self.name_server.mend()
        else:
            self.mend_service()
            self.line.mend()

    def mend_service(self) -> None: ...


class OnPostgres(ByLine):
    """A line to PostgreSQL, and another one if there are two hosts."""

    def set_up(self) -> None:
        super().set_up()
        self.database: PostgresDatabase = self.postgres.new_database()
        socket, hosts = self.postgres.folder / ".s.PGSQL.5432", 2 if "two hosts" in self.surface else 1
        lines = [self.new_line(socket, is_asked=True) for _ in range(hosts)]
        self.line = lines[-1 if self.surface.startswith("last") else 0]
        checks = f"?sslmode=verify-full&sslrootcert={certificates()[0]}" if self.line.tls else ""
        places = ",".join(map(self.place_of, lines))
        self.settings["DATABASE_URL"] = f"postgresql://postgres@{places}/{self.database.name}{checks}"

    def distort_service(self) -> None:
        if self.how == ANOTHER:
            self.database.go_back(self.remembered)
        elif self.how == READ_ONLY:
            other = self.postgres.new_database().name
            self.postgres.execute(f"ALTER DATABASE {other} SET default_transaction_read_only = on")
            self.line.renamed = self.database.name.encode(), other.encode()
            self.line.cut()
        elif self.how in POSTGRES_ERRORS:
            self.line.distort(lambda line: refuse_postgres(line, *POSTGRES_ERRORS[self.how]))
        else:
            super().distort_service()

    def mend_service(self) -> None:
        self.line.renamed = b"", b""


def refuse_postgres(line: Any, state: str, text: str) -> None:
    while len(line.recv(8192)) == 8:  # the client asks for TLS
        line.sendall(b"N")
    fields = b"".join(f"{field}\0".encode() for field in ("SFATAL", f"C{state}", f"M{text}", ""))
    line.sendall(b"E" + (4 + len(fields)).to_bytes(4) + fields)
    line.close()


class OnRedis(ByLine):
    def set_up(self) -> None:
        super().set_up()
        self.redis, self.another = (self.stack.enter_context(Redis()) for _ in range(2))
        self.lead_to(self.redis.port)

    def lead_to(self, port: int, scheme: str = "", path: str = "") -> None:
        self.line = self.new_line(port)
        s, options = ("s", f"?ssl_ca_certs={certificates()[0]}") if self.line.tls else ("", "")
        self.settings["REDIS_URL"] = f"redis{s}{scheme}://{self.place_of(self.line)}{path}/0{options}"

    def distort_service(self) -> None:
        if self.how == ANOTHER:
            self.line.target = self.another.port
        elif self.how in REDIS_COMMANDS:
            with self.redis.client() as client:
                client.execute_command(*REDIS_COMMANDS[self.how].split())
        else:
            super().distort_service()
        self.line.cut()

    def mend_service(self) -> None:
        if self.how in (*REDIS_COMMANDS, GONE):  # without its data
            self.redis.restart()

    def assert_recovered(self, server: Server) -> None:
        wait_until(lambda: server.get("/readyz").json()["checks"]["redis"]["ok"], "Redis is used again")


class BySentinel(OnRedis):
    """The line leads to the Sentinel, and another to the master."""

    def set_up(self) -> None:
        super().set_up()
        self.sentinel = self.stack.enter_context(OneSentinel(self.folder, self.line.port))
        self.lead_to(self.sentinel.port, "+sentinel", "/mymaster")

    def distort_service(self) -> None:
        if reply := SENTINEL_REPLIES.get(self.how):
            self.line.distort(lambda line: line.recv(8192) and line.sendall(reply * 9))
        elif self.how in (READ_ONLY, ANOTHER):
            if self.how == READ_ONLY:
                with self.another.client() as client:
                    client.replicaof("127.0.0.1", self.redis.port)
            self.sentinel.name(self.another)
        else:
            ByLine.distort_service(self)

    def mend_service(self) -> None:
        if self.how in (READ_ONLY, ANOTHER):
            self.sentinel.name(self.redis)


class OnSmtp(ByLine):
    """Mail servers with and without a certificate that is trusted. Every sign-up sends an email."""

    def set_up(self) -> None:
        super().set_up()
        is_tls = self.surface == "SMTP with TLS"
        self.starts_tls = self.how == CERTIFICATE and not is_tls
        contexts = map(context_of, certificates()) if self.starts_tls else (None, None)
        options = {"require_starttls": self.starts_tls}
        self.mailboxes = [Mailbox(USER, RIGHT_PASSWORD, context, **options).start() for context in contexts]
        for mailbox in self.mailboxes:
            self.stack.callback(mailbox.stop)
        self.line = self.new_line(self.mailboxes[0].port, is_tls)
        scheme, off = ("smtps", "") if is_tls else ("smtp", "" if self.starts_tls else "&tls=off")
        url = f"{scheme}://{USER}:{RIGHT_PASSWORD}@{self.place_of(self.line)}?from=live@example.com{off}"
        self.settings |= {"SMTP_URL": url, "PUBLIC_URL": PUBLIC_URL, "SSL_CERT_FILE": certificates()[0]}
        self.people: list[str] = []

    def distort_service(self) -> None:
        self.mailboxes[0].refusal = SMTP_REFUSALS.get(self.how, "")
        if self.how == PASSWORD:
            self.mailboxes[0].change_password("another")
        elif self.how == ANOTHER or self.starts_tls:
            self.line.target = self.mailboxes[1].port
        elif self.how not in SMTP_REFUSALS:
            super().distort_service()

    def mend_service(self) -> None:
        self.mailboxes[0].refusal = ""
        self.mailboxes[0].change_password(RIGHT_PASSWORD)
        if self.how == CERTIFICATE:
            self.line.target = self.mailboxes[0].port

    def use(self, server: Server) -> None:
        self.people.append(Member(server).email)

    def age(self) -> None:
        self.database.rows(f"UPDATE outbox SET created_ms = created_ms - {LATE_MAIL_MS}")

    def assert_recovered(self, server: Server) -> None:
        """All emails have arrived. Those that wait are tried again now."""

        def have_arrived() -> bool:
            self.database.rows("UPDATE outbox SET due_ms = 0 WHERE done_ms IS NULL")
            return all(any(mailbox.to(email) for mailbox in self.mailboxes) for email in self.people)

        wait_until(have_arrived, "all emails have arrived", every_s=0.5)
