"""The sentences on pages."""

import pytest
from support.people.page_readers import Reader, words
from support.programs.processes import ROOT

TEXTS = [  # paths of pages, with a language, a status and a text
    ("/nothing", "en", 404, "There is no page at this address."),
    ("/n/101000", "en", 404, "Only the link that was shared shows this number."),
    ("/offline", "en", 200, "Koy Jabo does not respond at the moment"),
    ("/docs/backup.md", "bn", 200, "এই পাতাটি ইংরেজিতে।"),
]
GIVEN_UP_WORDS = {  # bangla words that must not be used, and the words used instead
    "প্রতিবেদন": "রিপোর্ট",
    "লগ ইন": "লগইন",
    "লগ আউট": "লগআউট",
    "অপারেটর": "পরিচালক",
    "দর্শনার্থী": "ভিজিটর",
    "হুবহু": "সঠিক",
    "চাবি": "এপিআই কী",
}


@pytest.mark.parametrize(("path", "language", "status", "text"), TEXTS)
def test_a_page_has_its_sentences(site, path, language, status, text):
    assert text in words(Reader(site, language).get(path, status))


def test_a_new_account_is_welcomed(site):
    reader = Reader(site).sign_up("ayesha")
    assert reader.location == "/communities"
    assert "Welcome, Ayesha. Your account was created." in words(reader.get(reader.location))


def test_bangla_has_one_word_for_one_thing():
    text = (ROOT / "koyjabo/translations/bn/LC_MESSAGES/messages.po").read_text().replace('"\n"', "")
    assert [word for word, kept in GIVEN_UP_WORDS.items() if word in text or kept not in text] == []
