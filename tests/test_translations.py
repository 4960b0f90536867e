"""Every page is fully translated into every language."""

import re
import tomllib
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from koyjabo.base.core import credential_rules, errors
from koyjabo.base.settings.checks import MAX_TOTAL
from koyjabo.communities import validators as community_validators
from koyjabo.site.receipts import pages as receipts
from koyjabo.upkeep.recounts import total
from koyjabo.web.i18n import LANGUAGES
from koyjabo.web.schemas import validators

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "koyjabo"
TRANSLATED = [code for code in LANGUAGES if code != "en"]
FOR_PROGRAMS = {  # codes of errors whose own message is not shown on any page
    *("invalid_json", "unsupported_media_type", "unknown_visitor", "unauthenticated", "invalid_token"),
    *("token_expired", "wrong_csrf_token", "rate_limited", "streams_unavailable", "not_bridged"),
    *("bad_handshake", "upgrade_required", "websockets_unavailable", "invalid_message", "unusable_database"),
    *("invalid_key", "key_expired", "scope_missing", "proof_required"),
    *("ref_taken", "changed_meanwhile", "precondition_required", "message_too_large"),
    *("total_would_fall", "not_yet_forgotten", "disk_almost_full"),
}


@pytest.fixture(scope="module")
def messages_of_pages() -> set[str]:
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    messages = extract_from_dir(str(PACKAGE), [(mapping["pattern"], mapping["method"]) for mapping in mappings])
    return {singular(message) for _, _, message, _, _ in messages}


def singular(message: str | tuple[str, ...]) -> str:
    """A sentence with a plural is extracted and stored as both forms."""
    return message[0] if isinstance(message, tuple) else message


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_of_a_page_is_translated(messages_of_pages, language):
    with (PACKAGE / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    complete = [
        message for message in catalogue if message.id and message.string and all(message.string) and not message.fuzzy
    ]
    translated = {singular(message.id) for message in complete}
    assert messages_of_pages - translated == set()
    assert translated - messages_of_pages == set(), "said no more: make translations"
    assert [(message.id, list(message.check())) for message in catalogue if list(message.check())] == []


def test_the_catalogue_has_the_sentence_of_every_error(messages_of_pages):
    shown = {kind.sentence for kind in kinds(errors.KoyJaboError) if kind.code not in FOR_PROGRAMS}
    assert shown - messages_of_pages == set()


LIMITS = [
    (credential_rules.EMAIL_TOO_LONG, [credential_rules.MAX_EMAIL_LENGTH, credential_rules.MAX_LOCAL_PART_LENGTH]),
    (credential_rules.PASSWORD_LENGTH, [credential_rules.MIN_PASSWORD_LENGTH, credential_rules.MAX_PASSWORD_LENGTH]),
    (validators.NAME_LENGTH, [1, validators.MAX_NAME_LENGTH]),
    (validators.NAME_TOO_LONG, [validators.MAX_NAME_LENGTH]),
    (community_validators.DESCRIPTION_TOO_LONG, [community_validators.MAX_DESCRIPTION]),
    (receipts.REASON_LENGTH, [1, receipts.MAX_REASON_LENGTH]),
    (total.TOTAL_RANGE, [0, MAX_TOTAL]),
]


def test_a_sentence_about_a_limit_names_the_limit_that_is_checked():
    """Numbers are written out, so that pybabel finds complete sentences."""
    for sentence, limits in LIMITS:
        assert [int(number) for number in re.findall(r"\d+", sentence.replace(",", ""))] == limits, sentence


def kinds(error):
    return [error, *(subkind for kind in error.__subclasses__() for subkind in kinds(kind))]
