"""A file that cannot be imported is named, with the way to one that can."""

import io
import tarfile
import zipfile

import pytest
from support.application.site import Site
from support.sites.exports import (
    GOATCOUNTER_1,
    GOATCOUNTER_2,
    PLAUSIBLE,
    UMAMI_CLOUD,
    UMAMI_EVENTS,
    bring_export,
    packed,
)

from koyjabo.base.core.errors import Unusable
from koyjabo.upkeep.importers.export import NAMES

OURS = "id,visitor_id,visit_id,at,place\n1,a,b,2025-03-01T10:00:00Z,Dhaka\n"
GA4 = "# ----------------------------------------\n# shop.example\n# 20250301-20250302\n\nDate,Sessions\n20250301,4\n"


def archive(**files: str) -> bytes:
    """A zip archive. `folder__name_csv` is the file `folder/name.csv`."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as zipped:
        for name, contents in files.items():
            zipped.writestr(".".join(name.replace("__", "/").rsplit("_", 1)), contents)
    return written.getvalue()


def in_tar() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("website_event.csv"))
    return written.getvalue()


MATOMO_LOG = "idSite,idVisit,visitIp,visitorId,lastActionTimestamp,referrerUrl\n1,2,,7f3a,1262519823,\n"
JSON = "This file is JSON or XML"
WAYS = {
    "GoatCounter's JSON": (
        archive(
            **{
                "goatcounter-export-a__paths_jsonl": '{"id":1}\n',
                "goatcounter-export-a__hit_stats_jsonl": '{"count":2}\n',
            }
        ),
        "GoatCounter: Settings, Export, Export to CSV",
    ),
    "GoatCounter's CSV": (packed(f"{GOATCOUNTER_2}\n"), "--program goatcounter"),
    "GoatCounter's first CSV": (f"{GOATCOUNTER_1}\n", "--program goatcounter"),
    "Umami's dashboard": (archive(pages_csv="x,y\r\n/,5\r\n", countries_csv="x,y\r\nBD,5\r\n"), "umamis-tables"),
    "Umami's table": (f"{UMAMI_EVENTS}\n", "--program umami"),
    "Umami's archive": (
        archive(a__website_event_csv=f"{UMAMI_CLOUD}\n", a__session_csv="session_id\n"),
        "--program umami",
    ),
    "Umami's responses": ('[{"x":"/","y":5}]', JSON),
    "PostgreSQL's dump": ("--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n", "umamis-tables"),
    "PostgreSQL's custom dump": (b"PGDMP\x01\x0e\x00", "umamis-tables"),
    "MySQL's dump": ("-- MySQL dump 10.13  Distrib 8.0.36\n", "umamis-tables"),
    "SQLite": (b"SQLite format 3\0\x10\0", "umamis-tables"),
    "Plausible's table": (
        '"date","visitors","pageviews","bounces","visits","visit_duration"\n',
        "--program plausible",
    ),
    "Plausible's archive": (archive(imported_visitors_20250301_20250302_csv=PLAUSIBLE), "--program plausible"),
    "Plausible's dashboard": (
        archive(visitors_csv="date,visitors,pageviews,visits,views_per_visit,bounce_rate,visit_duration\n"),
        "Imports & exports, Prepare export",
    ),
    "a part of Plausible's export": (archive(imported_pages_20250301_20250302_csv="date,page\n"), "imported_visitors"),
    "Matomo's visits": (MATOMO_LOG.encode("utf-16"), "matomos-visits"),
    "Matomo's visits as JSON": ('[{"idSite":"1","idVisit":"2"}]', "matomos-visits"),
    "Matomo's visits as XML": ("<?xml version='1.0'?>\n<result>\n\t<row>\n\t\t<idVisit>2</idVisit>", "matomos-visits"),
    "Matomo's report": ("date,nb_uniq_visitors,nb_users,nb_visits\n".encode("utf-16"), "matomos-visits"),
    "Matomo's report in words": ("Date,Unique visitors,Users,Visits\n".encode("utf-16"), "matomos-visits"),
    "Google Analytics": (GA4, "--program ga4"),
    "our own": (packed(OURS), "without --program"),
    "a workbook": (archive(xl__workbook_xml="<x/>", **{"[Content_Types]_xml": "<x/>"}), "Save it as CSV"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1", "Save it as CSV"),
    "a login form": ("\n<!DOCTYPE html>\n<html>", "Log in to the program"),
    "bzip2": (b"BZh91AY&SY", "gzip or zip"),
    "tar": (in_tar(), "gzip or zip"),
    "semicolons": ("session_id;visit_id;created_at\n1;2;3\n", "Save the file with commas"),
    "tabs": ("session_id\tvisit_id\n", "Save the file with commas"),
}
USED = {"GoatCounter": "goatcounter", "Umami": "umami", "Plausible": "plausible", "Google": "ga4", "our": "koyjabo"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(f"sqlite:///{tmp_path_factory.mktemp('site')}/live.db") as site:
        yield site


@pytest.mark.parametrize("file", WAYS)
def test_unsupported_file_is_named_with_the_way_to_a_supported_one(site, file):
    contents, way = WAYS[file]
    own = next((program for start, program in USED.items() if file.startswith(start) and "-program" in way), None)
    for program in {*NAMES, "koyjabo"} - {own}:
        with pytest.raises(Unusable) as refused:
            bring_export(site, program, contents)
        assert way in str(refused.value), program
    assert site.stats()["totalVisits"] == 0
