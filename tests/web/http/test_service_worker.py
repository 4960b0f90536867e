"""/sw.js and the page for those without a network."""

from __future__ import annotations

import re

SOURCE = re.compile(r'import "(/static/v-[0-9a-f]{12}/js/service-worker\.js)";\n')
STYLE = re.compile(r'href="(/static/v-[0-9a-f]{12}/)css/')


def test_service_worker_is_looked_for_anew_and_names_the_version_of_the_pages(site):
    answer = site.client.get("/sw.js")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/javascript", "no-cache")
    source = SOURCE.fullmatch(answer.text)[1]
    assert source.startswith(STYLE.search(site.client.get("/login").text)[1])
    assert "immutable" in site.client.get(source).headers["Cache-Control"]


def test_service_worker_may_load_its_modules_and_speak_to_this_server_alone(site):
    policy = site.client.get("/sw.js").headers["Content-Security-Policy"]
    allowed = ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    assert policy.split("; ") == allowed


def test_page_without_a_network_says_so_and_what_there_is(site):
    answer = site.client.get("/offline")
    assert answer.status_code == 200
    for part in ("No network", 'href="">Try again', 'href="/">Back to home'):
        assert part in answer.text
