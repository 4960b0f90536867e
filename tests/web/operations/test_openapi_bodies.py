"""What `/openapi.json` says of a field is what is accepted, for every field of every body, to the last null."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.odd_values import GOOD

from koyjabo.errors import InvalidInput
from koyjabo.web.api.visit_requests import Body

ODD: list[Any] = [None, True, False, 0, -1, 2.0, 2.5, "", "x", "5", " ", "a@b.com", "member", [], ["x"], {}, {"a": 1}]


@pytest.fixture(scope="module")
def spec(site) -> dict[str, Any]:
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


def test_fields_are_accepted_as_they_are_described(spec):
    for body in bodies():
        schema = {**spec["components"]["schemas"][body.__name__], "components": spec["components"]}
        described = Draft202012Validator(schema)
        usual = {name: value for name, value in GOOD.items() if name in body.model_fields}
        assert is_accepted(body, usual)
        for name in body.model_fields:
            without = {each: value for each, value in usual.items() if each != name}
            for said in (without, *({**usual, name: value} for value in ODD)):
                assert is_accepted(body, said) == described.is_valid(said), (body.__name__, said)


def test_every_body_is_described(spec):
    described = {
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for path in spec["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    }
    assert described == {each.__name__ for each in bodies()}
