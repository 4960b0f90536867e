"""What one build has made is used with another: each has the outcome of its row (`versions.py`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from support.clients.event_source import EventSource
from support.clients.listener import PlainListener, SocketioListener
from support.clients.members import Member, PlainMember
from support.databases.database import EMPTY, Database, SqliteDatabase
from support.programs import chromium as browsers
from support.programs.ports import free_port
from support.programs.processes import wait_until
from support.servers.server import START_S, Server

from matrix.builds import NOW, Build, BuiltServer, build
from matrix.versions import BUILDS, PAGES, VERSIONS

START = 4000
ADMIN = {"email": "rani@example.com", "password": "rickshaw at dawn"}
SETTINGS = {"STARTING_TOTAL": START, "ADMIN_EMAIL": ADMIN["email"], "ADMIN_PASSWORD": ADMIN["password"]}
REFUSED_START = 2
NUMBER = "[part=number], main, body:not(:has(main, koyjabo-count))"


@dataclass
class World:
    """One database, and the servers of a scenario on it, one after another on one port."""

    builds: dict[str, Build]
    database: Database
    folder: Path
    browser: Any
    new_database: Callable[[], Database]
    other_site: str
    port: int = field(default_factory=free_port)
    server: Server = None  # type: ignore[assignment] - set by `serve`
    files: str = NOW.name
    """The build whose client files pages load."""

    refusal: str = ""
    """What the last version said that did not start."""

    def make_server(self, version: str, port: int) -> Server:
        folder = self.folder / f"{version}-{port}-{free_port()}"
        folder.mkdir()
        settings = {**SETTINGS, "PORT": port}
        if version == NOW.name:
            return Server(self.database, folder, **settings)
        return BuiltServer(self.builds[version], self.database, folder, **settings)

    def serve(self, version: str) -> bool:
        """Replace the server. Returns whether this version starts."""
        self.stop()
        self.server = self.make_server(version, self.port)
        return self.starts(self.server)

    def starts(self, server: Server) -> bool:
        server.launch()
        wait_until(lambda: not server.running or server._serving(), "it serves or ends", START_S)
        if not server.running:
            assert server.wait().status == REFUSED_START
            self.refusal = server.log
            return False
        server.wait_until_serving()
        return True

    def stop(self) -> None:
        if self.server and self.server.running:
            assert self.server.stop().status == 0, self.server.log


Use = Callable[[World], None]


def receipt(world: World) -> Use:
    first = world.server.register("ayesha", "1")

    def use(world: World) -> None:
        before, again = world.server.stats().total, world.server.register("ayesha", "1")
        assert (again.ordinal, again.duplicate, again.stats.total) == (first.ordinal, True, before)
        assert world.server.register("karim").ordinal == before + 1

    return use


def login(world: World) -> Use:
    member = Member(world.server)

    def use(world: World) -> None:
        member.server = world.server
        assert member.call("GET", "/api/auth/me")["id"] == member.id
        member.log_in()

    return use


def admin_token(world: World) -> dict[str, str]:
    answer = world.server.post("/api/auth/login", json=ADMIN)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def api_key(world: World) -> Use:
    body = {"name": "Grafana", "scopes": ["visits:write"]}
    made = world.server.post("/api/keys", json=body, headers=admin_token(world))
    assert made.status_code == 201, made.text
    sent = iter(range(100))

    def use(world: World) -> None:
        visits = {"visits": [{"visitorId": "by-key", "visitId": str(next(sent))}]}
        before = world.server.stats().total
        answer = world.server.post(
            "/api/visits", json=visits, headers={"Authorization": f"Bearer {made.json()['key']}"}
        )
        assert answer.json()["results"] == [{"ordinal": before + 1, "duplicate": False}], answer.text

    return use


def share_link(world: World) -> Use:
    world.server.register("shared")
    made = world.server.post("/api/shares", json={"name": "Traffic"}, headers=admin_token(world))
    assert made.status_code == 201, made.text

    def use(world: World) -> None:
        answer = world.server.get(f"/api/shares/{made.json()['token']}/reports/summary")
        assert answer.json()["visits"] == world.server.stats().total - START, answer.text

    return use


def community(world: World) -> Use:
    member = Member(world.server)
    community = member.found()

    def use(world: World) -> None:
        member.server = world.server
        member.visit("rahim", community)
        with PlainMember(world.server.port, community, member.token) as socket:
            socket.wait_for_count(1)

    use(world)
    return use


def setting(world: World) -> Use:
    done = world.server.koyjabo("settings", "set", "SITE_NAME", "Buses of Dhaka")
    assert done.returncode == 0, done.stdout + done.stderr

    def use(world: World) -> None:
        wait_until(lambda: "Buses of Dhaka" in world.server.get("/").text, "the home page has the name")

    return use


def backup(world: World) -> Use:
    total, file = world.server.register("ayesha", "1").stats.total, world.folder / "backup"
    done = world.server.koyjabo("backup", str(file))
    assert done.returncode == 0, done.stdout + done.stderr

    def use(world: World) -> None:
        world.server.register("lost")
        done = world.server.koyjabo("restore", "--force", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
        wait_until(lambda: world.server.stats().total == total, "it has the total of the backup")
        assert world.server.register("ayesha", "1").duplicate

    return use


def listener(kind: Any, world: World) -> Use:
    earlier = kind(world.server.port)
    earlier.first()

    def use(world: World) -> None:
        earlier.close()
        with kind(world.server.port) as client:
            assert client.first().total == world.server.stats().total
            client.wait_for_total(world.server.register("somebody").stats.total)

    use(world)
    return use


def stream(world: World) -> Use:
    def use(world: World) -> None:
        with EventSource(world.server.port) as source:
            assert source.event()["stats"]["totalVisits"] == world.server.stats().total
            total = world.server.register("somebody").stats.total
            assert source.event()["stats"]["totalVisits"] == total

    use(world)
    return use


def page(kind: str, world: World) -> Use:
    """A page of another site, with the client files of `world.files`. It counts, and follows the server."""
    build = world.builds[world.files]
    context = world.browser.new_context(service_workers="block")
    tab, failures = context.new_page(), []
    tab.on("pageerror", lambda error: failures.append(str(error)))
    base = f"http://localhost:{world.port}"
    context.route("**/static/js/**", partial(send_file, build, world.folder, kind))
    before = world.server.stats().total
    tab.goto(world.other_site)
    if kind in ("client", "react"):
        tab.add_script_tag(content=build.bundle(kind, world.folder / f"{kind}.js"), type="module")
        tab.wait_for_function("!!globalThis.begin")
        tab.evaluate("(url) => begin(url)", base)
    else:
        file = {"module": "koyjabo.js", "element": "koyjabo-count.js", "classic": "koyjabo-count.all.js"}[kind]
        tab.evaluate(OPEN[kind], f"{base}/static/js/{file}")

    def shows(total: int) -> None:
        text = tab.locator(NUMBER).first
        wait_until(lambda: tab.wait_for_timeout(20) or re.sub(r"\D", "", text.inner_text()) == str(total), f"{total}")

    shows(before + 1)

    def use(world: World) -> None:
        shows(world.server.stats().total)
        shows(world.server.register("somebody").stats.total)
        assert failures == []

    use(world)
    return use


OPEN = {
    "module": """async (url) => {
      const { KoyJabo } = await import(url), koyjabo = new KoyJabo();
      koyjabo.subscribe((stats) => { document.body.textContent = stats?.totalVisits ?? ""; });
      koyjabo.start();
    }""",
    "element": """(url) => {
      document.body.append(document.createElement("koyjabo-count"));
      document.body.append(Object.assign(document.createElement("script"), { type: "module", src: url }));
    }""",
    "classic": """(url) => {
      document.body.append(document.createElement("koyjabo-count"));
      document.body.append(Object.assign(document.createElement("script"), { src: url }));
    }""",
}


def send_file(build: Build, folder: Path, kind: str, route: Any) -> None:
    name = route.request.url.rpartition("/static/js/")[2]
    body = build.bundle(kind, folder / "classic.js") if kind == "classic" else (build.scripts / name).read_text()
    route.fulfill(content_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"}, body=body)


MAKERS: dict[str, Callable[[World], Use]] = {
    "receipt": receipt,
    "login": login,
    "API key": api_key,
    "share link": share_link,
    "community": community,
    "setting": setting,
    "backup": backup,
    "plain socket": partial(listener, PlainListener),
    "Socket.IO": partial(listener, SocketioListener),
    "stream": stream,
    "module": partial(page, "module"),
    "element": partial(page, "element"),
    "classic": partial(page, "classic"),
    "npm client": partial(page, "client"),
    "npm react": partial(page, "react"),
}


class Scenario:
    """The rows of a distortion that share a database and its servers. `errors` has what each row ended with."""

    def __init__(self, world: World, how: str, version: str, rows: list[str]) -> None:
        self.world, self.version, self.rows = world, version, rows
        self.errors: dict[str, BaseException] = {}
        self._uses: dict[str, Use] = {}
        self._is_page, self._is_backup = rows[0] in PAGES, rows == ["backup"]
        world.files = NOW.name if how == "now to" else version
        getattr(self, how.replace(" ", "_"))()
        totals = [(world.server.stats().total - START,)]
        assert totals == world.database.rows("SELECT count(*) FROM visits")
        verified = world.server.koyjabo("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        world.stop()

    def to_now(self) -> None:
        self.world.serve(NOW.name if self._is_page else self.version)
        self.make()
        if not self._is_page:
            self.world.serve(NOW.name)
        self.use()

    def now_to(self) -> None:
        self.world.serve(self.version if self._is_page else NOW.name)
        self.make()
        if self._is_backup:
            self.world.stop()
            self.world.database = self.world.new_database()
        if not self._is_page and not self.world.serve(self.version):
            self.world.serve(NOW.name)
        self.use()

    def tabs_open_from(self) -> None:
        self.world.serve(self.version)
        self.make()
        self.world.serve(NOW.name)
        self.use()

    def beside(self) -> None:
        is_older = self.version != BUILDS[0]
        self.world.serve(NOW.name if is_older else self.version)
        other = self.world.make_server(self.version if is_older else NOW.name, free_port())
        self.make() if is_older or not self._is_page else None
        if self.world.starts(other):
            beside = replace(self.world, server=other, port=other.port)
            self.make(beside) if self._is_page else self.use(beside)
        self.use()
        if other.running:
            other.stop()

    def back_to(self) -> None:
        self.world.serve(self.version)
        self.make()
        self.world.serve(NOW.name)
        if not (self._is_backup and self.version != BUILDS[0]):
            self.use()
        if not self.world.serve(self.version):
            if self._is_backup:
                self.world.database = self.world.new_database()
                self.world.server = self.world.make_server(self.version, self.world.port)
                done = self.world.server.koyjabo("restore", "--force", str(self.world.folder / "backup"))
                assert done.returncode == 0, done.stdout + done.stderr
            self.world.serve(self.version if self._is_backup else NOW.name)
        self.use()

    def make(self, world: World | None = None) -> None:
        for row in self.rows:
            self._try(row, lambda row=row: self._uses.update({row: MAKERS[row](world or self.world)}))

    def use(self, world: World | None = None) -> None:
        for row, use in self._uses.items():
            self._try(row, lambda use=use: use(world or self.world))

    def _try(self, row: str, step: Callable[[], object]) -> None:
        try:
            step()
        except (Exception, pytest.fail.Exception) as error:
            self.errors.setdefault(row, error)


class Builds(dict[str, Build]):
    """Builds by name, made when they are needed."""

    def __init__(self, folder: Path) -> None:
        super().__init__({NOW.name: NOW})
        self._folder = folder

    def __missing__(self, name: str) -> Build:
        self[name] = build(name, self._folder / name)
        return self[name]


@pytest.fixture(scope="module")
def scenario_of(request, tmp_path_factory):
    """The scenario of a cell, run once for all cells that it can have."""
    builds = Builds(tmp_path_factory.mktemp("builds"))
    items = [item for item in request.session.items if item.path == request.path]
    cells = [item.callspec.params["cell"] for item in items]
    ran: dict[tuple[str, ...], Scenario | BaseException] = {}
    with ExitStack() as stack:
        open_browser = cache(lambda: stack.enter_context(browsers.browser()))
        pages = tmp_path_factory.mktemp("pages")
        (pages / "index.html").write_text("<!doctype html><title>Elsewhere</title><body></body>")
        handler = partial(SimpleHTTPRequestHandler, directory=str(pages))
        host = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        Thread(target=host.serve_forever, daemon=True).start()
        other_site = f"http://127.0.0.1:{host.server_port}/"

        def new_database(place: str, folder: Path) -> Database:
            if place == "SQLite":
                return SqliteDatabase(folder / f"{free_port()}.db")
            return request.getfixturevalue("postgres").new_database(EMPTY)

        def kind_of(cell) -> str:
            return "page" if cell.surface in PAGES else "backup" if cell.surface == "backup" else ""

        def run(cell) -> Scenario:
            key = (cell.distortion, cell.place, kind_of(cell))
            if key not in ran:
                rows = [other.surface for other in cells if (other.distortion, other.place, kind_of(other)) == key]
                folder = tmp_path_factory.mktemp("world")
                version = next(name for name in BUILDS if name in cell.distortion)
                how = re.sub(rf" ?{version} ?", "", cell.distortion)
                browser = open_browser() if key[2] == "page" else None
                new = partial(new_database, cell.place, folder)
                world = World(builds, new(), folder, browser, new, other_site)
                try:
                    ran[key] = Scenario(world, how, version, rows)
                except Exception as error:
                    ran[key] = error
                finally:
                    if world.server:
                        world.server.kill()
            if isinstance(ran[key], BaseException):
                raise ran[key]
            return ran[key]

        yield run


@pytest.mark.parametrize("cell", VERSIONS.parameters())
def test_a_thing_of_one_version_has_the_outcome_of_its_row_with_another(cell, scenario_of):
    scenario = scenario_of(cell)
    error = scenario.errors.get(cell.surface)
    if cell.outcome == "refused":
        assert cell.says in f"{scenario.world.refusal} {error}"
        if cell.says not in str(error) and error:
            raise error
    elif error:
        raise error
    else:
        assert cell.surface == "backup" or not scenario.world.refusal
