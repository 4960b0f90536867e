"""`/openapi.json` describes the real routes, and pages load nothing from other servers."""

import json
import re
import shlex
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from odd_values import GOOD, GOOD_OF
from support.application.site import Site

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.installation import VERSION
from koyjabo.counting.schemas.requests import VisitorBody
from koyjabo.web.schemas.bodies import Body

HERE = "https://live.example.com"
COMMANDS = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def spec(site):
    return site.client.get("/openapi.json").json


def operations(spec):
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_description_is_valid_openapi_3_1(spec):
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
        for status in {"429", "503"} & set(operation["responses"]):
            assert operation["responses"][status]["headers"]["Retry-After"]["required"]
        texts = [operation["description"], *(response["description"] for response in operation["responses"].values())]
        assert all(texts[1:])
        assert not [text for text in texts if "\n  " in text], "Markdown has indented lines as code"
        for parameter in operation.get("parameters", ()):
            assert {"name", "in", "schema"} <= set(parameter)
    for schema in spec["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_public_path_and_every_body_is_described(site, spec):
    public = ("/api", "/koyjabo.gif", "/v.gif", "/badge.", "/healthz", "/readyz", "/metrics")
    rules = [rule for rule in site.app.url_map.iter_rules() if rule.rule.startswith(public)]
    paths = [
        (re.sub(r"<(?:[^<>:]+:)?(\w+)>", r"{\1}", rule.rule), rule.methods - {"HEAD", "OPTIONS"}) for rule in rules
    ]
    described = {(path, method) for path, method, _ in operations(spec)}
    assert described == {(path, method.lower()) for path, methods in paths for method in methods}
    names = {
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for _, _, operation in operations(spec)
        if "requestBody" in operation
    }
    assert names == {body.__name__ for body in bodies()}


def test_all_changes_of_an_account_except_a_logout_are_described_with_their_limit(spec):
    unlimited = [
        path
        for path, method, operation in operations(spec)
        if method != "get" and "security" in operation and "429" not in operation["responses"]
    ]
    assert unlimited == ["/api/auth/logout"]


def test_the_calls_in_the_description_work(sqlite_database):
    with Site(sqlite_database.url, PUBLIC_URL=HERE) as site:
        spec = site.client.get("/openapi.json").json
        (commands,) = COMMANDS.findall(spec["info"]["description"])
        words = [shlex.split(line) for line in commands.replace("\\\n", "").splitlines() if line.startswith("curl")]
        registering, reading, streaming = words
        assert registering[:4] == ["curl", "-X", "POST", f"{HERE}/api/visitor/register"]
        media, body = registering[5].removeprefix("Content-Type: "), registering[7]
        assert site.client.post("/api/visitor/register", data=body, content_type=media).status_code == 200
        assert site.client.get(reading[1].removeprefix(HERE)).json["totalVisits"] == 1
        assert "get" in spec["paths"][streaming[1].removeprefix(HERE)]


ODD: list[Any] = [None, True, False, 0, -1, 2.0, 2.5, "", "x", "5", " ", "a@b.com", "member", [], ["x"], {}, {"a": 1}]


def bodies(kind: type[Body] = Body) -> list[type[Body]]:
    """Bodies of the API, without forms and bridges."""
    models = [model for sub in kind.__subclasses__() for model in (sub, *bodies(sub))]
    others = {"pages", "admin", "panel", "bridges"}
    parts = {model: model.__module__.split(".") for model in models}
    used = [model for model in models if not others & set(parts[model]) and parts[model][-1] != "ui"]
    return [model for model in used if model is not VisitorBody]


def is_accepted(body: type[Body], body_json: dict[str, Any]) -> bool:
    try:
        body.read(json.dumps(body_json).encode(), {})
    except InvalidInput:
        return False
    return True


def test_a_body_is_accepted_if_and_only_if_it_matches_its_schema(spec):
    for body in bodies():
        schema = {**spec["components"]["schemas"][body.__name__], "components": spec["components"]}
        described = Draft202012Validator(schema)
        good = GOOD | GOOD_OF.get(body.__name__, {})
        usual = {name: value for name, value in good.items() if name in body.model_fields}
        assert is_accepted(body, usual)
        for name in body.model_fields:
            without = {field: value for field, value in usual.items() if field != name}
            for json_body in (without, *({**usual, name: value} for value in ODD)):
                assert is_accepted(body, json_body) == described.is_valid(json_body), (body.__name__, json_body)
