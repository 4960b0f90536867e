"""Whoever reads pages in Bangla is also told in Bangla what is wrong with what they sent."""

from __future__ import annotations

import re
from html import unescape

import pytest
from support.account_calls import PASSWORD
from support.admin_calls import panel
from support.page_calls import Reader, words

ERROR = re.compile(r'(?s)<(?:small id="[^"]*" class="error"|p class="notice warning" role="alert")>(.*?)</')
ENGLISH = re.compile(r"[A-Za-z]{2,}")
EXAMPLES = "ayesha@example.com"

SENT = {
    "no email, short password": ("/signup", {"name": "a", "email": "a", "password": "1234567"}, 2),
    "long email, long password": ("/signup", {"name": "a", "email": "a" * 300 + "@b.cd", "password": "1" * 129}, 2),
    "another password": (
        "/account/password",
        {"current_password": "another one", "new_password": "rickshaws at dusk"},
        1,
    ),
    "a short new password": ("/account/password", {"current_password": PASSWORD, "new_password": "1"}, 1),
    "no name, long description": ("/communities/new", {"name": " ", "description": "a" * 2001}, 2),
    "a long name": ("/admin/communities/new", {"name": "a" * 201, "description": ""}, 1),
    "no total, no reason": ("/admin/data/total", {"total": "x", "reason": " "}, 2),
    "a total too large": ("/admin/data/total", {"total": "9" * 17, "reason": "why not"}, 1),
    "an export of no days": ("/admin/data/export", {"first_day": "x", "last_day": "y", "community_id": "z"}, 3),
    "an export backwards": ("/admin/data/export", {"first_day": "2025-12-17", "last_day": "2025-12-16"}, 1),
}


WRONG_ADDRESS = "এই পাতার ঠিকানা ঠিক নয়।"
ADDRESSES = {
    "/admin/visits?before=x": WRONG_ADDRESS,
    "/admin/visits?first_day=x": "একটি তারিখ দিন",
    "/admin/audit?before=-1": WRONG_ADDRESS,
}


@pytest.fixture(scope="module")
def admin(site) -> Reader:
    reader = panel(site)
    reader.headers = {**reader.headers, "Accept-Language": "bn"}
    return reader


@pytest.mark.parametrize(("path", "said", "errors"), SENT.values(), ids=SENT)
def test_errors_of_forms_are_in_bangla(site, admin, path, said, errors):
    reader = Reader(site, "bn") if path == "/signup" else admin
    answer = reader.client.post(path, headers=reader.headers, data={"csrf_token": reader.csrf, **said})
    assert answer.status_code in (400, 401, 403, 422), answer.text
    check(answer.text, errors)


def test_errors_of_addresses_are_in_bangla(admin):
    for path, sentence in ADDRESSES.items():
        answer = admin.client.get(path, headers=admin.headers)
        main = re.search(r"(?s)<main.*</main>", answer.text)[0]
        said = words(re.sub(r"<code>.*?</code>", "", main))
        assert (answer.status_code, sentence in said, ENGLISH.findall(said)) == (400, True, []), said


def check(page: str, errors: int) -> None:
    found = [unescape(each).replace(EXAMPLES, "") for each in ERROR.findall(page)]
    assert len(found) == errors, page
    assert [each for each in found if ENGLISH.search(each)] == []
