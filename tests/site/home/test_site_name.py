"""The site's own name and sentence: SITE_NAME, SITE_NAME_BN, SITE_SENTENCE, SITE_SENTENCE_BN."""

import re
from email import message_from_bytes
from email.policy import default

import pytest
from support.application.site import Site
from support.people.accounts import PASSWORD, sign_up

from koyjabo.base.settings.schema import Settings
from koyjabo.people.mail.outbox import MailOutbox

OWN = {
    "SITE_NAME": "Dhaka Bus",
    "SITE_NAME_BN": "ঢাকা বাস",
    "SITE_SENTENCE": "Visits to the timetable.",
    "SITE_SENTENCE_BN": "সময়সূচির ভিজিট।",
}
LOGIN = {"browser": "Chrome", "system": "Android", "place": "Dhaka, BD", "at_ms": 1_800_000_000_000}
PAGES = ("/", "/login", "/communities", "/embed", "/manifest.webmanifest", "/offline")


def text_of(site: Site, path: str, language: str) -> str:
    page = site.client.get(path, headers={"Accept-Language": language}).text
    return re.sub(r"Koy Jabo (Bengali )?Digits", "", page)  # fonts


@pytest.mark.parametrize(("language", "name"), [("en", "Dhaka Bus"), ("bn", "ঢাকা বাস")])
def test_every_page_has_the_name_of_the_site(sqlite_database, language, name):
    with Site(sqlite_database.url, **OWN) as site:
        for path in PAGES:
            page = text_of(site, path, language)
            assert name in page
            assert "Koy Jabo" not in page
            assert "কই যাবো" not in page


def test_bangla_pages_have_the_name_and_the_sentence_if_they_have_none_in_bangla(sqlite_database):
    with Site(sqlite_database.url, SITE_NAME="Dhaka Bus", SITE_SENTENCE="Visits to the timetable.") as site:
        page = text_of(site, "/", "bn")
        assert "<title>সামগ্রিক পরিসংখ্যান · Dhaka Bus</title>" in page
        assert "Visits to the timetable." in page


@pytest.mark.parametrize(
    ("settings", "sentence"), [({}, "bus, train and rickshaw"), ({"SITE_NAME": "Dhaka Bus"}, None)]
)
def test_only_koy_jabo_has_a_sentence_by_default(sqlite_database, settings, sentence):
    with Site(sqlite_database.url, **settings) as site:
        page = text_of(site, "/", "en")
        assert ('class="sentence"' in page, sentence is None or sentence in page) == (sentence is not None, True)


def test_emails_have_the_name_of_the_site(sqlite_database):
    mail = {"SMTP_URL": "smtp://127.0.0.1:1?from=live@example.com&tls=off", "PUBLIC_URL": "https://live.example.com"}
    with Site(sqlite_database.url, **OWN, **mail) as site:
        outbox = site.services[MailOutbox]
        email = outbox.email("sign_in", "ayesha@example.com", "en", **LOGIN)
        _, message, _ = outbox._composer.compose(email, outbox._settings.smtp)
        text = message_from_bytes(message, policy=default).get_body(("plain",)).get_content()
        assert text.splitlines()[-1] == "Dhaka Bus · https://live.example.com"


def test_name_without_anything_visible_counts_as_empty(sqlite_database):
    with Site(sqlite_database.url, SITE_NAME=" \u200b ", SITE_SENTENCE="\u2800") as site:
        assert "Koy Jabo" in text_of(site, "/", "en")
        assert site.services[Settings].sentence_in("en").startswith("The app for bus")


def test_authenticator_apps_show_the_name_of_the_site(sqlite_database):
    with Site(sqlite_database.url, **OWN) as site:
        person = sign_up(site)
        uri = person.post("/api/auth/totp", json={"password": PASSWORD}).json["uri"]
        assert "issuer=Dhaka%20Bus" in uri
