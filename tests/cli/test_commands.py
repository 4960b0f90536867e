"""Commands of the operator while a server runs, and on damaged ledgers."""

import json
import re
import subprocess
import sys

import pytest
from support.application.commands import koyjabo
from support.application.site import Site
from support.assertions.ledger import assert_verified
from support.clients.listener import BOTH_KINDS
from support.clients.members import Member, PlainMember
from support.databases.database import SqliteDatabase
from support.people.accounts import Person, log_in, try_login
from support.programs.processes import ROOT, environment, wait_until

from koyjabo.base.settings.schema import Settings

EMAIL, PASSWORD, NEW_PASSWORD = "ayesha@example.com", "rickshaw at dawn", "launch at dusk"
MEMBERS_SEEN = "SELECT 1 FROM people WHERE person LIKE 'u:%'"
DAMAGE = {  # damage by the table that a recount names
    "visits": "DELETE FROM visits WHERE id = 3",
    "counters": "DELETE FROM adjustments",
    "visitors": "DELETE FROM visitors WHERE visitor_id = 'karim'",
    "people": "INSERT INTO people VALUES (99, 'site', 'u:nobody', '2025-12-16')",
    "returns": "INSERT INTO returns VALUES ('site', '2025-01-01', '', 1, 0)",
    "conversions": "INSERT INTO conversions VALUES ('1', 'site', 'nila', 'somebody', 1, NULL)",
}
MAIL = "smtp://sender:hush@mail.example.com:587?from=live@example.com"


def run(site: Site, *arguments: str, typed: str = "", fails: bool = False) -> str:
    """Run a command on the site's database. Returns what it prints."""
    done = koyjabo(*arguments, typed=typed, DATABASE_URL=site.database_url)
    assert done.exit_code == fails, done.output
    return done.output


def test_the_verify_command_finds_each_damage_of_a_ledger(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000) as site:
        for visitor in ("ayesha", "karim", "nila", "karim"):
            site.register(visitor)
        for damage in DAMAGE.values():
            site.rows(damage)
        problems = run(site, "verify", fails=True).splitlines()
        assert {line.partition(":")[0] for line in problems} >= set(DAMAGE)


def test_a_running_server_follows_a_total_that_is_set_by_hand(sqlite_database):
    """It goes up within the epoch, but down only in a new one, since pages drop a number that falls within an epoch."""
    with Site(sqlite_database.url) as site:
        first = site.register("ayesha", visitId="1")
        run(site, "total", "set", "4000")
        up = site.stats()
        assert (up["totalVisits"], up["epoch"]) == (4000, first.stats["epoch"])
        assert up["revision"] > first.stats["revision"]
        assert site.register("karim").ordinal == 4001
        assert "--new-epoch" in run(site, "total", "set", "10", fails=True)
        assert site.stats()["totalVisits"] == 4001
        run(site, "total", "set", "10", "--new-epoch")
        down = site.stats()
        assert (down["totalVisits"], int(down["epoch"], 36) > int(up["epoch"], 36)) == (10, True)
        assert down["revision"] > up["revision"]
        assert site.register("nila").ordinal == 11
        assert site.register("ayesha", visitId="1").ordinal == first.ordinal
        shown = json.loads(run(site, "stats", "--json"))
        assert (shown["total"], shown["unique_visitors"]) == (11, 3)
        assert site.recount() == []


def test_a_help_page_has_unshortened_summaries_of_the_usual_commands():
    first, of_users = (koyjabo(*command, "--help").output.partition("Commands:")[2] for command in ((), ("user",)))
    assert {"forget", "verify"} <= {*first.split()}
    assert not any(text in first + of_users for text in ("...", "ledger  ", "promote"))


def test_a_command_that_reads_creates_neither_a_database_nor_its_tables(tmp_path):
    (tmp_path / "empty.db").touch()
    for name in ("mistyped.db", "folder/mistyped.db", "empty.db"):
        file = tmp_path / name
        for command in ("stats", "verify", "export -", "settings", "key list", f"backup {tmp_path}/b", "forget x"):
            done = koyjabo(*command.split(), DATABASE_URL=f"sqlite:///{file}")
            assert (done.exit_code, done.stdout) == (2, ""), (command, done.output)
            assert str(file) in done.stderr or name == "empty.db"
    assert [*tmp_path.rglob("*.db")] == [tmp_path / "empty.db"]
    assert SqliteDatabase(tmp_path / "empty.db").rows("SELECT name FROM sqlite_master") == []
    made = koyjabo("total", "set", "5", DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}", ENVIRONMENT="development")
    assert (made.exit_code, "password" in made.output) == (0, False)


def test_a_database_that_cannot_be_reached_is_named_without_classes_and_links():
    done = koyjabo("stats", DATABASE_URL="postgresql://user@127.0.0.1:1/koyjabo")
    assert done.exit_code == 1
    assert "Connection refused. Check DATABASE_URL." in done.stderr
    assert not re.search(r"\w\.\w+\.\w|https?:|Is the server running", done.stderr.replace("127.0.0.1", ""))


@pytest.mark.parametrize("output", [">/dev/full", pytest.param(">&-", marks=pytest.mark.long)])
def test_a_command_fails_with_one_line_if_its_output_is_closed_or_full(sqlite_database, output):
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m koyjabo stats {output}', sys.executable],
        cwd=ROOT,
        env=environment(DATABASE_URL=sqlite_database.url),
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_the_list_of_settings_has_their_sources_and_no_secrets(sqlite_database):
    def run(*arguments: str) -> str:
        done = koyjabo("settings", *arguments, DATABASE_URL=sqlite_database.url, TIMEZONE="", SITE_NAME="Rail Count")
        assert done.exit_code == 0, done.output
        return done.stdout

    assert run("set", "public_url", "https://live.example.com") == "Set PUBLIC_URL.\n"
    assert run("set", "SMTP_URL", MAIL) == "Set SMTP_URL.\n"
    lines = run().splitlines()
    assert [line.split()[0].lower() for line in lines] == list(Settings.model_fields)
    assert {"SITE_NAME environment Rail Count", "SMTP_URL page (hidden)", "BACKUP_AT default 03:30"} <= set(lines)
    assert {"name": "PUBLIC_URL", "source": "page", "value": "https://live.example.com"} in json.loads(run("--json"))


def test_an_operator_creates_changes_and_disables_an_account_while_the_server_runs(sqlite_database):
    def status(person: Person) -> int:
        return person.get("/api/auth/me").status_code

    with Site(sqlite_database.url) as site:
        run(site, "user", "create", EMAIL, "--password-stdin", "--name", "Ayesha", typed=f"{PASSWORD}\n")
        person = log_in(site)
        shown = {"id": person.id, "email": EMAIL, "name": "Ayesha", "is_admin": False, "appear_offline": False}
        assert person.get("/api/auth/me").json == shown
        for arguments, is_admin in (
            (("role", "AYESHA@example.com", "admin"), True),
            (("role", EMAIL, "viewer"), False),
            (("promote", EMAIL), True),
            (("promote", EMAIL, "--demote"), False),
        ):
            run(site, "user", *arguments)
            assert person.get("/api/auth/me").json["is_admin"] is is_admin
        run(site, "user", "password", EMAIL, "--password-stdin", typed=NEW_PASSWORD)
        assert (status(person), try_login(site).status_code) == (401, 401)
        person = log_in(site, password=NEW_PASSWORD)
        run(site, "user", "disable", EMAIL)
        assert (status(person), try_login(site, password=NEW_PASSWORD).status_code) == (401, 401)
        run(site, "user", "enable", EMAIL)
        assert try_login(site, password=NEW_PASSWORD).status_code == 200


def test_a_restore_under_a_running_server_updates_its_open_pages_and_ends_its_sessions(server, tmp_path):
    def rows() -> list:
        return server.database.rows(MEMBERS_SEEN)

    member, file = Member(server), str(tmp_path / "koyjabo.backup")
    community = member.found()
    for number in range(5):
        server.register(f"v{number}", communityId=community)
    server.koyjabo("backup", file).check_returncode()
    for number in range(5):
        server.register(f"later{number}")
    with BOTH_KINDS[0](server.port) as plain, BOTH_KINDS[1](server.port) as socketio:
        first = [page.first() for page in (plain, socketio)]
        seat = PlainMember(server.port, community, member.token)
        seat.wait_for_count(1)
        wait_until(rows, "they are in the reports")
        assert {stats.total for stats in first} == {10}
        refused = server.koyjabo("restore", file)
        assert (refused.returncode, "--force" in refused.stderr) == (1, True)
        server.koyjabo("restore", file, "--force").check_returncode()
        for page in (plain, socketio):
            shown = page.wait_for_total(5)
            assert int(shown.epoch, 36) > int(first[0].epoch, 36)
            assert shown.revision > first[0].revision
        assert seat.wait_for_code() == 4002
        assert server.register("somebody").ordinal == 6
        for page in (plain, socketio):
            page.wait_for_total(6)
    assert member.call("GET", "/api/auth/me", status=401)["code"] == "invalid_token"
    member.log_in()
    assert member.call("GET", f"/api/communities/{community}/stats")["totalVisits"] == 5
    assert rows() == []
    with PlainMember(server.port, community, member.token) as again:  # in an hour that was already recorded
        again.wait_for_count(1)
        wait_until(rows, "they are in the reports again")
    assert_verified(server)
