"""Names that people give: something in them can be seen, and they do not turn the words around them."""

from __future__ import annotations

import pytest
from support.account_calls import sign_up
from support.app_fixtures import Site, assert_error
from support.community_calls import PATH, found

INVISIBLE = [
    "\u200b",
    "\u2060\u200d",
    "\u202e\u202e",
    "\ufeff",
    "\u3164",
    "\u115f \u1160",
    "\u2800",
    "\u0301",
    "\u00ad",
]
BANGLA = "র\u200d্যাব উদ্\u200cঘাটন"  # joiners inside words, which change what is written
FAMILY = "👩\u200d👧 Mirpur"


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    with Site(module_sqlite_database.url) as site:
        yield site


@pytest.fixture(scope="module")
def founder(site):
    return sign_up(site, "founder")


@pytest.mark.parametrize("name", INVISIBLE, ids=ascii)
def test_community_has_a_name_that_can_be_seen(founder, name):
    answer = founder.post(PATH, json={"name": name})
    assert_error(answer, 400, "invalid_input", "name")
    community = found(founder)["id"]
    assert founder.patch(f"{PATH}/{community}", json={"name": name}).status_code == 400


@pytest.mark.parametrize("name", INVISIBLE, ids=ascii)
def test_user_without_a_name_that_can_be_seen_has_that_of_the_email(site, name):
    email = f"karim{INVISIBLE.index(name)}@example.com"
    body = {"email": email, "password": "rickshaw at dawn", "name": name}
    assert site.post("/api/auth/signup", json=body).json["user"]["name"] == email.partition("@")[0]


@pytest.mark.parametrize("local", ["\u3164", "\u0301", "\u061c"], ids=ascii)
def test_user_whose_email_cannot_be_seen_before_the_at_has_all_of_it_as_name(site, local):
    body = {"email": f"{local}@example.com", "password": "rickshaw at dawn"}
    assert site.post("/api/auth/signup", json=body).json["user"]["name"] == f"{local}@example.com"


SAID = {
    "\u202enimda": "nimda",
    "a\u2066b\u2069\u200ec\u061c": "abc",
    "\u200dMirpur\u200c \u200d10": "Mirpur 10",
    BANGLA: BANGLA,
    FAMILY: FAMILY,
    "!": "!",
    "٣": "٣",
}


@pytest.mark.parametrize("said", SAID, ids=ascii)
def test_direction_marks_go_and_joiners_inside_words_stay(site, founder, said):
    assert found(founder, name=said)["name"] == SAID[said]
    email = f"name{list(SAID).index(said)}@example.com"
    body = {"email": email, "password": "rickshaw at dawn", "name": said}
    assert site.post("/api/auth/signup", json=body).json["user"]["name"] == SAID[said]
