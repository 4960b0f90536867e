"""The site's own name and sentence: SITE_NAME, SITE_NAME_BN, SITE_SENTENCE, SITE_SENTENCE_BN."""

import re

from support.application.site import Site

OWN = {
    "SITE_NAME": "Dhaka Bus",
    "SITE_NAME_BN": "ঢাকা বাস",
    "SITE_SENTENCE": "Visits to the timetable.",
    "SITE_SENTENCE_BN": "সময়সূচির ভিজিট।",
}

PAGES = ("/", "/login", "/communities", "/embed", "/manifest.webmanifest", "/offline")


def text_of(site: Site, path: str, language: str) -> str:
    page = site.client.get(path, headers={"Accept-Language": language}).text
    return re.sub(r"Koy Jabo (Bengali )?Digits", "", page)  # fonts


def test_every_page_has_the_name_of_the_site(sqlite_database):
    with Site(sqlite_database.url, **OWN) as site:
        for language, name in (("en", "Dhaka Bus"), ("bn", "ঢাকা বাস")):
            for path in PAGES:
                page = text_of(site, path, language)
                assert name in page
                assert "Koy Jabo" not in page
                assert "কই যাবো" not in page


def test_bangla_pages_have_the_english_name_of_a_site_without_a_bangla_name(sqlite_database):
    with Site(sqlite_database.url, SITE_NAME=OWN["SITE_NAME"], SITE_SENTENCE=OWN["SITE_SENTENCE"]) as site:
        page = text_of(site, "/", "bn")
        assert "· Dhaka Bus</title>" in page
        assert OWN["SITE_SENTENCE"] in page
