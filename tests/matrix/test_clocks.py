"""What the server does by the clock, with each oddity of the table in `clocks.py`.

The clock is the site's. Tokens of other systems are read by the machine's clock, so their times are moved instead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import jwt
import pyotp
import pytest
from support.application.site import SECRET, Site, Time
from support.databases.database import SqliteDatabase
from support.faults.shared_numbers import SharedNumber
from support.people.accounts import PASSWORD, bare, bearer, new_admin, sign_up
from support.people.admins import panel
from support.people.api_keys import PATH as KEYS, call, key
from support.people.page_readers import Reader
from support.people.share_links import share, shared
from support.people.two_step import STEP_S, log_in_with, turn_on
from support.servers.changed_server import ChangedServer
from support.servers.server import Server

from koyjabo.base.core.clock import iso
from koyjabo.base.core.link_tokens import PASSWORD_RESET
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.jobs.claims import WorkLease
from koyjabo.base.jobs.job_queries import LEASE_MS
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.clock_watch import RIGHT_CLOCK, ClockWatch
from koyjabo.people.mail import outbox_queries
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail.outbox_queries import MAX_PAUSE_MS
from koyjabo.server.process import loading
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.clock.clock_answers import ClockAnswers
from koyjabo.upkeep.retention.nightly import Nightly
from koyjabo.upkeep.retention.retention import Retention
from matrix.clocks import DISTORTIONS, PASSED_MIN, TIME, VALID_MIN
from matrix.quiet import REST_S, assert_quiet, cores
from matrix.table import Cell

RETENTION_DAYS, BACKUP_AT = 30, (3, 30)
STEP_MIN, STEPS = 15, 100  # a day and an hour, with a tick every quarter of an hour
VALID_MS = VALID_MIN * 60_000
OTHER_SECRET = "53d0c7b1e9f2486aa41fd7c06b8e35925cc4c1d0"
SETTINGS = {
    **{"AUTH_SHARED_SECRET": OTHER_SECRET, "AUTH_REQUIRED_CLAIMS": "none", "RETENTION_DAYS": str(RETENTION_DAYS)},
    **{"SMTP_URL": "smtp://127.0.0.1:9?from=a@b.example", "PUBLIC_URL": "https://live.example.com"},
}
NO_RELEASE = {"koyjabo.base.core.clock.RELEASE_MS": 0}
ODD_AFTER_S = 5
"""How soon the server at rest meets what is odd in the calendar, s."""
KEY_BODY = {"name": "Grafana", "scopes": ["reports:read"]}


class InPlace(ThreadRuntime):
    def start_task(self, main: Callable[[], None]) -> None:
        main()


class Scene:
    """A site whose clock is right, until `distort`. Surfaces are methods. They return a refusal's code, or `waits`."""

    folder: Path
    new_server: Callable[..., Server]

    def __init__(self, cell: Cell, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cell, self.distortion = cell, DISTORTIONS[cell.distortion]
        self.site, self.monkeypatch = site, monkeypatch
        self.tick()

    def distort(self) -> None:
        """Let the clock go wrong. The newest visit is from just before."""
        self.site.register("newest")
        self.began_ms, self.began_elapsed_ms = self.site.time.ms, self.site.time.elapsed_ms()
        self.distortion.apply(self.site.time)
        self.tick(restarts=self.distortion.is_at_start)

    def end(self) -> None:
        self.distortion.end(self.site.time)
        self.tick(restarts=self.distortion.is_at_start)

    def tick(self, restarts: bool = False) -> None:
        if restarts:
            self.site.restart()
        self.site.services[ClockWatch].tick(reads=True)
        self.site.services[ClockAnswers].tick()

    @property
    def passed_ms(self) -> int:
        """How much time has really passed."""
        return self.site.time.elapsed_ms() - self.began_elapsed_ms

    @property
    def known(self) -> datetime:
        """The local time that the server has to go by: in doubt, the newest visit's and what has passed since."""
        is_right = self.site.services[ClockWatch].reading.verdict == RIGHT_CLOCK
        at_ms = self.site.time.ms if is_right else self.began_ms + self.passed_ms
        return datetime.fromtimestamp(at_ms / 1000, self.site.services.clock.zone)

    def server_at_rest(self) -> None:
        """A server serves while the minutes pass. The last ones pass while it has to be quiet."""
        numbers = {name: SharedNumber(self.folder / name) for name in ("CLOCK", "ELAPSED")}
        database = SqliteDatabase.migrated(self.folder / "koyjabo.db")
        settings = {name: number.path for name, number in numbers.items()} | {"CHANGES": json.dumps(NO_RELEASE)}
        server = self.new_server(database, TIMEZONE=self.distortion.zone, STARTING_TOTAL=0, **settings)
        server.program = ChangedServer.program
        numbers["CLOCK"].set(self.site.time.ms - time.time_ns() // 1_000_000)
        server.start().register("ayesha")
        rest = 0 if self.cell.is_quick else cores(server, REST_S)
        passed_ms = PASSED_MIN * 30_000 - ODD_AFTER_S * 1000
        for number in numbers.values():
            number.set(number.get() + passed_ms)
        server.register("babul")
        if not self.cell.is_quick:
            assert_quiet(self.cell, server, rest)
        assert server.register("babul").ordinal == server.stats().total == 3

    def registering(self) -> None:
        first = self.site.register("ayesha", visitId="1")
        self.distort()
        second = self.site.register("babul", visitId="2")
        for visit, visitor, visit_id in ((first, "ayesha", "1"), (second, "babul", "2")):
            again = self.site.register(visitor, visitId=visit_id)
            assert (again.ordinal, again.duplicate) == (visit.ordinal, True)
        assert second.ordinal == first.ordinal + 2
        assert second.stats["revision"] > first.stats["revision"]

    def today(self) -> None:
        self.distort()
        visit = self.site.register("babul")
        day = self.known.date().isoformat()
        assert self.site.rows("SELECT day FROM visits ORDER BY id DESC LIMIT 1") == [(day,)]
        ((visits,),) = self.site.rows("SELECT count(*) FROM visits WHERE day = :day", day=day)
        assert (visit.today, visit.stats["todayVisits"], self.site.stats()["todayVisits"]) == (visits,) * 3

    def reports(self) -> None:
        reader = key(new_admin(self.site), "reports:read")
        self.distort()
        self.site.register("babul")
        days = call(self.site, reader, "/api/reports/timeline?range=all&granularity=day").json
        hours = call(self.site, reader, "/api/reports/breakdown?by=hour&range=all").json
        assert sum(day["visits"] for day in days) == hours["total"]["visits"] == 2
        assert days[-1]["period"] == self.known.date().isoformat()

    def night_s_work(self) -> str:
        site = self.site
        began_ms = site.time.ms
        for visitor, days in (("old", RETENTION_DAYS + 10), ("young", RETENTION_DAYS - 10)):
            site.time.ms = began_ms - timedelta(days=days) // timedelta(milliseconds=1)
            site.register(visitor)
        site.time.ms = began_ms
        self.distort()

        def kept() -> list[str]:
            retention = site.services[Retention]
            Nightly(retention._database, site.services.clock, InPlace(), retention).tick()
            return [name for (name,) in site.rows("SELECT visitor_id FROM visits ORDER BY id") if name[0] != "~"]

        if waits := kept() == ["old", "young", "newest"]:
            self.end()
        assert kept() == ["young", "newest"]
        return "waits" if waits else ""

    def emails(self) -> None:
        self.distort()
        queue = {"json": {"email": new_admin(self.site).email}}
        assert self.site.post("/api/auth/password-reset", **queue).status_code == 202
        self.end()
        self.site.time.pass_(milliseconds=MAX_PAUSE_MS)
        outbox, now_ms = self.site.services[MailOutbox], self.site.services.clock.now_ms()
        kinds = (PASSWORD_RESET,)
        assert outbox._database.read(outbox_queries.is_due, "matrix", now_ms, kinds)
        assert outbox._database.read(outbox_queries._next, now_ms, kinds)

    def backup(self) -> None:
        begun = []
        self.monkeypatch.setattr(Backups, "_run", lambda backups, renew: begun.append(backups._day()) or True)

        def tick() -> None:
            backups = self.site.services[Backups]
            backups._read()
            backups._work._runtime = InPlace()
            backups.tick()

        tick()
        self.distort()
        for _ in range(STEPS):
            tick()
            self.site.time.pass_(minutes=STEP_MIN)
            self.tick()
        tick()
        assert len(set(begun)) == len(begun), begun
        known = self.known
        newest = known.date() - timedelta(days=(known.hour, known.minute) < BACKUP_AT)
        assert begun[-1] == newest.isoformat()

    def active_visitors(self) -> None:
        self.distort()
        if self.distortion.is_at_start:
            self.site.heartbeat("newest")  # as open pages send them
        active = self.site.register("babul").stats["activeUsers"]
        assert active == (1 if self.passed_ms > 300_000 else 2)

    def leases(self) -> str:
        def lease(worker: str) -> WorkLease:
            made = WorkLease(self.site.services[Retention]._database, self.site.services.clock, "matrix")
            made.worker = worker
            return made

        assert (lease("dead").take(), lease("alive").take()) == (True, False)
        self.distort()
        if not self.distortion.stands_still:
            self.site.time.pass_(milliseconds=LEASE_MS + 1)
        if waits := not lease("alive").take():
            self.end()
            assert lease("alive").take()
        assert (lease("dead").keep(), lease("dead").take()) == (False, False)
        return "waits" if waits else ""

    def moved(self, token: str, secret: str) -> str:
        """A token from before the clock went wrong, with its times moved instead of the clock."""
        claims = jwt.decode(token, options={"verify_signature": False})
        by_s = (self.site.time.ms - self.began_ms) / 1000
        return jwt.encode(
            claims | {name: claims[name] - by_s for name in {"iat", "nbf", "exp"} & claims.keys()}, secret
        )

    def tokens(self) -> str:
        self.distort()
        issued_s = time.time()
        token = jwt.encode({"sub": "u1", "nbf": issued_s, "exp": issued_s + VALID_MIN * 60}, OTHER_SECRET)
        return code_of(bare(self.site).get("/api/communities", headers=bearer(self.moved(token, OTHER_SECRET))))

    def printed_link(self) -> None:
        new_admin(self.site)
        self.distort()
        self.monkeypatch.setattr(loading, "time", SimpleNamespace(time=lambda: self.site.time.ms / 1000))
        settings = self.site.services[Settings].model_copy(update={"environment": "development"})
        reader = Reader(self.site)
        reader.get(f"/login/link/{loading.new_login_token(settings)}", 303)
        assert reader.location == "/admin/"

    def logins(self) -> str:
        person = sign_up(self.site)
        self.distort()
        person.refresh = self.moved(person.refresh, SECRET)
        return code_of(person.renew())

    def codes(self) -> str:
        app = turn_on(sign_up(self.site))
        self.site.time.pass_(seconds=STEP_S)
        self.distort()
        code = pyotp.TOTP(app.secret).at((self.began_ms + self.passed_ms) // 1000)  # the phone's clock is right
        refusal = code_of(log_in_with(self.site, code))
        assert code_of(log_in_with(self.site, app.recovery_codes[0])) == ""
        return refusal

    def proofs(self) -> str:
        admin = panel(self.site)
        admin.send("/admin/connect/keys/new", 200, **KEY_BODY, password=PASSWORD)
        self.distort()
        client = self.site.app.test_client()  # of the server that was restarted
        client._cookies = admin.client._cookies
        return code_of(client.post(KEYS, json=KEY_BODY, headers={"X-CSRF-TOKEN": admin.csrf}))

    def links(self) -> str:
        made = share(new_admin(self.site), expires_at=iso(self.site.time.ms + VALID_MS))
        self.distort()
        return code_of(shared(self.site, made["token"]))

    def keys(self) -> str:
        made = key(new_admin(self.site), "reports:read", expires_at=iso(self.site.time.ms + VALID_MS))
        self.distort()
        return code_of(call(self.site, made, "/api/reports/summary"))


def code_of(answer) -> str:
    """The code of a refusal; "" for a success."""
    return "" if answer.status_code < 300 else answer.json["code"]


@pytest.mark.parametrize("cell", TIME.parameters())
def test_work_by_an_odd_clock_has_the_outcome_of_its_row(cell, sqlite_database, tmp_path, monkeypatch, new_server):
    distortion = DISTORTIONS[cell.distortion]
    settings = SETTINGS | {"TIMEZONE": distortion.zone, "BACKUP_DIR": str(tmp_path)}
    with Site(sqlite_database.url, Time.at(distortion.begins), **settings) as site:
        scene = Scene(cell, site, monkeypatch)
        scene.folder, scene.new_server = tmp_path, new_server
        outcome = getattr(scene, cell.method)()
        assert (outcome or "") == {"refused": cell.says, "waits": "waits"}.get(cell.outcome, "")
        assert site.recount() == []
        assert site.stats()["totalVisits"] == site.rows("SELECT count(*) FROM visits")[0][0]
