"""What stands behind a server, each surface of the table with its distortions."""

from __future__ import annotations

import os
import ssl
import subprocess
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet
from support.clients.members import Member
from support.databases.database import PostgresDatabase, SqliteDatabase
from support.databases.redis import OneSentinel, Redis
from support.faults.disks import slow_disk, small_disk
from support.faults.distorted_line import DELAY_S, DistortedLine, NameServer
from support.faults.failing_programs import SERVE, written
from support.faults.shared_numbers import SharedNumber
from support.programs.certificates import new_certificate
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer
from support.servers.mailbox import PUBLIC_URL, Mailbox
from support.servers.server import Server

from matrix.behind import ANOTHER, CERTIFICATE, CLOSES, FULL, GONE, PASSWORD, PROTOCOL, READ_ONLY, REFUSES, SILENT, SLOW

BANGLADESH, NAME = "103.4.145.245", "behind.koyjabo.example"
USER, RIGHT_PASSWORD = "live", "secret"
DAY_MS, YEARS_MS = 86_400_000, 84 * 365 * 86_400_000
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

    def new_line(self, target: int | Path, tls: bool = False, is_asked: bool = False) -> DistortedLine:
        """A line. With TLS, clients that trust the file `trusted` trust it."""
        line = DistortedLine(target, is_asked=is_asked)
        if tls:
            (self.folder / "wrong").mkdir(exist_ok=True)
            self.trusted, wrong = (
                new_certificate(folder, line.host) for folder in (self.folder, self.folder / "wrong")
            )
            line.tls, line.wrong_tls = context_of(self.trusted), context_of(wrong)
        return self.stack.enter_context(line)

    def distort_line(self, line: DistortedLine) -> None:
        line.distort(REFUSES if self.how == GONE else self.how)


def context_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class OnPostgres(Behind):
    """A line to PostgreSQL. It is the `distorted` of `hosts` lines."""

    hosts, distorted = 1, 0
    name_server: NameServer | None = None

    def set_up(self) -> None:
        self.database: PostgresDatabase = self.postgres.new_database()
        tls, socket = self.how == CERTIFICATE, self.postgres.folder / ".s.PGSQL.5432"
        lines = [self.new_line(socket, tls, is_asked=True) for _ in range(self.hosts)]
        for line in lines[1:]:  # one certificate for all
            line.tls = lines[0].tls = context_of(self.trusted) if tls else None
        self.line = lines[self.distorted]
        hosts = ",".join(f"{NAME if self.name_server else line.host}:{line.port}" for line in lines)
        checks = f"?sslmode=verify-full&sslrootcert={self.trusted}" if tls else ""
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
            self.distort_line(self.line)

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


class OnRedis(Behind):
    def set_up(self) -> None:
        self.redis, self.another = (self.stack.enter_context(Redis()) for _ in range(2))
        self.line = self.new_line(self.redis.port, tls=self.how == CERTIFICATE)
        self.settings["REDIS_URL"] = self.url_to(self.line, "redis")

    def url_to(self, line: DistortedLine, scheme: str) -> str:
        place = f"{NAME if getattr(self, 'name_server', None) else line.host}:{line.port}"
        if self.how == CERTIFICATE:
            return f"{scheme.replace('redis', 'rediss')}://{place}/0?ssl_ca_certs={self.trusted}"
        return f"{scheme}://{place}/0"

    def distort(self) -> None:
        commands = {
            PASSWORD: ("CONFIG SET requirepass secret",),
            FULL: ("CONFIG SET maxmemory 1",),
            READ_ONLY: ("REPLICAOF 127.0.0.1 1",),
        }
        if self.how == ANOTHER:
            self.line.target = self.another.port
        if self.how in commands or self.how == ANOTHER:
            with self.redis.client() as client:
                for command in commands.get(self.how, ()):
                    client.execute_command(*command.split())
            self.line.cut()
        else:
            self.distort_line(self.line)

    def mend(self) -> None:
        if self.how in (PASSWORD, FULL, READ_ONLY):
            self.redis.restart()
        self.line.mend()

    def assert_recovered(self, server: Server) -> None:
        wait_until(lambda: server.get("/readyz").json()["checks"]["redis"]["ok"], "Redis is used again")


class BySentinel(OnRedis):
    """The line leads to the Sentinel, and another to the master."""

    def set_up(self) -> None:
        super().set_up()
        self.master_line = self.line
        self.sentinel = self.stack.enter_context(OneSentinel(self.folder, self.master_line.port))
        trusted = getattr(self, "trusted", None)
        self.line = self.new_line(self.sentinel.port, tls=self.how == CERTIFICATE)
        if trusted:
            self.line.tls = self.master_line.tls = context_of(self.trusted)
        self.settings["REDIS_URL"] = self.url_to(self.line, "redis+sentinel").replace("/0", "/mymaster/0")

    def distort(self) -> None:
        replies = {PASSWORD: b"-WRONGPASS invalid username-password pair\r\n"}
        replies |= {FULL: b"-ERR max number of clients reached\r\n"}
        if self.how in replies:
            self.line.distort(lambda line: line.recv(8192) and line.sendall(replies[self.how] * 9))
        elif self.how in (READ_ONLY, ANOTHER):
            if self.how == READ_ONLY:
                with self.another.client() as client:
                    client.replicaof("127.0.0.1", self.redis.port)
            self.sentinel.name(self.another)
        else:
            self.distort_line(self.line)

    def mend(self) -> None:
        if self.how in (READ_ONLY, ANOTHER):
            self.sentinel.name(self.redis)
        self.line.mend()


class OnSmtp(Behind):
    """Mail servers with and without a certificate that is trusted. Every sign-up sends an email."""

    is_tls = False
    name_server: NameServer | None = None

    def set_up(self) -> None:
        self.line = self.new_line(0, tls=self.is_tls or self.how == CERTIFICATE)
        starts = self.how == CERTIFICATE and not self.is_tls
        contexts = (self.line.tls, self.line.wrong_tls) if starts else (None, None)
        self.mailboxes = [Mailbox(USER, RIGHT_PASSWORD, tls, require_starttls=starts).start() for tls in contexts]
        for mailbox in self.mailboxes:
            self.stack.callback(mailbox.stop)
        if starts:
            self.line.tls = self.line.wrong_tls = None
        self.line.target = self.mailboxes[0].port
        scheme, off = ("smtps", "") if self.is_tls else ("smtp", "" if starts else "&tls=off")
        host = NAME if self.name_server else self.line.host
        url = f"{scheme}://{USER}:{RIGHT_PASSWORD}@{host}:{self.line.port}?from=live@example.com{off}"
        trusted = {"SSL_CERT_FILE": self.trusted} if self.is_tls or starts else {}
        self.settings |= {"SMTP_URL": url, "PUBLIC_URL": PUBLIC_URL, **trusted}
        self.people: list[str] = []

    def distort(self) -> None:
        refusals = {FULL: "452 4.2.2 the mailbox is full", READ_ONLY: "550 5.7.1 nothing is accepted"}
        self.mailboxes[0].refusal = refusals.get(self.how, "")
        if self.how == PASSWORD:
            self.mailboxes[0].change_password("another")
        elif self.how == ANOTHER or (self.how == CERTIFICATE and not self.is_tls):
            self.line.target = self.mailboxes[1].port
        elif self.how not in refusals:
            self.distort_line(self.line)

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


class OnDisk(Behind):
    """A SQLite file on a small disk."""

    def set_up(self) -> None:
        self.disk = self.stack.enter_context(small_disk(self.folder / "disk", "size=8m"))
        assert self.disk, "this user may not mount a disk"
        self.path, self.kept = self.disk / "koyjabo.db", self.disk / "kept"
        self.database = SqliteDatabase.migrated(self.path)
        if self.how == SLOW:
            self.delay, preload = slow_disk(self.folder)
            self.settings |= preload

    def remember(self) -> None:
        if self.how == ANOTHER:
            self.remembered = self.database.remember()

    def distort(self) -> None:
        if self.how == SLOW:
            self.delay.set(int(DELAY_S * 1_000_000))
        elif self.how == SILENT:
            self.lock = ExitStack()
            self.lock.enter_context(self.database.locked())
        elif self.how == FULL:
            with (self.disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(4096))
        elif self.how == READ_ONLY:
            self._remount("ro")
        elif self.how == ANOTHER:
            self.database.go_back(self.remembered)
        else:
            self._move(self.disk, self.kept)
            if self.how == REFUSES:
                self.path.mkdir()
            elif self.how in (PROTOCOL, PASSWORD):
                self.path.write_bytes(b"not a database\n" * 999 if self.how == PROTOCOL else os.urandom(99_999))

    def mend(self) -> None:
        if self.how == SLOW:
            self.delay.set(0)
        elif self.how == SILENT:
            self.lock.close()
        elif self.how == FULL:
            (self.disk / "filler").unlink()
        elif self.how == READ_ONLY:
            self._remount("rw")
        elif self.how != ANOTHER:
            for path in self.disk.glob("koyjabo.db*"):
                path.rmdir() if path.is_dir() else path.unlink()
            self._move(self.kept, self.disk)

    def _move(self, source: Path, target: Path) -> None:
        target.mkdir(exist_ok=True)
        for path in source.glob("koyjabo.db*"):
            path.rename(target / path.name)

    def _remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", self.disk], check=True)


class WithCities(Behind):
    """A database of cities, which is mapped into memory."""

    def set_up(self) -> None:
        self.file = self.folder / "cities.mmdb"
        self._write(self.file, "Dhaka")
        self.settings |= {"GEOIP_DATABASE": self.file, "TRUSTED_PROXIES": 1}

    def _write(self, file: Path, city: str, kind: str = "City") -> None:
        writer = MMDBWriter(6, ipv4_compatible=True, database_type=kind)
        writer.insert_network(
            IPSet([f"{BANGLADESH}/16"]),
            {"city": city, "country_code": "BD"} if city else {"autonomous_system_number": 1},
        )
        writer.to_db_file(str(file))

    def distort(self) -> None:
        whole = self.file.read_bytes()
        if self.how == READ_ONLY:
            self.file.chmod(0o400)
            return
        self.file.unlink()
        if self.how == REFUSES:
            self.file.mkdir()
        elif self.how == CLOSES:  # a download that broke off
            self.file.write_bytes(whole[: len(whole) // 2])
        elif self.how == SILENT:
            os.mkfifo(self.file)
        elif self.how == PROTOCOL:
            self.file.write_text("<!doctype html>" * 999)
        elif self.how == CERTIFICATE:
            self._write(self.file, "", "ASN")
        elif self.how == PASSWORD:
            self.file.write_bytes(os.urandom(len(whole)))
        elif self.how == FULL:
            self.file.touch()
            os.truncate(self.file, 1 << 32)
        elif self.how == ANOTHER:
            self._write(self.file, "Khulna")

    def mend(self) -> None:
        if self.file.is_dir():
            self.file.rmdir()
        self.file.unlink(missing_ok=True)
        self._write(self.file, "Dhaka")

    def use(self, server: Server) -> None:
        """A visit from Dhaka, which the mapped file knows."""
        headers = {"X-Forwarded-For": BANGLADESH}
        body = {"visitorId": "ayesha"}
        assert server.post("/api/visitor/register", json=body, headers=headers).ok
        ((place,),) = self.database.rows("SELECT place FROM visits ORDER BY ordinal DESC LIMIT 1")
        assert place in ("Dhaka, BD", "Khulna, BD")


class MovedClock(Behind):
    program = ChangedServer.program

    def set_up(self) -> None:
        self.number = SharedNumber(self.folder / "clock")
        states = {REFUSES: [], READ_ONLY: [0, 1, 2, 3, 4, 5]}.get(self.how, [])
        changes = f'{{"koyjabo.base.core.clock.SYNCHRONISED_STATES": {states}}}'
        self.settings |= {"CLOCK": self.number.path, "CHANGES": changes}
        self._speed = 0.0

    def distort(self) -> None:
        import threading
        import time

        jumps = {PROTOCOL: -time.time_ns() // 1_000_000, FULL: YEARS_MS, READ_ONLY: -2 * DAY_MS, ANOTHER: -2 * DAY_MS}
        self.number.set(jumps.get(self.how, -DAY_MS // 24 if self.how == GONE else 0))
        self._ends = threading.Event()
        lost = {SILENT: 1.0, SLOW: 0.5}.get(self.how, 0)

        def lag() -> None:
            began = time.monotonic()
            while not self._ends.wait(0.01):
                self.number.set(round(-1000 * lost * (time.monotonic() - began)))

        if lost:
            threading.Thread(target=lag, daemon=True).start()

    def mend(self) -> None:
        self._ends.set()
        self.number.set(0)


SURFACES: dict[str, type[Behind]] = {
    "PostgreSQL": OnPostgres,
    "first of two hosts": FirstOfTwo,
    "last of two hosts": LastOfTwo,
    "Redis": OnRedis,
    "Sentinel": BySentinel,
    "SMTP": OnSmtp,
    "SMTP with TLS": OnSmtps,
    "disk": OnDisk,
    "name of PostgreSQL": NameOfPostgres,
    "name of Redis": NameOfRedis,
    "name of SMTP": NameOfSmtp,
    "geo file": WithCities,
    "clock": MovedClock,
}
