"""Owners of addresses: data centres or other networks by AS number, and the operators by OWN_ADDRESSES."""

from array import array
from ipaddress import ip_address, ip_network

import pytest
from support.programs.processes import run

import config
from koyjabo.base.network import address_owners
from koyjabo.base.network.address_owners import AddressOwners

AMAZON, GRAMEENPHONE = "3.5.140.1", "103.4.144.7"
HETZNER = 24940


def test_built_in_list_knows_data_centres():
    network = AddressOwners().network
    assert [network(address) for address in (AMAZON, "2a01:4f8::1", f"::ffff:{AMAZON}")] == ["datacentre"] * 3
    assert [network(address) for address in (GRAMEENPHONE, "2400:cb00::1", "127.0.0.1", "::1")] == ["other"] * 4
    assert [network(address) for address in (None, "", "localhost", "1.2.3", "3.5.140.1\n")] == [None] * 5


def test_range_ends_before_its_second_bound(monkeypatch, tmp_path):
    monkeypatch.setattr(address_owners, "RANGES", tmp_path / "hosting.bin")
    bounds = array("Q", [int(ip_address("198.51.100.8")), int(ip_address("198.51.100.12"))])
    address_owners.RANGES.write_bytes(bounds.tobytes())
    network = AddressOwners().network
    assert [network(f"198.51.100.{n}") for n in (7, 8, 11, 12)] == ["other", "datacentre", "datacentre", "other"]


def test_without_the_list_nothing_is_known(monkeypatch, tmp_path):
    monkeypatch.setattr(address_owners, "RANGES", tmp_path / "missing.bin")
    assert AddressOwners().network(AMAZON) is None


def test_databases_are_searched_in_order(place_database):
    first = place_database({"103.4.0.0/16": {"autonomous_system_number": HETZNER}}, "a.mmdb", ip_version=4)
    second = place_database({"103.0.0.0/8": {"autonomous_system_number": 1}, "2001:db8::/32": asn(HETZNER)}, "b.mmdb")
    network = AddressOwners([first, second]).network
    assert [network(address) for address in (GRAMEENPHONE, f"::ffff:{GRAMEENPHONE}", "2001:db8::1")] == [
        "datacentre"
    ] * 3
    assert [network(address) for address in ("103.5.0.1", AMAZON, "2001:db9::1")] == ["other"] * 3
    assert network("localhost") is None


def asn(number: int) -> dict[str, int]:
    return {"autonomous_system_number": number, "autonomous_system_organization": "x"}


def test_own_addresses_are_found_in_every_spelling():
    owners = AddressOwners(own=lambda: [ip_network("203.0.113.0/24"), ip_network("2001:db8::/64")])
    own = ("203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107", "2001:db8::7", "2001:DB8:0:0::1")
    assert [owners.is_own(address) for address in own] == [True] * len(own)
    others = ("203.0.114.7", "2001:db8:0:1::7", "", None, "localhost")
    assert [owners.is_own(address) for address in others] == [False] * len(others)
    assert not AddressOwners().is_own("203.0.113.7")


# The settings.


def own(text: str, tmp_path) -> list[str]:
    return [str(network) for network in config.load({"OWN_ADDRESSES": text}, instance=tmp_path).own_networks]


def test_own_addresses_are_addresses_and_networks(tmp_path):
    assert own("203.0.113.7, 2001:db8::/32,", tmp_path) == ["203.0.113.7/32", "2001:db8::/32"]
    assert own("::ffff:203.0.113.7,::ffff:203.0.113.0/120", tmp_path) == ["203.0.113.7/32", "203.0.113.0/24"]
    assert own("", tmp_path) == []


def test_own_network_with_host_bits_stops_the_server_with_a_sentence(tmp_path):
    ended = run("wsgi.py", DATABASE_URL=f"sqlite:///{tmp_path}/koyjabo.db", OWN_ADDRESSES="203.0.113.7/24")
    sentence = (
        "OWN_ADDRESSES is '203.0.113.7/24': it should be comma-separated addresses such as 203.0.113.7 and "
        "networks such as 2001:db8::/32 (not 2001:db8::1/32).\n"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", sentence)


def test_database_without_as_numbers_is_refused(place_database, tmp_path):
    cities = place_database({"103.4.0.0/16": {"city": "Dhaka", "country_code": "BD"}})
    with pytest.raises(config.SettingsError, match=r"^ASN_DATABASE names '.*cities.mmdb', which has no AS numbers"):
        config.load({"ASN_DATABASE": str(cities)}, instance=tmp_path)
    numbers = place_database({"103.4.0.0/16": asn(1)}, "asn.mmdb")
    assert config.load({"ASN_DATABASE": "asn.mmdb"}, instance=tmp_path).asn_files == [numbers]
