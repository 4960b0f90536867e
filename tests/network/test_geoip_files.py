"""The files of GEOIP_DATABASE: those that cannot be read, several of them, and one that is replaced."""

from __future__ import annotations

import pytest
from support.places import flat
from support.processes import run

import config
from koyjabo.network import geolocation
from koyjabo.network.geolocation import PlaceFinder

BANGLADESH = "103.4.145.245"


@pytest.fixture
def unusable(tmp_path):
    """Paths that are no databases, by what is wrong with them."""
    (tmp_path / "empty.mmdb").touch()
    (tmp_path / "text.mmdb").write_text("not a database\n" * 100)
    return {name: tmp_path / f"{name}.mmdb" for name in ("missing", "empty", "text")} | {"folder": tmp_path}


def test_damaged_countries_are_no_error(monkeypatch, unusable):
    monkeypatch.setattr(geolocation, "COUNTRIES", unusable["text"])
    assert PlaceFinder().locate(BANGLADESH) == "Unknown"


def test_file_that_cannot_be_read_stops_the_server_with_a_sentence(unusable, tmp_path):
    path = unusable["text"]
    ended = run("wsgi.py", timeout_s=20, DATABASE_URL=f"sqlite:///{tmp_path}/koyjabo.db", GEOIP_DATABASE=path)
    sentence = (
        f"GEOIP_DATABASE names '{path}', which cannot be read as a MaxMind database; "
        "make geoip brings one, and without any, visitors are placed by country.\n"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", sentence)


def test_every_file_of_several_is_checked(place_database, unusable, tmp_path):
    good = place_database({"103.4.0.0/16": flat("Dhaka")})
    for path in unusable.values():
        with pytest.raises(config.SettingsError, match=f"^GEOIP_DATABASE names .*{path.name}"):
            config.load({"GEOIP_DATABASE": f"{good}:{path}"}, instance=tmp_path)


def test_names_without_a_folder_are_in_the_instance_folder(place_database, tmp_path):
    good = place_database({"103.4.0.0/16": flat("Dhaka")})
    load = lambda files: config.load({"GEOIP_DATABASE": files}, instance=tmp_path).geoip_files  # noqa: E731
    assert load(f"{good.name}:{good}") == [good, good]
    assert load("") == []


def test_file_in_use_may_be_replaced(place_database):
    """As `make geoip` does: those who have the old one open go on reading it."""
    path = place_database({"103.4.0.0/16": flat("Dhaka")})
    gazetteer = PlaceFinder([path])
    place_database({"103.4.0.0/16": flat("Sylhet")}, "new.mmdb").replace(path)
    assert (gazetteer.locate(BANGLADESH), PlaceFinder([path]).locate(BANGLADESH)) == ("Dhaka, BD", "Sylhet, BD")
