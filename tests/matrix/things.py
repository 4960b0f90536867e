"""The rows of the table *versions*: things that a server of one version makes, and of another version uses.

The first step of each makes and uses it, and later steps use it with the scenario's server of then.
"""

import re
from functools import partial
from itertools import count

from support.clients.event_source import StreamListener
from support.clients.listener import PlainListener, SocketioListener
from support.clients.members import Member, PlainMember, promote
from support.programs.processes import wait_until

from matrix.builds import SCRIPTS, build, bundle
from matrix.versions import PAGES

START = 4000

FOLLOW = """
    koyjabo.subscribe((stats) => { document.querySelector("main").textContent = stats?.totalVisits ?? ""; });
    koyjabo.start();"""
PACKAGE = """
    import { KoyJabo } from "koyjabo";
    const koyjabo = new KoyJabo({ baseUrl: new URL(import.meta.url).origin });"""
PAGE_SCRIPTS = {
    "module": 'import { KoyJabo } from "./koyjabo.js"; const koyjabo = new KoyJabo();' + FOLLOW,
    "element": 'import "./koyjabo-count.js";',
    "classic": 'import "./koyjabo-count.js";',
    "npm client": PACKAGE + FOLLOW,
    "npm react": PACKAGE
    + """
    import { createRoot } from "react-dom/client";
    import { useKoyJabo } from "@koyjabo/react";
    const Total = () => useKoyJabo(koyjabo).stats?.totalVisits.toLocaleString("en") ?? "";
    createRoot(document.querySelector("main")).render(<Total />);
    koyjabo.start();""",
}
"""The script of a page that shows the total, for each row of client files. All but the first two are bundled."""

ELSEWHERE = "http://elsewhere.localhost/"
PAGE = """<!doctype html><koyjabo-count></koyjabo-count><main></main>
<script type="{}" src="http://localhost:{}/static/js/page.js"></script>"""


def receipt(scenario):
    first = scenario.server.register("ayesha", "1")
    while True:
        before, again = scenario.server.stats().total, scenario.server.register("ayesha", "1")
        assert (again.ordinal, again.duplicate, again.stats.total) == (first.ordinal, True, before)
        assert scenario.server.register("karim").ordinal == before + 1
        yield


def login(scenario):
    member = Member(scenario.server)
    while True:
        member.server = scenario.server
        assert member.call("GET", "/api/auth/me")["id"] == member.id
        member.log_in()
        yield


def api_key(scenario):
    promote(scenario.server, admin := Member(scenario.server))
    key = admin.call("POST", "/api/keys", {"name": "Grafana", "scopes": ["visits:write"]}, 201)["key"]
    for number in count():
        body = {"visits": [{"visitorId": "by-key", "visitId": str(number)}]}
        before = scenario.server.stats().total
        answer = scenario.server.post("/api/visits", json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.json()["results"] == [{"ordinal": before + 1, "duplicate": False}], answer.text
        yield


def share_link(scenario):
    scenario.server.register("shared")
    promote(scenario.server, admin := Member(scenario.server))
    token = admin.call("POST", "/api/shares", {"name": "Traffic"}, 201)["token"]
    while True:
        answer = scenario.server.get(f"/api/shares/{token}/reports/summary")
        assert answer.json()["visits"] == scenario.server.stats().total - START, answer.text
        yield


def community(scenario):
    member = Member(scenario.server)
    community = member.found()
    while True:
        member.server = scenario.server
        member.visit("rahim", community)
        with PlainMember(scenario.server.port, community, member.token) as socket:
            socket.wait_for_count(1)
        yield


def setting(scenario):
    scenario.command("settings", "set", "SITE_NAME", "Buses of Dhaka")
    while True:
        wait_until(lambda: "Buses of Dhaka" in scenario.server.get("/").text, "the home page has the name")
        yield


def backup(scenario):
    total, file = scenario.server.register("ayesha", "1").stats.total, str(scenario.folder / "backup")
    scenario.command("backup", file)
    while True:
        yield
        scenario.server.register("lost")
        scenario.command("restore", "--force", file)
        wait_until(lambda: scenario.server.stats().total == total, "it has the total of the backup")
        assert scenario.server.register("ayesha", "1").duplicate


def listener(kind, scenario):
    while True:
        with kind(scenario.server.port) as client:
            assert client.first().total == scenario.server.stats().total
            client.wait_for_total(scenario.server.register("karim").stats.total)
            yield


def page(row, scenario):
    """A page of another site, with client files of the scenario's build. It counts, and follows the server."""
    before, files = scenario.server.stats().total, build(scenario.files)
    script = PAGE_SCRIPTS[row] if row in ("module", "element") else bundle(files, PAGE_SCRIPTS[row], row == "classic")
    html = PAGE.format("text/javascript" if row == "classic" else "module", scenario.server.port)

    def send(route):
        name = route.request.url.rpartition("/static/js/")[2]
        text = script if name == "page.js" else (files / SCRIPTS / name).read_text()
        route.fulfill(content_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"}, body=text)

    def shows(total):
        tab.wait_for_timeout(20)
        return re.sub(r"\D", "", tab.locator("[part=number], main").first.inner_text()) == str(total)

    # Without the permission, Chromium lets no page that comes from the test reach a server on this machine.
    options = {"service_workers": "block", "permissions": ["local-network-access"]}
    with scenario.fixture("browser").new_context(**options) as context:
        context.route("**/static/js/**", send)
        context.route(ELSEWHERE, lambda route: route.fulfill(content_type="text/html", body=html))
        tab, exceptions = context.new_page(), []
        tab.on("pageerror", lambda error: exceptions.append(error))
        tab.goto(ELSEWHERE)
        wait_until(partial(shows, before + 1), "the visit is counted")
        while True:
            wait_until(partial(shows, scenario.server.stats().total), "the total is shown")
            wait_until(partial(shows, scenario.server.register("karim").stats.total), "the new total is shown")
            assert exceptions == []
            yield


THINGS = {"receipt": receipt, "login": login, "API key": api_key, "share link": share_link, "community": community}
THINGS |= {"setting": setting, "backup": backup, "stream": partial(listener, StreamListener)}
THINGS |= {"plain socket": partial(listener, PlainListener), "Socket.IO": partial(listener, SocketioListener)}
THINGS |= {row: partial(page, row) for row in PAGES}
