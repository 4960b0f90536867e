"""Getting started: when each step is done, and what admins say about steps counts for the site."""

from __future__ import annotations

import re

import pytest
from support.application.site import Site
from support.people.accounts import sign_up
from support.people.admins import id_of, last_line, panel
from support.people.page_readers import Reader, words
from support.programs.processes import wait_until

STEP = re.compile(r'id="step-(\w+)" data-state="(\w+)"')
STEPS = ("site", "page", "mail", "second_factor", "person", "backups")
PAGE = "/admin/getting-started"
PROVEN = """
INSERT INTO backups
(name, begun_by, worker, begun_ms, seen_ms, ended_ms, state, step, done, goal, total, restored_total, proven_ms)
VALUES ('b', '', '', 1, 1, 1, 'proven', 'prove', 1, 1, 5, 5, 1765860000000)
"""


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


def states(reader: Reader, path: str = PAGE) -> dict[str, str]:
    return dict(STEP.findall(reader.get(path)))


def say(reader: Reader, step: str, state: str, status: int = 303) -> str:
    return reader.send(f"{PAGE}/{step}", status, state=state)


def visit(site: Site, **headers: str) -> None:
    assert site.post(json={"visitorId": "ayesha"}, headers=headers).status_code == 200


def is_seen(site: Site) -> bool:
    return bool(site.rows("SELECT host FROM starting_steps WHERE step = 'page'"))


def do_everything_but_mail(site: Site, admin: Reader) -> None:
    say(admin, "site", "done")
    visit(site, Origin="https://Shop.example:8443")
    wait_until(lambda: is_seen(site), "the host is stored")
    site.rows("UPDATE users SET second_factor_ms = 1")
    sign_up(site, "nila")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'nila@example.com'")
    site.rows(PROVEN)


def test_each_step_is_done_when_it_is_and_then_it_can_be_closed(site):
    admin = panel(site)
    assert states(admin, "/admin/") == dict.fromkeys(STEPS, "open")
    do_everything_but_mail(site, admin)
    assert states(admin) == {**dict.fromkeys(STEPS, "done"), "mail": "open"}
    assert "Seen on shop.example:8443" in words(admin.get("/admin/"))
    say(admin, "mail", "skipped")
    overview = words(admin.get("/admin/"))
    assert "All set" in overview
    assert "Seen on" not in overview
    say(admin, "all", "done")
    assert "step-all" not in admin.get("/admin/")
    assert states(admin) == {**dict.fromkeys(STEPS, "done"), "mail": "skipped"}
    assert last_line(site)[:2] == ("Rani", "setup.step")
    say(admin, "all", "open")
    assert "step-all" in admin.get("/admin/")


def test_mail_is_done_with_a_mail_server(database):
    with Site(
        database.url, SMTP_URL="smtp://127.0.0.1:9?from=a@example.com&tls=off", PUBLIC_URL="https://a.example"
    ) as site:
        assert states(panel(site))["mail"] == "done"


def test_disabled_account_is_no_second_person(site):
    admin = panel(site)
    sign_up(site, "nila")
    assert states(admin)["person"] == "open"
    site.rows("UPDATE users SET is_admin = true, disabled_ms = 1 WHERE email = 'nila@example.com'")
    assert states(admin)["person"] == "open"


def test_skip_counts_for_all_admins_until_it_is_taken_back(site):
    first, second = panel(site), panel(site, "nila")
    say(first, "mail", "skipped")
    assert states(second)["mail"] == "skipped"
    site.restart()
    assert states(Reader(site).log_in("nila"))["mail"] == "skipped"
    say(Reader(site).log_in("nila"), "mail", "open")
    assert states(Reader(site).log_in("rani"))["mail"] == "open"


def test_visit_from_another_host_ends_the_skip_of_its_step(site):
    admin = panel(site)
    say(admin, "page", "skipped")
    visit(site, Origin="https://shop.example")
    wait_until(lambda: states(admin)["page"] == "done", "it is done")
    say(admin, "page", "open")
    assert states(admin)["page"] == "done"


def test_only_pages_of_other_hosts_are_seen(database):
    with Site(database.url, PUBLIC_URL="https://live.example") as site:
        visit(site)  # a program
        visit(site, Origin="null")  # a file
        visit(site, Origin="http://localhost")  # this host, as the request names it
        visit(site, Origin="https://live.example")
        visit(site, Origin="https://behind.example", **{"Sec-Fetch-Site": "same-origin"})
        visit(site, Origin=f"https://{'a' * 300}.example")
        site.client.get("/v.gif", headers={"Referer": "https://live.example/"})
        assert not is_seen(site)
        site.client.get("/v.gif", headers={"Referer": "http://localhost:3000/a?b"})
        wait_until(lambda: is_seen(site), "the host is stored")
        assert site.rows("SELECT host FROM starting_steps") == [("localhost:3000",)]


def test_page_is_noticed_again_when_the_database_may_have_forgotten_it(site):
    for host in ("shop.example", "cafe.example"):
        visit(site, Origin=f"https://{host}")
        wait_until(lambda: is_seen(site), "the host is stored")
        assert site.rows("SELECT host FROM starting_steps") == [(host,)]
        site.rows("DELETE FROM starting_steps")
        site.set_total(0, new_epoch=True)
        assert site.stats()["totalVisits"] == 0  # the worker has read the new epoch


def test_site_in_use_is_not_urged(site):
    admin = panel(site)
    for _ in range(3):
        visit(site)
        assert 'id="step-all" data-host' in admin.get("/admin/")
        assert states(admin)["site"] == "open"
        site.time.pass_(days=1)
    page = Reader(site).log_in("rani").get("/admin/")
    card = re.search(r'<details [^>]*id="step-all"[^>]*>', page)[0]
    assert " open" not in card
    assert dict(STEP.findall(page))["site"] == "done"


def test_first_total_is_an_adjustment_and_refused_as_any(site):
    admin = panel(site)
    form = {"back": "overview", "reason": "Continued from another counter"}
    visit(site)
    admin.send("/admin/receipt/total", 409, total="0", **form)
    admin.send("/admin/receipt/total", 422, total="many", **form)
    admin.send("/admin/receipt/total", 422, total="4,000", back="overview", reason=" ")
    question = admin.send("/admin/receipt/total", 200, total="4,000", **form)
    assert 'href="/admin/"' in question.partition("<main")[2]
    confirmed = re.search(r'name="confirmed" value="(\w+)"', question)[1]
    admin.send("/admin/receipt/total", total="4,000", **form, confirmed=confirmed, typed="4000")
    assert admin.location == "/admin/"
    adjusted = "SELECT total_before, total_after, reason FROM adjustments ORDER BY id DESC LIMIT 1"
    assert site.rows(adjusted) == [(1, 4000, form["reason"])]
    assert last_line(site) == ("Rani", "total.set", "")
    assert site.register("babul").ordinal == 4001


@pytest.mark.parametrize(
    ("step", "state"), [("mail", "done"), ("page", "done"), ("all", "skipped"), ("site", ""), ("x", "open")]
)
def test_no_step_is_said_to_be_what_it_cannot_be(module_admin, step, state):
    say(module_admin, step, state, 400)


@pytest.fixture(scope="module")
def module_admin(module_sqlite_database):
    with Site(module_sqlite_database.url) as site:
        yield panel(site)


def test_viewers_and_others_neither_see_nor_change_it(site):
    admin = panel(site)
    viewer = Reader(site).sign_up("nila")
    site.rows("UPDATE users SET is_viewer = true WHERE id = :id", id=id_of(site, "nila"))
    assert "step-all" not in viewer.get("/admin/")
    assert "getting-started" not in viewer.get("/admin/settings")
    viewer.get(PAGE, 403)
    say(viewer, "mail", "skipped", 403)
    assert states(admin)["mail"] == "open"
    assert PAGE in admin.get("/admin/settings")
    admin.client.post(f"{PAGE}/mail", data={"state": "skipped"})  # without its token
    assert states(admin)["mail"] == "open"
