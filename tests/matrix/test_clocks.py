"""What the server does by the clock, with each oddity of the table in `clocks.py`.

The clock is the site's. Tokens of other systems are read by the machine's clock, so their times are moved instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import jwt
import pyotp
import pytest
from support.application.site import SECRET, Site, Time
from support.people.accounts import PASSWORD, bare, bearer, new_admin, sign_up
from support.people.admins import panel
from support.people.api_keys import PATH as KEYS, call, key
from support.people.page_readers import Reader
from support.people.share_links import share, shared
from support.people.two_step import STEP_S, log_in_with, turn_on

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
from matrix.clocks import DISTORTIONS, TIME, VALID_MIN, Distortion

RETENTION_DAYS, BACKUP_AT = 30, (3, 30)
STEP_MIN, STEPS = 15, 100  # a day and an hour, with a tick every quarter of an hour
VALID_MS = VALID_MIN * 60_000
OTHER_SECRET = "53d0c7b1e9f2486aa41fd7c06b8e35925cc4c1d0"
SETTINGS = {
    **{"AUTH_SHARED_SECRET": OTHER_SECRET, "AUTH_REQUIRED_CLAIMS": "none", "RETENTION_DAYS": str(RETENTION_DAYS)},
    **{"SMTP_URL": "smtp://127.0.0.1:9?from=a@b.example", "PUBLIC_URL": "https://live.example.com"},
}
KEY_BODY = {"name": "Grafana", "scopes": ["reports:read"]}


class InPlace(ThreadRuntime):
    def start_task(self, main: Callable[[], None]) -> None:
        main()


class Scene:
    """A site whose clock is right, until `distort`."""

    def __init__(self, distortion: Distortion, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.distortion, self.site, self.monkeypatch = distortion, site, monkeypatch
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


def code_of(answer) -> str:
    """The code of a refusal; "" for a success."""
    return "" if answer.status_code < 300 else answer.json["code"]


def registering(scene: Scene) -> None:
    first = scene.site.register("ayesha", visitId="1")
    scene.distort()
    second = scene.site.register("babul", visitId="2")
    for visit, visitor, visit_id in ((first, "ayesha", "1"), (second, "babul", "2")):
        again = scene.site.register(visitor, visitId=visit_id)
        assert (again.ordinal, again.duplicate) == (visit.ordinal, True)
    assert second.ordinal == first.ordinal + 2
    assert second.stats["revision"] > first.stats["revision"]


def today(scene: Scene) -> None:
    scene.distort()
    visit = scene.site.register("babul")
    day = scene.known.date().isoformat()
    assert scene.site.rows("SELECT day FROM visits ORDER BY id DESC LIMIT 1") == [(day,)]
    ((visits,),) = scene.site.rows("SELECT count(*) FROM visits WHERE day = :day", day=day)
    assert (visit.today, visit.stats["todayVisits"], scene.site.stats()["todayVisits"]) == (visits,) * 3


def reports(scene: Scene) -> None:
    reader = key(new_admin(scene.site), "reports:read")
    scene.distort()
    scene.site.register("babul")
    days = call(scene.site, reader, "/api/reports/timeline?range=all&granularity=day").json
    hours = call(scene.site, reader, "/api/reports/breakdown?by=hour&range=all").json
    assert sum(day["visits"] for day in days) == hours["total"]["visits"] == 2
    assert days[-1]["period"] == scene.known.date().isoformat()


def nights_work(scene: Scene) -> str:
    site = scene.site
    began_ms = site.time.ms
    for visitor, days in (("old", RETENTION_DAYS + 10), ("young", RETENTION_DAYS - 10)):
        site.time.ms = began_ms - timedelta(days=days) // timedelta(milliseconds=1)
        site.register(visitor)
    site.time.ms = began_ms
    scene.distort()

    def kept() -> list[str]:
        retention = site.services[Retention]
        Nightly(retention._database, site.services.clock, InPlace(), retention).tick()
        return [name for (name,) in site.rows("SELECT visitor_id FROM visits ORDER BY id") if name[0] != "~"]

    if waits := kept() == ["old", "young", "newest"]:
        scene.end()
    assert kept() == ["young", "newest"]
    return "waits" if waits else ""


def emails(scene: Scene) -> None:
    scene.distort()
    queue = {"json": {"email": new_admin(scene.site).email}}
    assert scene.site.post("/api/auth/password-reset", **queue).status_code == 202
    scene.end()
    scene.site.time.pass_(milliseconds=MAX_PAUSE_MS)
    outbox, now_ms = scene.site.services[MailOutbox], scene.site.services.clock.now_ms()
    kinds = (PASSWORD_RESET,)
    assert outbox._database.read(outbox_queries.is_due, "matrix", now_ms, kinds)
    assert outbox._database.read(outbox_queries._next, now_ms, kinds)


def backup(scene: Scene) -> None:
    begun = []
    scene.monkeypatch.setattr(Backups, "_run", lambda backups, renew: begun.append(backups._day()) or True)

    def tick() -> None:
        backups = scene.site.services[Backups]
        backups._read()
        backups._work._runtime = InPlace()
        backups.tick()

    tick()
    scene.distort()
    for _ in range(STEPS):
        tick()
        scene.site.time.pass_(minutes=STEP_MIN)
        scene.tick()
    tick()
    assert len(set(begun)) == len(begun), begun
    known = scene.known
    newest = known.date() - timedelta(days=(known.hour, known.minute) < BACKUP_AT)
    assert begun[-1] == newest.isoformat()


def active_visitors(scene: Scene) -> None:
    scene.distort()
    if scene.distortion.is_at_start:
        scene.site.heartbeat("newest")  # as open pages send them
    active = scene.site.register("babul").stats["activeUsers"]
    assert active == (1 if scene.passed_ms > 300_000 else 2)


def leases(scene: Scene) -> str:
    def lease(worker: str) -> WorkLease:
        made = WorkLease(scene.site.services[Retention]._database, scene.site.services.clock, "matrix")
        made.worker = worker
        return made

    assert (lease("dead").take(), lease("alive").take()) == (True, False)
    scene.distort()
    if not scene.distortion.stands_still:
        scene.site.time.pass_(milliseconds=LEASE_MS + 1)
    if waits := not lease("alive").take():
        scene.end()
        assert lease("alive").take()
    assert (lease("dead").keep(), lease("dead").take()) == (False, False)
    return "waits" if waits else ""


def moved(scene: Scene, token: str, secret: str) -> str:
    """A token from before the clock went wrong, with its times moved instead of the clock."""
    claims = jwt.decode(token, options={"verify_signature": False})
    by_s = (scene.site.time.ms - scene.began_ms) / 1000
    return jwt.encode(claims | {name: claims[name] - by_s for name in {"iat", "nbf", "exp"} & claims.keys()}, secret)


def tokens(scene: Scene) -> str:
    scene.distort()
    issued_s = time.time()
    token = jwt.encode({"sub": "u1", "nbf": issued_s, "exp": issued_s + VALID_MIN * 60}, OTHER_SECRET)
    return code_of(bare(scene.site).get("/api/communities", headers=bearer(moved(scene, token, OTHER_SECRET))))


def printed_link(scene: Scene) -> None:
    new_admin(scene.site)
    scene.distort()
    scene.monkeypatch.setattr(loading, "time", SimpleNamespace(time=lambda: scene.site.time.ms / 1000))
    settings = scene.site.services[Settings].model_copy(update={"environment": "development"})
    reader = Reader(scene.site)
    reader.get(f"/login/link/{loading.new_login_token(settings)}", 303)
    assert reader.location == "/admin/"


def logins(scene: Scene) -> str:
    person = sign_up(scene.site)
    scene.distort()
    person.refresh = moved(scene, person.refresh, SECRET)
    return code_of(person.renew())


def codes(scene: Scene) -> str:
    app = turn_on(sign_up(scene.site))
    scene.site.time.pass_(seconds=STEP_S)
    scene.distort()
    code = pyotp.TOTP(app.secret).at((scene.began_ms + scene.passed_ms) // 1000)  # the phone's clock is right
    refusal = code_of(log_in_with(scene.site, code))
    assert code_of(log_in_with(scene.site, app.recovery_codes[0])) == ""
    return refusal


def proofs(scene: Scene) -> str:
    admin = panel(scene.site)
    admin.send("/admin/connect/keys/new", 200, **KEY_BODY, password=PASSWORD)
    scene.distort()
    client = scene.site.app.test_client()  # of the server that was restarted
    client._cookies = admin.client._cookies
    return code_of(client.post(KEYS, json=KEY_BODY, headers={"X-CSRF-TOKEN": admin.csrf}))


def links(scene: Scene) -> str:
    made = share(new_admin(scene.site), expires_at=iso(scene.site.time.ms + VALID_MS))
    scene.distort()
    return code_of(shared(scene.site, made["token"]))


def keys(scene: Scene) -> str:
    made = key(new_admin(scene.site), "reports:read", expires_at=iso(scene.site.time.ms + VALID_MS))
    scene.distort()
    return code_of(call(scene.site, made, "/api/reports/summary"))


BY_TIME = (registering, today, reports, nights_work, emails, backup, active_visitors, leases)
BY_VALIDITY = (tokens, printed_link, logins, codes, proofs, links, keys)
SURFACES = dict(zip(TIME.surfaces, (*BY_TIME, *BY_VALIDITY), strict=True))
"""By surface, in the order of the table. They return the code of a refusal, or `waits`."""


@pytest.mark.parametrize("cell", TIME.parameters())
def test_work_by_an_odd_clock_has_the_outcome_of_its_row(cell, sqlite_database, tmp_path, monkeypatch):
    distortion = DISTORTIONS[cell.distortion]
    settings = SETTINGS | {"TIMEZONE": distortion.zone, "BACKUP_DIR": str(tmp_path)}
    with Site(sqlite_database.url, Time.at(distortion.begins), **settings) as site:
        outcome = SURFACES[cell.surface](Scene(distortion, site, monkeypatch))
        assert (outcome or "") == {"refused": cell.says, "waits": "waits"}.get(cell.outcome, "")
        assert site.recount() == []
        assert site.stats()["totalVisits"] == site.rows("SELECT count(*) FROM visits")[0][0]
