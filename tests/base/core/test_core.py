"""The base of all packages: codes of errors, names, fair shares, and the hours that visits are counted in."""

import random
import re
import uuid
from collections import Counter
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, strategies as st
from support.application.site import assert_error
from support.models.people_model import DAY_S, changes, local_hour
from support.people.accounts import PASSWORD, sign_up
from support.people.communities import PATH, found
from support.programs.processes import ROOT
from support.runs.fuzz_effort import effort

from koyjabo.base.core import close_codes
from koyjabo.base.core.clock import Clock, iso
from koyjabo.base.core.fair_shares import FairShares
from koyjabo.base.core.link_tokens import EMAIL_VERIFICATION, INVITATION, PASSWORD_RESET, LinkTokens

REFUSALS = {
    value for name, value in vars(close_codes).items() if name.isupper() and isinstance(value, int) and value >= 4000
}


def test_the_react_package_knows_every_code_of_a_refusal():
    source = (ROOT / "clients/react/src/endings.ts").read_text()
    known = {int(code) for code in re.findall(r"\b4\d{3}\b", source)}
    assert known == REFUSALS


def test_each_file_of_the_react_package_and_its_examples_is_for_clients():
    """Frameworks that render on a server need the first line."""
    react = ROOT / "clients/react"
    files = [*(react / "src").iterdir(), *(react / "examples").iterdir()]
    assert [file.name for file in files if not file.read_text().startswith('"use client";\n')] == []
    examples = re.findall(r"```tsx\n(.*?)```", (react / "README.md").read_text(), re.DOTALL)
    assert [text for text in examples if "import " in text and not text.startswith('"use client";\n')] == []


INVISIBLE = ["\u200b", "\u2060\u200d", "\u202e\u202e", "\ufeff", "ㅤ", "ᅟ ᅠ", "⠀", "́", "\xad"]
BANGLA = "র\u200d্যাব উদ্\u200cঘাটন"  # joiners inside words, which change the spelling
FAMILY = "👩\u200d👧 Mirpur"


@pytest.fixture(scope="module")
def founder(site):
    return sign_up(site, "founder")


def name_after_sign_up(site, email: str, name: str = "") -> str:
    return site.post("/api/auth/signup", json={"email": email, "password": PASSWORD, "name": name}).json["user"]["name"]


def test_a_community_needs_a_visible_name_and_a_user_gets_one_from_the_email(site, founder):
    community = found(founder)["id"]
    for name in INVISIBLE:
        assert_error(founder.post(PATH, json={"name": name}), 400, "invalid_input", "name")
        assert founder.patch(f"{PATH}/{community}", json={"name": name}).status_code == 400, ascii(name)
    names = [name_after_sign_up(site, f"karim{number}@example.com", name) for number, name in enumerate(INVISIBLE)]
    assert names == [f"karim{number}" for number in range(len(INVISIBLE))]
    unseen = [f"{local}@example.com" for local in ("\u3164", "\u0301", "\u061c")]
    unseen.append(f"\u3164@{'b' * 240}")  # names have at most 200 characters
    assert [name_after_sign_up(site, email) for email in unseen] == [email[:200] for email in unseen]


SAID = {"\u202enimda": "nimda", "a\u2066b\u2069\u200ec\u061c": "abc", "\u200dMirpur\u200c \u200d10": "Mirpur 10"}
SAID |= {text: text for text in (BANGLA, FAMILY, "!", "٣")}


def test_a_name_loses_its_direction_marks_and_keeps_joiners_within_words(site, founder):
    assert {name_: found(founder, name=name_)["name"] for name_ in SAID} == SAID
    users = {name_: name_after_sign_up(site, f"name{number}@example.com", name_) for number, name_ in enumerate(SAID)}
    assert users == SAID


def test_the_network_with_the_most_entries_loses_its_oldest_when_the_memory_is_full():
    chooser, known = random.Random(7), {}  # by owner and key: the network, oldest first
    shares: FairShares[int] = FairShares(20, 20, print)
    for number in range(1000):
        network, owner, key = chooser.choice("aaabcdef"), chooser.choice("uvwxyz"), number % 9
        match chooser.randrange(8):
            case 0:
                for kept in shares.take(chooser.randrange(4), 9):
                    del known[kept.owner, kept.key]
            case 1:
                shares.forget(owner)
                known = {name: network for name, network in known.items() if name[0] != owner}
            case _:
                shares.add(network, owner, key, number)
                known.setdefault((owner, key), network)
        lost = [name for name in known if shares.get(*name) is None]
        assert len(lost) == max(0, len(known) - 20)
        for name in lost:
            sizes = Counter(known.values())
            assert sizes[known[name]] == max(sizes.values())
            assert name == next(other for other, network in known.items() if network == known[name])
            del known[name]
        assert len(shares) == len(known)


ZONES = sorted(available_timezones() - {"Factory", "localtime"})
moments = st.integers(946_684_800_000, 2_208_988_800_000)  # ms, 2000 to 2040


def ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


@cache
def used_clock(zone: str) -> Clock:
    """A clock that agrees with a new one although it has been used for long."""
    return Clock(ZoneInfo(zone))


@effort(300)
@given(zone=st.sampled_from(ZONES), at_ms=moments)
@example(zone="Australia/Lord_Howe", at_ms=ms("2026-04-05T01:45:00+10:30"))
@example(zone="Australia/Lord_Howe", at_ms=ms("2025-10-05T02:30:00+11:00"))
@example(zone="Asia/Kathmandu", at_ms=ms("2026-01-01T00:00:00+05:45") - 1)
def test_the_hour_of_a_visit_follows_the_utc_offset_in_force(zone, at_ms):
    for clock in (Clock(ZoneInfo(zone)), used_clock(zone), used_clock("Asia/Dhaka")):
        assert clock.bucket(at_ms) == local_hour(at_ms, clock.zone)


CHANGING_ZONES = ("America/St_Johns", "Antarctica/Troll", "Asia/Dhaka", "Australia/Lord_Howe", "Pacific/Chatham")


@pytest.mark.parametrize("zone", CHANGING_ZONES)
def test_the_local_hours_are_right_around_each_change_of_the_clock(zone):
    clock, all_changes = Clock(ZoneInfo(zone)), [*changes(ZoneInfo(zone), 2006, 2010)]
    assert all_changes
    for change_s in all_changes:
        near = (*range(change_s - 2 * DAY_S, change_s + 2 * DAY_S, 900), change_s - 1)
        buckets = {at_s: clock.bucket(at_s * 1000) for at_s in near}
        assert buckets == {at_s: local_hour(at_s * 1000, ZoneInfo(zone)) for at_s in near}
        for day in {buckets[at_s].day for at_s in (change_s - 1, change_s)}:
            hours = sorted({bucket.hour_s for bucket in buckets.values() if bucket.day == day})
            assert clock.hours(day, day) == hours, (zone, day)


def test_a_time_is_written_in_utc_with_milliseconds():
    assert iso(1_765_860_518_412) == "2025-12-16T04:48:38.412Z"
    assert iso(1_765_860_518_002) == "2025-12-16T04:48:38.002Z"


TOKENS = LinkTokens("a secret for tests")


@effort(200)
@given(st.uuids().map(str), st.sampled_from([PASSWORD_RESET, EMAIL_VERIFICATION, INVITATION]))
def test_a_link_token_leads_to_its_row_only_for_its_purpose(row_id, purpose):
    token = TOKENS.token(purpose, row_id)
    assert TOKENS.row_id(purpose, token) == row_id
    assert {
        TOKENS.row_id(other, token) for other in (PASSWORD_RESET, EMAIL_VERIFICATION, INVITATION) if other != purpose
    } == {None}
    assert LinkTokens("another secret").row_id(purpose, token) is None


@effort(400)
@given(st.integers(0, 42), st.characters(), st.text())
def test_a_changed_link_token_or_any_other_text_is_refused(place, character, text):
    token = TOKENS.token(PASSWORD_RESET, str(uuid.UUID(int=1)))
    changed = token[:place] + character + token[place + 1 :]
    assert changed == token or TOKENS.row_id(PASSWORD_RESET, changed) is None
    assert TOKENS.row_id(PASSWORD_RESET, text) is None
