"""`/docs` shows every call of `/openapi.json`, with samples that work here, and stays small."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape

import pytest
from support.application.site import Site
from support.people.page_readers import Reader, words

from koyjabo.webkit.openapi import guide as api_guide

HERE = "https://koyjabo.example"
MOST_BYTES = 30_000
"""Of the page alone, as it is sent."""

CODE = re.compile(r'<pre tabindex="0" aria-label="(curl|JavaScript)"><code>(.*?)</code></pre>', re.DOTALL)


@pytest.fixture(scope="module")
def spec(site):
    return site.client.get("/openapi.json").json


@pytest.fixture(scope="module")
def page(site):
    return site.client.get("/docs").text


def operations(spec):
    return [(path, method.upper(), each) for path, item in spec["paths"].items() for method, each in item.items()]


def samples(page: str, kind: str) -> list[str]:
    return [unescape(text) for found, text in CODE.findall(page) if found == kind]


def test_every_call_is_shown_with_what_it_takes_and_answers(spec, page):
    shown = words(page)
    for path, method, operation in operations(spec):
        assert f"{method} {path} {operation['summary']}" in shown
        assert f'id="{operation["operationId"]}"' in page
        for scheme in operation.get("security", ()):
            assert all(f"Needs an API key with {scope}" in shown for scope in scheme.get("key", ()))
        for status, answer in operation["responses"].items():
            assert f"{status} {' '.join(answer['description'].split())}" in shown, (path, status)
        for parameter in operation.get("parameters", ()):
            assert parameter["name"] in shown
    for name, schema in spec["components"]["schemas"].items():
        assert f'id="{name}"' in page
        for field in schema.get("properties", {}):
            assert f"<code>{field}</code>" in page


def test_page_that_is_kept_names_no_host_of_its_first_reader(site, page):
    assert HERE in page
    headers = {"Host": "evil.example", "Accept-Language": "bn"}
    assert "evil.example" not in site.client.get("/docs", headers=headers).text


def test_every_link_in_it_leads_somewhere(page):
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links
    assert [link for link in links if f'id="{link}"' not in page] == []


def test_curl_samples_are_commands_that_make_the_call(spec, page):
    found = samples(page, "curl")
    assert len(found) == len(operations(spec))
    for command in found:
        parts = shlex.split(command.replace("\\\n", " "))
        assert parts[0] == "curl"
        assert any(part.startswith(f"{HERE}/") for part in parts)
        if "-d" in parts:
            assert isinstance(json.loads(parts[parts.index("-d") + 1]), dict)


def test_sample_of_a_registration_registers(site, spec):
    (call,) = (each for _, found in api_guide.calls(spec) for each in found if each.path == "/api/visitor/register")
    assert site.post(data=call.sample, content_type="application/json").status_code == 200


def test_samples_name_the_public_address(sqlite_database):
    with Site(sqlite_database.url, PUBLIC_URL="https://live.example.com") as site:
        page = site.client.get("/docs").text
    assert all("https://live.example.com/" in each for each in samples(page, "curl") + samples(page, "JavaScript"))


def test_english_text_is_marked_on_the_page_in_bangla(site):
    page = site.client.get("/docs", headers={"Accept-Language": "bn"}).text
    assert '<html lang="bn"' in page
    chrome, _, calls = page.partition('<div lang="en" translate="no" class="calls"')
    assert "POST" not in words(chrome)
    assert "POST" in calls


def test_page_is_made_once_and_the_same_for_all_its_readers(site, cast):
    reader = Reader(site).log_in("member")
    for of_reader in ({"Accept-Encoding": "gzip"}, {"Accept-Encoding": "gzip", "Accept-Language": "bn"}):
        first, again = (client.get("/docs/?x=1", headers=of_reader) for client in (site.client, reader.client))
        assert first.data == again.data
        assert first.headers["ETag"] == again.headers["ETag"]
        same = site.client.get("/docs/", headers={**of_reader, "If-None-Match": first.headers["ETag"]})
        assert (same.status_code, same.headers["Cache-Control"]) == (304, "private, no-cache")
        assert {"Accept-Encoding", "Accept-Language", "Cookie"} <= set(first.vary)
    reader.client.set_cookie("theme", "dark")
    assert '<html lang="en" data-theme="dark"' in reader.get("/docs")


def test_page_is_small_and_swagger_is_on_another_one(site, page):
    packed = site.client.get("/docs", headers={"Accept-Encoding": "gzip"})
    assert len(packed.data) < MOST_BYTES
    assert "swagger" not in page
    assert "swagger-ui-bundle.js" in site.client.get("/docs/try").text
    bundle = site.client.get("/docs/swagger-ui-bundle.js", headers={"Accept-Encoding": "gzip"})
    assert bundle.headers["Content-Encoding"] == "gzip"
    assert bundle.headers["Cache-Control"] == "public, max-age=86400"
