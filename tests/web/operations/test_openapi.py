"""`/openapi.json` describes what really is there, and `/docs` shows it without asking anybody else."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlparse

import pytest
from jsonschema import Draft202012Validator
from support.app_fixtures import Site
from support.databases import SqliteDatabase

from koyjabo.installation import VERSION

REFUSALS = {
    "/api/visitor/register": {200, 400, 404, 413, 415, 429, 503},
    "/api/visitor/heartbeat": {204, 400, 404, 413, 415, 429, 503},
    "/api/events": {200, 400, 413, 415, 429, 503},
    "/api/visitor/forget": {204, 400, 413, 415, 429, 503},
    "/api/stats": {200, 304},
}
LINK = re.compile(r"""<(?!a )[^>]*(?:src|href)=["']([^"'#]+)["']""")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    url = SqliteDatabase.migrated(tmp_path_factory.mktemp("site") / "koyjabo.db").url
    with Site(url, RATE_LIMIT_REGISTRATIONS=1, RATE_LIMIT_HEARTBEATS=1) as site:
        yield site


@pytest.fixture(scope="module")
def spec(site):
    return site.client.get("/openapi.json").json


def operations(spec):
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def references(node):
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from references(each)


def test_it_is_openapi_3_1(spec):
    assert re.fullmatch(r"3\.1\.\d", spec["openapi"])
    assert set(spec) <= {"openapi", "info", "paths", "components", "tags", "servers"}
    assert spec["info"]["title"]
    assert spec["info"]["version"] == VERSION
    names = [operation["operationId"] for _, _, operation in operations(spec)]
    assert len(names) == len(set(names))
    for path, method, operation in operations(spec):
        assert path.startswith("/")
        assert method in {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
        assert operation["summary"]
        assert operation["responses"]
        assert all(re.fullmatch(r"[1-5]\d\d", status) for status in operation["responses"])
        assert all(response["description"] for response in operation["responses"].values())
        for parameter in operation.get("parameters", ()):
            assert {"name", "in", "schema"} <= set(parameter)
    for schema in spec["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere(spec):
    found = set(references(spec))
    assert found
    for reference in found:
        prefix, _, name = reference.rpartition("/")
        assert prefix == "#/components/schemas"
        assert name in spec["components"]["schemas"]


def test_every_public_path_is_described(site, spec):
    public = ("/api", "/v.gif", "/badge.", "/healthz", "/readyz", "/metrics")
    rules = [rule for rule in site.app.url_map.iter_rules() if rule.rule.startswith(public)]
    paths = [
        (re.sub(r"<(?:[^<>:]+:)?(\w+)>", r"{\1}", rule.rule), rule.methods - {"HEAD", "OPTIONS"}) for rule in rules
    ]
    described = {(path, method) for path, method, _ in operations(spec)}
    assert described == {(path, method.lower()) for path, methods in paths for method in methods}
    assert described


@pytest.mark.parametrize(("path", "statuses"), REFUSALS.items())
def test_every_status_is_described(spec, path, statuses):
    (operation,) = spec["paths"][path].values()
    assert {int(status) for status in operation["responses"]} == statuses


def test_whoever_has_to_come_back_later_is_told_when(spec):
    limited = {path for path, _, operation in operations(spec) if "429" in operation["responses"]}
    assert {"/api/communities", "/api/communities/{community_id}/members", "/api/visitor/register"} <= limited
    for _, _, operation in operations(spec):
        for status in {"429", "503"} & set(operation["responses"]):
            assert operation["responses"][status]["headers"]["Retry-After"]["required"]


def calls(site: Site):
    """(path, answer) for every status that a call without a broken database can have."""
    register, heartbeat, stats = "/api/visitor/register", "/api/visitor/heartbeat", "/api/stats"
    forget, events = "/api/visitor/forget", "/api/events"
    happened = [{"id": "1", "name": "search"}]
    good = {"visitorId": "ayesha", "visitId": "1", "page": "/", "timestamp": 5, "events": happened}
    elsewhere = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
    for path in (register, heartbeat, events, forget):
        yield path, site.post(path, json=good)
        yield path, site.post(path, json={})
        yield path, site.post(path, json={"visitorId": "nobody", "communityId": "nothing"})
        yield path, site.post(path, data=b"{", content_type="application/json")
        yield path, site.post(path, data=b"{}")
        yield path, site.post(path, json={**good, "more": "x" * 17_000})
    limited = (register, heartbeat, events)
    yield from ((path, site.post(path, json=good, **elsewhere)) for path in limited for _ in range(2))
    yield from ((forget, site.post(forget, json=good, **elsewhere)) for _ in range(31))
    yield stats, site.client.get(stats)
    yield stats, site.client.get(stats, headers={"If-None-Match": "*"})
    yield from ((path, site.client.get(path)) for path in ("/healthz", "/readyz"))


def test_real_answers_are_as_described(site, spec):
    seen = {path: set() for path in spec["paths"]}
    for path, answer in calls(site):
        seen[path].add(answer.status_code)
        (operation,) = spec["paths"][path].values()
        content = operation["responses"][str(answer.status_code)].get("content")
        if content is None:
            assert answer.data == b""
            continue
        schema = {**content[answer.mimetype]["schema"], "components": spec["components"]}
        Draft202012Validator(schema).validate(answer.json)
        assert answer.json  # an empty object would fit almost anything
    expected = {**{path: set(REFUSALS[path]) - {503} for path in REFUSALS}, "/healthz": {200}, "/readyz": {200}}
    assert {path: statuses for path, statuses in seen.items() if statuses} == expected


@pytest.mark.parametrize("body", [{}, {"visitorId": "a b"}, {"visitorId": 5}, {"visitorId": "a", "timestamp": "soon"}])
def test_bodies_that_are_refused_do_not_fit_their_description(spec, body):
    content = spec["paths"]["/api/visitor/register"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "text/plain"}
    schema = {**content["application/json"]["schema"], "components": spec["components"]}
    assert Draft202012Validator(schema).is_valid({"visitorId": "a", "timestamp": "12", "communityId": None})
    assert not Draft202012Validator(schema).is_valid(body)


@pytest.mark.parametrize("page", ["/", "/docs", "/docs/", "/docs/try"])
def test_pages_load_nothing_from_elsewhere(site, page):
    answer = site.client.get(page)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    links = LINK.findall(answer.text)
    assert any(link.endswith(".js") for link in links)
    for link in links:
        address = urlparse(urljoin(f"http://localhost{page}", link))
        assert address.netloc == "localhost"
        assert site.client.get(address.path).status_code == 200, link


def test_docs_show_this_description(site):
    assert "/openapi.json" in site.client.get("/docs/").text
