"""What `/openapi.json` says of a field is what is accepted, for every field of every body, to the last null."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.app_fixtures import Site
from support.databases import SqliteDatabase

from koyjabo.errors import InvalidInput
from koyjabo.web.api.visit_requests import Body

GOOD = {
    "visitorId": "ayesha",
    "email": "karim@example.com",
    "password": "rickshaw at dawn",
    "current_password": "x",
    "new_password": "rickshaw at dawn",
    "name": "Mirpur",
    "role": "member",
    "token": "x",
    "code": "492039",
    "credential": {"id": "x"},
    "events": [{"id": "1", "name": "search"}],
}
ODD: list[Any] = [None, True, False, 0, -1, 2.0, 2.5, "", "x", "5", " ", "a@b.com", "member", [], ["x"], {}, {"a": 1}]


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> dict[str, Any]:
    with Site(SqliteDatabase.migrated(tmp_path_factory.mktemp("site") / "koyjabo.db").url) as site:
        return site.client.get("/openapi.json").json


def bodies(kind: type[Body] = Body) -> list[type[Body]]:
    """Those of forms alone are in `koyjabo.web.pages` and `koyjabo.web.admin`."""
    found = [each for sub in kind.__subclasses__() for each in (sub, *bodies(sub))]
    return [each for each in found if each.__module__.startswith("koyjabo.web.api")]


def is_accepted(body: type[Body], said: dict[str, Any]) -> bool:
    try:
        body.read(json.dumps(said).encode(), {})
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("body", bodies(), ids=lambda each: each.__name__)
def test_field_is_accepted_as_it_is_described(spec, body):
    described = Draft202012Validator({**spec["components"]["schemas"][body.__name__], "components": spec["components"]})
    usual = {name: value for name, value in GOOD.items() if name in body.model_fields}
    assert is_accepted(body, usual)
    for name in body.model_fields:
        for value in ODD:
            said = {**usual, name: value}
            assert is_accepted(body, said) == described.is_valid(said), said
        without = {each: value for each, value in usual.items() if each != name}
        assert is_accepted(body, without) == described.is_valid(without), without


def test_every_body_is_described(spec):
    described = {
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for path in spec["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    }
    assert described == {each.__name__ for each in bodies()}
