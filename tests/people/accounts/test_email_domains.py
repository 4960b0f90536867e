"""An address at a domain in any script: which account it finds, now and after an earlier version."""

import pytest
from alembic import command
from alembic.config import Config
from support.application.site import Site, assert_error
from support.people.accounts import Person, bare, log_in, send, sign_up, try_login
from support.people.communities import found

from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import unreported
from koyjabo.base.database.startup_queries import MIGRATIONS
from koyjabo.people.accounts.services import AccountServices
from koyjabo.upkeep.backups import backup

SHARP, DOUBLE = "ayesha@faß.example", "ayesha@fass.example"
REFUSED = "a@ü_b.example"
LONG = "a" * 60 + "@" + ".".join(["éàçñøåüö" * 3] * 7) + ".example"
"""Addresses that earlier versions accepted. The second one's domain is too long in ASCII."""

IN_GERMAN, IN_ASCII, IN_WIDE = "rahim@bücher.example", "rahim@xn--bcher-kva.example", "rahim@ｂücher.example"


def test_two_domains_are_two_accounts(site):
    first, second = sign_up(site, email=SHARP), sign_up(site, email=DOUBLE)
    assert first.id != second.id
    for spelling in (SHARP, "AYESHA@FAẞ.EXAMPLE", "ayesha@xn--fa-hia.example", "ayesha@XN--FA-HIA.example"):
        assert log_in(site, email=spelling).id == first.id, spelling
    assert log_in(site, email="ayesha@FASS.example").id == second.id


@pytest.mark.parametrize(
    ("email", "in_ascii"),
    [
        ("rahim@উদাহরণ.example", "rahim@xn--d5b6ci4b4b3a.example"),
        ("rahim@हिन्दी.भारत", "rahim@xn--j2bd4cyah0f.xn--h2brj9c"),
        ("rahim@ไทย.example", "rahim@xn--o3cw4h.example"),
        ("rahim@ශ්‍රී.example", "rahim@xn--10cl1a0b660p.example"),  # with a joiner
        ("rahim@ΒΌΛΟΣ.example", "rahim@xn--nxasmq6b.example"),  # one capital letter has two small ones
        ("rahim@例え。テスト", "rahim@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_domain_in_any_script_is_one_account_in_both_forms(site, email, in_ascii):
    person = sign_up(site, email=email)
    assert person.get("/api/auth/me").json["email"] == email
    assert log_in(site, email=in_ascii).id == person.id
    assert_error(send(bare(site), "/api/auth/signup", {"email": in_ascii, "password": "12345678"}), 409, "email_taken")


def test_user_is_found_by_a_domain_in_either_form(site):
    person, users = sign_up(site, email=IN_GERMAN), site.services[AccountServices].users
    for query in ("bücher.ex", "xn--bcher"):
        assert [user.id for user in users.page(OPERATOR, query).items] == [person.id], query


def earlier(site: Site, name: str, email: str, key: str) -> Person:
    """A person who signed up with an earlier version. Their password is the name twice."""
    person = sign_up(site, name, password=name * 2)
    values = {"email": email, "key": key, "id": person.id}
    site.rows("UPDATE users SET email = :email, email_key = :key, verified_ms = 1 WHERE id = :id", **values)
    links = "INSERT INTO email_links (id, user_id, purpose, email_key, expires_ms) VALUES (:id, :id, 'reset', :key, 9)"
    site.rows(links, key=key, id=person.id)
    return person


def upgrade(site: Site) -> None:
    with site.app.app_context(), db.engine.begin() as connection:
        command.downgrade(Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection}), "0026")
    site.restart()


@pytest.mark.both_kinds
def test_users_can_log_in_after_an_upgrade(site):
    people = {
        SHARP: earlier(site, "ayesha", SHARP, DOUBLE),
        IN_GERMAN: earlier(site, "german", IN_GERMAN, IN_GERMAN),
        IN_ASCII: earlier(site, "ascii", IN_ASCII, IN_ASCII),
        "josé@example.com": earlier(site, "jose", "josé@example.com", "josé@example.com"),
        REFUSED: earlier(site, "refused", REFUSED, REFUSED),
        LONG: earlier(site, "long-domain", LONG, LONG),
    }
    upgrade(site)
    names = ("ayesha", "german", "ascii", "jose", "refused", "long-domain")
    for (email, person), name in zip(people.items(), names, strict=True):
        assert log_in(site, email=email, password=name * 2).id == person.id, email
    assert try_login(site, email=DOUBLE, password="ayesha" * 2).status_code == 401
    assert sign_up(site, email=DOUBLE).id not in {person.id for person in people.values()}
    assert_error(send(bare(site), "/api/auth/signup", {"email": IN_GERMAN, "password": "12345678"}), 409, "email_taken")
    assert people[IN_GERMAN].patch("/api/auth/me", json={"password": "german" * 2, "name": "G"}).status_code == 200
    assert log_in(site, email=IN_GERMAN, password="german" * 2).id == people[IN_GERMAN].id


@pytest.mark.both_kinds
def test_older_account_keeps_the_key_that_two_would_get(site):
    older = earlier(site, "german", IN_GERMAN, IN_GERMAN)
    site.time.pass_(seconds=1)
    newer = earlier(site, "wide", IN_WIDE, IN_WIDE)
    upgrade(site)
    assert log_in(site, email=IN_ASCII, password="german" * 2).id == older.id
    assert log_in(site, email=IN_WIDE, password="wide" * 2).id == newer.id


def test_account_created_by_an_earlier_version_during_an_upgrade_changes_no_login(site):
    person = earlier(site, "german", IN_GERMAN, IN_GERMAN)
    upgrade(site)
    site.time.pass_(seconds=1)
    earlier(site, "later", IN_GERMAN, IN_GERMAN)
    assert log_in(site, email=IN_GERMAN, password="german" * 2).id == person.id


def test_address_that_is_too_long_in_ascii_is_refused(site):
    assert_error(
        send(bare(site), "/api/auth/signup", {"email": LONG, "password": "12345678"}), 400, "invalid_input", "email"
    )


@pytest.mark.both_kinds
def test_users_can_log_in_after_an_older_backup_was_restored(site, tmp_path, monkeypatch):
    person, path = earlier(site, "ayesha", SHARP, DOUBLE), tmp_path / "earlier.koyjabo"
    with site.app.app_context():
        with monkeypatch.context() as earlier_version:
            earlier_version.setattr(backup, "NEWEST_REVISION", "0026")
            backup.write(path, site.services.clock, unreported)
        backup.restore(path, True, site.services.clock, unreported)
    site.restart()
    assert log_in(site, email=SHARP, password="ayesha" * 2).id == person.id


@pytest.mark.both_kinds
def test_address_whose_mails_went_to_another_domain_is_not_confirmed_and_other_links_stay(site):
    moved, stays = earlier(site, "ayesha", SHARP, DOUBLE), earlier(site, "german", IN_GERMAN, IN_GERMAN)
    upgrade(site)
    confirmed = site.rows("SELECT id, verified_ms FROM users WHERE verified_ms IS NOT NULL")
    assert confirmed == [(stays.id, 1)]
    assert site.rows("SELECT user_id, email_key FROM email_links") == [(stays.id, IN_ASCII)]
    assert moved.id != stays.id


@pytest.mark.both_kinds
def test_newer_of_two_invitations_to_one_address_stays(site):
    founder = sign_up(site)
    community = found(founder)["id"]
    columns = "id, community_id, email, email_key, role, invited_by, created_ms, expires_ms"
    insert = f"INSERT INTO invitations ({columns}) VALUES (:id, :at, :email, :key, 'member', :by, :ms, 9)"
    earlier_keys = {IN_GERMAN: IN_GERMAN, IN_ASCII: IN_ASCII, SHARP: DOUBLE}
    for ms, (email, key) in enumerate(earlier_keys.items()):
        site.rows(insert, id=str(ms), at=community, email=email, key=key, by=founder.id, ms=ms)
    upgrade(site)
    kept = site.rows("SELECT email, email_key FROM invitations ORDER BY id")
    assert kept == [(IN_ASCII, IN_ASCII), (SHARP, "ayesha@xn--fa-hia.example")]
