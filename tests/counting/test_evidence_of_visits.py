"""What is stored with a visit so that reports can separate people from programs: time, automation, network, own."""

from support.application.site import Site, site_fixture
from support.people.accounts import bearer, log_in, new_admin
from support.people.admins import id_of, panel
from support.people.api_keys import call, key
from support.people.page_readers import Reader

GOOGLEBOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"
YEAR_MS = 365 * 86_400_000
AMAZON, DHAKA, OFFICE = "3.5.140.1", "103.4.144.7", "203.0.113.7"


site = site_fixture(OWN_ADDRESSES="203.0.113.0/24, ::ffff:198.51.100.7,")


def newest(site: Site, *columns: str) -> tuple:
    (row,) = site.rows(f"SELECT {', '.join(columns)} FROM visits ORDER BY id DESC LIMIT 1")
    return row


def send(site: Site, address: str = DHAKA, **fields: object) -> None:
    answer = site.post(json={"visitorId": "ayesha", **fields}, environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == 200, answer.text


def test_a_visit_is_automated_if_its_browser_is_driven_or_a_declared_crawler(site):
    for sent, stored in ((True, True), *((other, False) for other in (False, None, 1, "true", [], {}))):
        send(site, webdriver=sent)
        assert newest(site, "automated", "acted") == (stored, False), sent
    send(site, userAgent=GOOGLEBOT)
    assert newest(site, "automated") == (True,)


def test_the_attended_time_begins_at_0_unless_the_visit_waited_for_over_a_minute(site):
    on_time, late, impossible = (None, 0, 60_000), (60_001, 86_400_000, YEAR_MS), (-1, YEAR_MS + 1, 2**70)
    for anonymous in (False, True):
        for waits, attended in ((on_time, 0), (late, None), (impossible, 0)):
            for waited in waits:
                send(site, waitedMs=waited, anonymous=anonymous)
                stored = None if waited in impossible else waited
                assert newest(site, "attended_ms", "waited_ms") == (attended, stored), waited


def test_the_wrong_clock_of_a_phone_makes_no_visit_late(site):
    """The original client sends its clock and no waiting time, so its visits are never late."""
    for years in (-30, -5, 0, 5, 30):
        send(site, timestamp=site.time.ms + years * YEAR_MS)
        assert newest(site, "attended_ms", "waited_ms", "day") == (0, None, "2025-12-16"), years


def test_a_visit_is_own_if_its_address_belongs_to_the_operator(site):
    networks = {AMAZON: "datacentre", "2a01:4f8::1": "datacentre", DHAKA: "other", "203.0.114.7": "other", "": None}
    own = dict.fromkeys((OFFICE, f"::ffff:{OFFICE}", "198.51.100.7"), "other")
    for anonymous in (False, True):
        for address, word in (networks | own).items():
            send(site, address, anonymous=anonymous)
            assert newest(site, "network", "own") == (word, address in own), address
    assert AMAZON not in str(site.contents())


def test_the_database_of_the_operator_decides_the_network(sqlite_database, tmp_path):
    from mmdb_writer import MMDBWriter
    from netaddr import IPSet

    writer = MMDBWriter(4)
    writer.insert_network(IPSet(["103.4.0.0/16"]), {"autonomous_system_number": 14061})
    writer.to_db_file(str(tmp_path / "asn.mmdb"))
    with Site(sqlite_database.url, ASN_DATABASE=str(tmp_path / "asn.mmdb")) as site:
        send(site, DHAKA)
        send(site, AMAZON)
        assert site.rows("SELECT network FROM visits ORDER BY id") == [("datacentre",), ("other",)]


def test_a_visit_from_a_browser_that_may_open_the_panel_is_own(site):
    admin, viewer, member = panel(site), Reader(site).sign_up("viola"), Reader(site).sign_up("babul")
    site.rows("UPDATE users SET is_viewer = true WHERE id = :id", id=id_of(site, "viola"))
    for reader, is_own in ((admin, True), (viewer, True), (member, False)):
        for anonymous in (False, True):
            sent = reader.client.post("/api/visitor/register", json={"visitorId": "v", "anonymous": anonymous})
            assert (sent.status_code, newest(site, "own")) == (200, (is_own,))
        reader.client.get("/v.gif?page=/")
        assert newest(site, "own", "page") == (is_own, "/")
    foreign = {"Origin": "https://elsewhere.example"}
    admin.client.post("/api/visitor/register", json={"visitorId": "v"}, headers=foreign)
    assert newest(site, "own") == (False,)
    program = log_in(site, "rani")
    site.post(json={"visitorId": "v"}, headers=bearer(program.access))
    assert newest(site, "own") == (False,), "a token is no cookie"


def test_a_visit_that_keeps_no_connection_has_no_attended_time(site):
    site.client.get("/v.gif", headers={"User-Agent": GOOGLEBOT}, environ_overrides={"REMOTE_ADDR": OFFICE})
    assert newest(site, "attended_ms", "automated", "network", "own") == (None, True, "other", True)
    visits = [
        {"visitorId": "a", "visitId": "1", "address": AMAZON, "webdriver": True},
        {"visitorId": "a", "visitId": "2", "address": OFFICE, "userAgent": GOOGLEBOT},
        {"visitorId": "a", "visitId": "3"},
    ]
    answer = call(site, key(new_admin(site), "visits:write"), "/api/visits", "POST", json={"visits": visits})
    assert answer.status_code == 200, answer.text
    assert site.rows("SELECT attended_ms, automated, network, own FROM visits WHERE visitor_id = 'a' ORDER BY id") == [
        (None, False, "datacentre", False),
        (None, True, "other", True),
        (None, False, None, False),
    ]
