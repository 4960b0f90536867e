"""The badge and the frame of a community: for everyone where it shows its numbers, and for no one elsewhere."""

from __future__ import annotations

import re

import pytest
import requests
from support.community_calls import PATH
from support.members import Member, PlainMember
from support.processes import wait_until

SHOWN = re.compile(r'aria-label="([^"]*)"')


@pytest.fixture(scope="module")
def server(sqlite_server):
    return sqlite_server


def ask(server, path: str, community: str, **more: str) -> requests.Response:
    query = {"value": "online", "community": community, **more}
    return requests.get(f"http://127.0.0.1:{server.port}{path}", query, timeout=10)


def test_badge_and_frame_show_who_is_online_as_long_as_the_community_does(server, founder):
    community = founder.found(public_count=True)
    member = Member(server).join(community)
    assert ask(server, "/badge.json", community).json()["message"] == "0"
    with PlainMember(server.port, community, member.token) as inside:
        inside.wait_for_count(1)
        badge = ask(server, "/badge.svg", community, lang="bn")
        assert SHOWN.search(badge.text)[1] == "এখন অনলাইনে: ১"
        again = requests.get(badge.url, headers={"If-None-Match": badge.headers["ETag"]}, timeout=10)
        assert again.status_code == 304
        frame = ask(server, "/embed", community, lang="en").text
        assert f'community="{community}"' in frame
        assert ">1</koyjabo-count>" in frame
    wait_until(lambda: ask(server, "/badge.json", community).json()["message"] == "0", "the member has left")
    founder.call("PATCH", f"{PATH}/{community}", {"public_count": False})
    refused = ask(server, "/badge.svg", community)
    assert (refused.status_code, refused.headers["Content-Type"]) == (404, "image/svg+xml")
    assert ask(server, "/embed", community).status_code == 404


@pytest.mark.parametrize("community", ["site", "x", "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"])
def test_no_other_community_is_known(server, community):
    assert ask(server, "/badge.json", community).json()["code"] == "unknown_community"
