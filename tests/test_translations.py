"""Every page can be read in every language: nothing that it says is left out of a catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from koyjabo import errors
from koyjabo.web.ui.languages import LANGUAGES
from koyjabo.web.ui.translatable import OF_ERRORS

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "koyjabo"
TRANSLATED = [code for code in LANGUAGES if code != "en"]
FOR_PROGRAMS = {
    "invalid_json",
    "unsupported_media_type",
    "unknown_visitor",
    "unauthenticated",  # leads to the login
    "invalid_token",
    "token_expired",
    "wrong_csrf_token",  # pages say it in words of their own
    "rate_limited",
    "bad_handshake",
    "upgrade_required",
    "websockets_unavailable",
    "invalid_message",
    "unusable_database",
    "total_would_fall",
    "not_yet_forgotten",
}
"""Codes of errors that no page shows in the words of the error."""


@pytest.fixture(scope="module")
def said() -> set[str]:
    """Whatever pages say, read from the files."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(str(PACKAGE), methods, options)
    return {message[0] if isinstance(message, tuple) else message for _, _, message, _, _ in found}


@pytest.mark.parametrize("language", TRANSLATED)
def test_everything_is_translated(said, language):
    with (PACKAGE / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    translated = {message.id for message in catalogue if message.id and message.string and not message.fuzzy}
    assert said - translated == set()
    assert translated - said == set(), "said no more: make translations"


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_name_the_same_values(language):
    with (PACKAGE / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    assert [(message.id, list(message.check())) for message in catalogue if list(message.check())] == []


def test_catalogues_know_what_errors_say():
    shown = {each.sentence for each in kinds(errors.KoyJaboError) if each.code not in FOR_PROGRAMS}
    assert shown - set(OF_ERRORS) == set()


def kinds(error):
    return [error, *(each for kind in error.__subclasses__() for each in kinds(kind))]
