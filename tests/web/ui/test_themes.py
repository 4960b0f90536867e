"""The theme of pages: chosen in the footer, kept in a cookie, without scripts."""

from __future__ import annotations

import pytest


@pytest.fixture
def client(site):
    return site.app.test_client()


def theme_of(client) -> str:
    html = client.get("/login").text.split("<head>")[0]
    return html.partition('data-theme="')[2].partition('"')[0]


def test_theme_is_that_of_the_system_until_one_is_chosen(client):
    assert theme_of(client) == ""
    answer = client.post("/theme", data={"theme": "dark", "next": "/login"})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert theme_of(client) == "dark"
    assert client.get("/login").text.count('aria-current="true"') == 2  # the theme and the language
    client.post("/theme", data={"theme": ""})
    assert theme_of(client) == ""


def test_themes_that_do_not_exist_end_the_choice_and_it_leads_to_no_other_site(client):
    for theme in ("blue", "<b>", "dark\n"):
        client.post("/theme", data={"theme": "light"})
        assert client.post("/theme", data={"theme": theme}).status_code == 303
        assert theme_of(client) == ""
    assert client.post("/theme", data={"theme": "dark", "next": "//elsewhere.example"}).location == "/"
