"""Names that people enter must contain something visible, and cannot reverse the text around them."""

import pytest
from support.application.site import assert_error
from support.people.accounts import PASSWORD, sign_up
from support.people.communities import PATH, found

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
BANGLA = "র\u200d্যাব উদ্\u200cঘাটন"  # joiners inside words, which change the spelling
FAMILY = "👩\u200d👧 Mirpur"


@pytest.fixture(scope="module")
def founder(site):
    return sign_up(site, "founder")


def name_after_sign_up(site, email: str, name: str = "") -> str:
    return site.post("/api/auth/signup", json={"email": email, "password": PASSWORD, "name": name}).json["user"]["name"]


def test_community_has_a_name_that_can_be_seen(founder):
    community = found(founder)["id"]
    for name in INVISIBLE:
        assert_error(founder.post(PATH, json={"name": name}), 400, "invalid_input", "name")
        assert founder.patch(f"{PATH}/{community}", json={"name": name}).status_code == 400, ascii(name)


def test_user_without_a_visible_name_gets_one_from_the_email(site):
    names = [name_after_sign_up(site, f"karim{number}@example.com", name) for number, name in enumerate(INVISIBLE)]
    assert names == [f"karim{number}" for number in range(len(INVISIBLE))]
    unseen = [f"{local}@example.com" for local in ("\u3164", "\u0301", "\u061c")]
    unseen.append(f"\u3164@{'b' * 240}")  # names have at most 200 characters
    assert [name_after_sign_up(site, email) for email in unseen] == [email[:200] for email in unseen]


SAID = {"\u202enimda": "nimda", "a\u2066b\u2069\u200ec\u061c": "abc", "\u200dMirpur\u200c \u200d10": "Mirpur 10"}
SAID |= {text: text for text in (BANGLA, FAMILY, "!", "٣")}


def test_direction_marks_go_and_joiners_inside_words_stay(site, founder):
    assert {name_: found(founder, name=name_)["name"] for name_ in SAID} == SAID
    users = {name_: name_after_sign_up(site, f"name{number}@example.com", name_) for number, name_ in enumerate(SAID)}
    assert users == SAID
