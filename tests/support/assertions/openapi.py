"""Compares a response with what `/openapi.json` declares for its path, method and status."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator

from support.application.site import Site


def assert_described(site: Site, answer: Any) -> None:
    spec = _described(site.app)
    asked = answer.request
    rule, _ = site.app.url_map.bind("localhost").match(asked.path, asked.method, return_rule=True)
    path = re.sub(r"<(?:[^<>:]+:)?(\w+)>", r"{\1}", rule.rule)
    responses = spec["paths"][path][asked.method.lower()]["responses"]
    assert str(answer.status_code) in responses, (path, asked.method, answer.text)
    content = responses[str(answer.status_code)].get("content")
    if content is None:
        assert answer.data == b""
        return
    schema = {**content[answer.mimetype]["schema"], "components": spec["components"]}
    Draft202012Validator(schema).validate(answer.json)


@cache
def _described(app: Flask) -> dict[str, Any]:
    return app.test_client().get("/openapi.json").json
