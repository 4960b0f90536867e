"""Location names and owners of addresses, from databases that the tests create."""

import gzip
import os
import re
from array import array
from ipaddress import ip_address, ip_network
from typing import Any

import maxminddb
import pytest
from hypothesis import given, strategies as st
from support.runs.fuzz_effort import effort

import config
from koyjabo.base.network import address_owners, location_finder
from koyjabo.base.network.address_owners import AddressOwners
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.base.network.location_names import COUNTRIES_BY_CODE, MAX_LOCATION_LENGTH, in_language, largest
from koyjabo.web.assets.static_files import STATIC_FOLDER

BANGLADESH, AMERICA = "103.4.145.245", "8.8.8.8"
BANGLADESH_V6 = "2400:c600::1"
GARBAGE = [
    *("", " ", "unknown", "1.2.3", "1.2.3.4.5", "256.1.1.1", "103.4.145.245:80", "103.4.145.245, 8.8.8.8"),
    *("01.02.03.04", "0x67.4.145.245", "1728352757", "103.4.145.245\n", "১০৩.৪.১৪৫.২৪৫"),
    *("2400:c600:::1", "[2400:c600::1]"),
    *("::ffff:999.1.1.1", "fe80::1%\x00", "\x00", "a" * 10_000),
]


def nat64(address: str) -> list[str]:
    """The address as NAT64 writes it (RFC 6052, RFC 8215)."""
    octets = ip_address(address).packed
    whole = f"64:ff9b:1:{octets[:2].hex()}:{octets[2]:x}:{octets[3]:02x}00::"
    return [f"64:ff9b::{address}", f"64:ff9b:1::{address}", f"64:ff9b:1:fffe::{address}", whole]


def flat(city: str, country: str = "BD") -> dict[str, Any]:
    """A record in ip-location-db's format."""
    return {"city": city, "country_code": country, "state1": "Dhaka Division", "latitude": 23.78, "timezone": ""}


def nested(city: str | None, country: str = "BD", name: str = "Bangladesh") -> dict[str, Any]:
    """A record in the format of GeoIP2, GeoLite2 and DB-IP."""
    record: dict[str, Any] = {"country": {"iso_code": country, "names": {"en": name, "de": "Bangladesch"}}}
    return record | ({"city": {"geoname_id": 1185241, "names": {"en": city, "de": "Daka"}}} if city else {})


@pytest.fixture
def locate(place_database):
    """`locate(address, record)` looks up the address in a database where all of Bangladesh has this record."""

    def look_up(address: str, record: Any) -> str:
        return LocationFinder([place_database({"103.4.0.0/16": record, "2400:c600::/32": record})]).locate(address)

    return look_up


def test_a_location_is_a_city_with_its_country_code_or_a_country(place_database):
    for record in (flat("Dhaka"), nested("Dhaka")):
        places = LocationFinder([place_database({"103.4.0.0/16": record, "2400:c600::/32": record})])
        for address in (BANGLADESH, BANGLADESH_V6, f"::ffff:{BANGLADESH}", "::FFFF:6704:91F5", *nat64(BANGLADESH)):
            assert places.locate(address) == "Dhaka, BD"
        assert places.locate(BANGLADESH, has_city=False) == "Bangladesh"


def test_the_name_of_a_city_has_one_line_a_bounded_length_and_no_district(locate):
    for city in ("Dhaka (Gulshan)", "Dhaka (Bandra (w))", "Dhaka (a) (b)", " Dhaka  (Gulshan) "):
        assert [locate(BANGLADESH, schema(city)) for schema in (flat, nested)] == ["Dhaka, BD"] * 2, city
    assert locate(BANGLADESH, flat("Freiburg (Elbe) Flecken", "DE")) == "Freiburg (Elbe) Flecken, DE"
    assert locate(BANGLADESH, flat("Dha\nka\x00\x1b[1m\u202e  City")) == "Dha ka [1m City, BD"
    place = locate(BANGLADESH, flat("D" * 500))
    assert (len(place), place[-4:]) == (MAX_LOCATION_LENGTH, ", BD")


NO_PLACES = [
    *("Dhaka", 7, [], {}, {"city": 7, "country": 7}, {"city": {"names": "Dhaka"}, "country": []}),
    *({"city": "Dhaka"}, flat("Dhaka", ""), {"asn": 1}, nested(None, "", "")),
    *(flat("Dhaka", code) for code in ("BDX", "bd", "B", "B" * 500, "১২")),
]


def test_a_record_without_a_valid_place_is_replaced_by_the_country(locate):
    assert [record for record in NO_PLACES if locate(BANGLADESH, record) != "Bangladesh"] == []
    assert locate(AMERICA, flat("Dhaka")) == "United States"
    assert locate("2600:1700::1", flat("Dhaka")) == "United States"


KNOWN = {
    **dict.fromkeys((BANGLADESH, "202.4.96.1", BANGLADESH_V6, f"::ffff:{BANGLADESH}"), "Bangladesh"),
    **dict.fromkeys((AMERICA, "2600:1700::1"), "United States"),
    "85.111.0.1": "Türkiye",
    "2607:fea8:255f:9f04:75b9:17a:5eca:a45": "Canada",  # in a network smaller than a /64
}
NOWHERE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("203.0.113.7", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1"),
    *("2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "0:0:6704:91f5::1", None, *GARBAGE),
]


def test_the_countries_are_built_in_and_a_private_address_has_no_location(place_database):
    places = LocationFinder()
    assert {address: places.locate(address) for address in KNOWN} == KNOWN
    with_cities = LocationFinder([place_database({"103.4.145.0/24": flat("Dhaka")})])
    for finder in (places, with_cities):
        assert [address for address in NOWHERE if finder.locate(address) != "Unknown"] == []


def test_the_map_has_every_country_that_the_database_names():
    """It has at most 30 KB. Europe, which only older databases name, is no country."""
    with maxminddb.open_database(location_finder.COUNTRIES) as database:
        metadata = database.metadata()
    records = location_finder.COUNTRIES.read_bytes()[metadata.node_count * metadata.record_size // 4 :]
    named = {code.decode() for code in re.findall(rb"\x42([A-Z]{2})", records)}  # texts of two bytes
    drawn = (STATIC_FOLDER / "vendor" / "world.svg").read_bytes()
    on_map = set(re.findall(r'id="([A-Z]{2})"', drawn.decode()))
    assert len(named) > 240
    assert (named - on_map, COUNTRIES_BY_CODE.keys() - on_map) == (set(), {"EU"})
    assert len(gzip.compress(drawn)) < 30_000


def test_a_damaged_location_file_is_no_error(monkeypatch, tmp_path, place_database, locate):
    path = place_database({"103.4.0.0/16": flat("Dhaka")})
    path.write_bytes(path.read_bytes().replace(b"Dhaka", b"\xff\xfe\xfd\xfc\xfb"))
    assert LocationFinder([path]).locate(BANGLADESH) == "Bangladesh"
    (tmp_path / "text.mmdb").write_text("not a database\n" * 100)
    for countries in ("text.mmdb", "missing.mmdb"):  # without `make assets`, they are missing
        monkeypatch.setattr(location_finder, "COUNTRIES", tmp_path / countries)
        assert LocationFinder().locate(BANGLADESH) == "Unknown"
    assert (LocationFinder().has_countries, LocationFinder().attributions) == (False, [])
    assert locate(BANGLADESH, flat("Dhaka")) == "Dhaka, BD"
    assert locate(AMERICA, flat("Dhaka")) == "Unknown"


@effort(100)
@given(
    st.dictionaries(st.sampled_from(["Other", "Unknown", *map(str, range(40))]), st.integers(1, 5)), st.integers(1, 30)
)
def test_the_largest_locations_are_shown_and_the_counts_of_all_add_up(places, most):
    shown = largest(places, most)
    named = [count for place, count in shown.items() if place not in ("Other", "Unknown")]
    left_out = [count for place, count in places.items() if place not in shown]
    assert sum(shown.values()) == sum(places.values())
    assert len(named) <= most
    assert named == sorted(named, reverse=True)
    assert max(left_out, default=0) <= min(named, default=5)
    assert shown.get("Unknown") == places.get("Unknown")


PLACES = [
    ("Bangladesh", "Bangladesh", "বাংলাদেশ"),
    ("Hong Kong", "Hong Kong", "হংকং"),
    ("Yangon, MM", "Yangon, Myanmar", "Yangon, মিয়ানমার"),
    ("Dhaka, BD", "Dhaka, Bangladesh", "ঢাকা, বাংলাদেশ"),
    ("Myanmar", "Myanmar", "মিয়ানমার"),
    ("Cox's Bazar, BD", "Cox's Bazar, Bangladesh", "কক্সবাজার, বাংলাদেশ"),
    ("Nowhere, ZZ", "Nowhere, ZZ", "Nowhere, ZZ"),
    ("Atlantis", "Atlantis", "Atlantis"),
    ("", "", ""),
]


def test_a_country_is_named_in_the_language_of_the_reader():
    assert [(place, in_language(place, "en"), in_language(place, "bn")) for place, _, _ in PLACES] == PLACES
    assert [name for name in COUNTRIES_BY_CODE.values() if re.search("[A-Za-z]", in_language(name, "bn"))] == []


AMAZON, GRAMEENPHONE = "3.5.140.1", "103.4.144.7"


def test_the_built_in_list_knows_the_addresses_of_data_centres():
    network = AddressOwners().network
    assert [network(address) for address in (AMAZON, "2a01:4f8::1", *nat64(AMAZON))] == ["datacentre"] * 6
    assert [network(address) for address in (GRAMEENPHONE, "2400:cb00::1", "127.0.0.1", "::1")] == ["other"] * 4
    assert [network(address) for address in (None, "", "localhost", "1.2.3", "3.5.140.1\n")] == [None] * 5


def test_a_range_of_addresses_excludes_its_upper_bound(monkeypatch, tmp_path):
    monkeypatch.setattr(address_owners, "HOSTING_RANGES", tmp_path / "hosting.bin")
    bounds = array("Q", [int(ip_address("198.51.100.8")), int(ip_address("198.51.100.12"))])
    address_owners.HOSTING_RANGES.write_bytes(bounds.tobytes())
    network = AddressOwners().network
    assert [network(f"198.51.100.{n}") for n in (7, 8, 11, 12)] == ["other", "datacentre", "datacentre", "other"]


def test_an_address_of_the_operator_is_recognized_in_every_spelling():
    owners = AddressOwners(own=lambda: [ip_network("203.0.113.0/24"), ip_network("2001:db8::/64")])
    own = (
        "203.0.113.7",
        *nat64("203.0.113.7"),
        "::ffff:203.0.113.7",
        "::ffff:cb00:7107",
        "2001:db8::7",
        "2001:DB8:0:0::1",
    )
    assert [owners.is_own(address) for address in own] == [True] * len(own)
    others = ("203.0.114.7", "2001:db8:0:1::7", "", None, "localhost")
    assert [owners.is_own(address) for address in others] == [False] * len(others)
    assert not AddressOwners().is_own("203.0.113.7")


def test_the_setting_of_own_addresses_takes_addresses_and_networks(tmp_path):
    expected = {
        "203.0.113.7, 2001:db8::/32,": ["203.0.113.7/32", "2001:db8::/32"],
        "::ffff:203.0.113.7,::ffff:203.0.113.0/120": ["203.0.113.7/32", "203.0.113.0/24"],
        "": [],
    }
    for text, networks in expected.items():
        loaded = config.load({"OWN_ADDRESSES": text}, instance=tmp_path).own_networks
        assert [str(network) for network in loaded] == networks


def test_a_database_of_the_other_kind_and_a_pipe_are_refused(place_database, tmp_path):
    cities = place_database({"103.4.0.0/16": {"city": "Dhaka", "country_code": "BD"}})
    with pytest.raises(config.SettingsError, match=r"^ASN_DATABASE names '.*cities.mmdb', which has no AS numbers"):
        config.load({"ASN_DATABASE": str(cities)}, instance=tmp_path)
    numbers = place_database({"103.4.0.0/16": {"autonomous_system_number": 1}}, "asn.mmdb")
    assert config.load({"ASN_DATABASE": "asn.mmdb"}, instance=tmp_path).asn_files == [numbers]
    with pytest.raises(config.SettingsError, match=r"^GEOIP_DATABASE names '.*asn.mmdb', which has no locations"):
        config.load({"GEOIP_DATABASE": str(numbers)}, instance=tmp_path)
    os.mkfifo(tmp_path / "pipe.mmdb")
    with pytest.raises(config.SettingsError, match="which cannot be read as a MaxMind database"):
        config.load({"GEOIP_DATABASE": "pipe.mmdb"}, instance=tmp_path)
