"""What a server reaches through a network, with its distortions: databases, Redis, mail servers and names."""

from __future__ import annotations

import ssl
import tempfile
from contextlib import ExitStack
from functools import cache
from itertools import count
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

from matrix.behind import ANOTHER, CERTIFICATE, FULL, GONE, PASSWORD, READ_ONLY, REFUSES

NAME = "behind.koyjabo.example"
USER, RIGHT_PASSWORD = "live", "secret"
members = count(1)


class Behind:
    """A server's surroundings, which have `how` between `distort` and `mend`. All services end with `stack`."""

    program: tuple[str, ...] = ("wsgi.py",)

    def __init__(self, how: str, folder: Path, stack: ExitStack, postgres: Any) -> None:
        self.how, self.folder, self.stack, self.postgres = how, folder, stack, postgres
        self.settings: dict[str, Any] = {}
        self.database: Any = SqliteDatabase.migrated(folder / "koyjabo.db")
        self.set_up()

    def set_up(self) -> None: ...

    def remember(self) -> None:
        """Called before the last visit that precedes the distortion."""

    def distort(self) -> None: ...

    def mend(self) -> None: ...

    def use(self, server: Server) -> None:
        """Make the server use it."""

    def assert_recovered(self, server: Server) -> None: ...

    name_server: NameServer | None = None

    def new_line(self, target: int | Path, has_tls: bool | None = None, is_asked: bool = False) -> DistortedLine:
        """A line, by default with TLS if certificates matter."""
        line = DistortedLine(target, is_asked=is_asked)
        if self.how == CERTIFICATE if has_tls is None else has_tls:
            line.tls, line.wrong_tls = map(context_of, certificates())
        return self.stack.enter_context(line)

    def place_of(self, line: DistortedLine) -> str:
        return f"{NAME if self.name_server else line.host}:{line.port}"

    def distort_line(self) -> None:
        self.line.distort(REFUSES if self.how == GONE else self.how)


@cache
def certificates() -> tuple[Path, Path]:
    """A certificate that servers of these tests trust, and another one."""
    trusted, wrong = (new_certificate(Path(tempfile.mkdtemp()), "127.0.0.1") for _ in range(2))
    return trusted, wrong


def context_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class OnPostgres(Behind):
    """A line to PostgreSQL. It is the `distorted` of `hosts` lines."""

    hosts, distorted = 1, 0

    def set_up(self) -> None:
        self.database: PostgresDatabase = self.postgres.new_database()
        socket = self.postgres.folder / ".s.PGSQL.5432"
        lines = [self.new_line(socket, is_asked=True) for _ in range(self.hosts)]
        self.line = lines[self.distorted]
        hosts = ",".join(map(self.place_of, lines))
        checks = f"?sslmode=verify-full&sslrootcert={certificates()[0]}" if self.line.tls else ""
        self.settings["DATABASE_URL"] = f"postgresql://postgres@{hosts}/{self.database.name}{checks}"
        self.other = self.postgres.new_database()
        self.postgres.execute(f"ALTER DATABASE {self.other.name} SET default_transaction_read_only = on")

    def remember(self) -> None:
        if self.how == ANOTHER:
            self.remembered = self.database.remember()

    def distort(self) -> None:
        replies = {
            PASSWORD: ("28P01", 'password authentication failed for user "postgres"'),
            FULL: ("53300", "sorry, too many clients already"),
        }
        if self.how == ANOTHER:
            self.database.go_back(self.remembered)
        elif self.how == READ_ONLY:
            self.line.renamed = self.database.name.encode(), self.other.name.encode()
            self.line.cut()
        elif self.how in replies:
            self.line.distort(lambda line: refuse_postgres(line, *replies[self.how]))
        else:
            self.distort_line()

    def mend(self) -> None:
        self.line.renamed = b"", b""
        self.line.mend()


class FirstOfTwo(OnPostgres):
    hosts = 2


class LastOfTwo(OnPostgres):
    hosts, distorted = 2, 1


def refuse_postgres(line: Any, state: str, text: str) -> None:
    while len(line.recv(8192)) == 8:  # the client asks for TLS
        line.sendall(b"N")
    fields = b"".join(f"{field}\0".encode() for field in ("SFATAL", f"C{state}", f"M{text}", ""))
    line.sendall(b"E" + (4 + len(fields)).to_bytes(4) + fields)
    line.close()


REDIS_COMMANDS = {
    PASSWORD: "CONFIG SET requirepass secret",
    FULL: "CONFIG SET maxmemory 1",
    READ_ONLY: "REPLICAOF 127.0.0.1 1",
}
SENTINEL_REPLIES = {
    PASSWORD: b"-WRONGPASS invalid username-password pair\r\n",
    FULL: b"-ERR max number of clients reached\r\n",
}


class OnRedis(Behind):
    def set_up(self) -> None:
        self.redis, self.another = (self.stack.enter_context(Redis()) for _ in range(2))
        self.line = self.new_line(self.redis.port)
        self.settings["REDIS_URL"] = self.url("redis{}://{}/0{}")

    def url(self, form: str) -> str:
        tls = ("s", self.place_of(self.line), f"?ssl_ca_certs={certificates()[0]}")
        return form.format(*(tls if self.line.tls else ("", tls[1], "")))

    def distort(self) -> None:
        command = REDIS_COMMANDS.get(self.how, "")
        if self.how == ANOTHER:
            self.line.target = self.another.port
        elif command:
            with self.redis.client() as client:
                client.execute_command(*command.split())
        else:
            self.distort_line()
        self.line.cut()

    def mend(self) -> None:
        if self.how in (*REDIS_COMMANDS, GONE):  # without its data
            self.redis.restart()
        self.line.mend()

    def assert_recovered(self, server: Server) -> None:
        wait_until(lambda: server.get("/readyz").json()["checks"]["redis"]["ok"], "Redis is used again")


class BySentinel(OnRedis):
    """The line leads to the Sentinel, and another to the master."""

    def set_up(self) -> None:
        super().set_up()
        self.sentinel = self.stack.enter_context(OneSentinel(self.folder, self.line.port))
        self.line = self.new_line(self.sentinel.port)
        self.settings["REDIS_URL"] = self.url("redis{}+sentinel://{}/mymaster/0{}")

    def distort(self) -> None:
        if reply := SENTINEL_REPLIES.get(self.how):
            self.line.distort(lambda line: line.recv(8192) and line.sendall(reply * 9))
        elif self.how in (READ_ONLY, ANOTHER):
            if self.how == READ_ONLY:
                with self.another.client() as client:
                    client.replicaof("127.0.0.1", self.redis.port)
            self.sentinel.name(self.another)
        else:
            self.distort_line()

    def mend(self) -> None:
        if self.how in (READ_ONLY, ANOTHER):
            self.sentinel.name(self.redis)
        self.line.mend()


class OnSmtp(Behind):
    """Mail servers with and without a certificate that is trusted. Every sign-up sends an email."""

    is_tls = False

    def set_up(self) -> None:
        starts_tls = self.how == CERTIFICATE and not self.is_tls
        contexts = map(context_of, certificates()) if starts_tls else (None, None)
        self.mailboxes = [Mailbox(USER, RIGHT_PASSWORD, tls, require_starttls=starts_tls).start() for tls in contexts]
        for mailbox in self.mailboxes:
            self.stack.callback(mailbox.stop)
        self.line = self.new_line(self.mailboxes[0].port, self.is_tls)
        scheme, off = ("smtps", "") if self.is_tls else ("smtp", "" if starts_tls else "&tls=off")
        url = f"{scheme}://{USER}:{RIGHT_PASSWORD}@{self.place_of(self.line)}?from=live@example.com{off}"
        self.settings |= {"SMTP_URL": url, "PUBLIC_URL": PUBLIC_URL, "SSL_CERT_FILE": certificates()[0]}
        self.people: list[str] = []

    def distort(self) -> None:
        refusals = {FULL: "452 4.2.2 the mailbox is full", READ_ONLY: "550 5.7.1 nothing is accepted"}
        self.mailboxes[0].refusal = refusals.get(self.how, "")
        if self.how == PASSWORD:
            self.mailboxes[0].change_password("another")
        elif self.how == ANOTHER or (self.how == CERTIFICATE and not self.is_tls):
            self.line.target = self.mailboxes[1].port
        elif self.how not in refusals:
            self.distort_line()

    def mend(self) -> None:
        self.mailboxes[0].refusal = ""
        self.mailboxes[0].change_password(RIGHT_PASSWORD)
        if self.how == CERTIFICATE:
            self.line.target = self.mailboxes[0].port
        self.line.mend()

    def use(self, server: Server) -> None:
        self.people.append(Member(server, f"member{next(members)}").email)

    def assert_recovered(self, server: Server) -> None:
        """All emails have arrived. Those that wait are tried again now."""

        def have_arrived() -> bool:
            self.database.rows("UPDATE outbox SET due_ms = 0 WHERE done_ms IS NULL")
            return all(any(mailbox.to(email) for mailbox in self.mailboxes) for email in self.people)

        wait_until(have_arrived, "all emails have arrived", every_s=0.5)


class OnSmtps(OnSmtp):
    is_tls = True


class Named(Behind):
    """A mixin for what is reached by a name. The name server is distorted instead of the line."""

    line: DistortedLine

    def set_up(self) -> None:
        self.name_server = NameServer(self.folder)
        self.stack.callback(self.name_server.close)
        self.program = written(self.folder, self.name_server.preamble + SERVE)
        super().set_up()

    def remember(self) -> None: ...

    def distort(self) -> None:
        if self.how == ANOTHER:
            self.line.distort(REFUSES)
            self.line.host = self.name_server.address = "127.0.0.9"
            self.line.mend()
        self.name_server.distort(self.how)
        self.line.cut()

    def mend(self) -> None:
        self.name_server.mend()


class NameOfPostgres(Named, OnPostgres): ...


class NameOfRedis(Named, OnRedis): ...


class NameOfSmtp(Named, OnSmtp): ...
