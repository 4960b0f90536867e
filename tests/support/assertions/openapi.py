"""Compares a response with what `/openapi.json` declares for its path, method and status."""

from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator
from werkzeug.routing import Map

from support.application.site import Site

_specifications: dict[Map, dict[str, Any]] = {}
"""By their routes, which most sites share. Generating one takes 0.3 s."""


def assert_described(site: Site, answer: Any) -> None:
    routes = site.app.url_map
    if routes not in _specifications:
        _specifications[routes] = site.app.test_client().get("/openapi.json").json
    spec = _specifications[routes]
    asked = answer.request
    rule, _ = routes.bind("localhost").match(asked.path, asked.method, return_rule=True)
    path = re.sub(r"<(?:[^<>:]+:)?(\w+)>", r"{\1}", rule.rule)
    responses = spec["paths"][path][asked.method.lower()]["responses"]
    assert str(answer.status_code) in responses, (path, asked.method, answer.text)
    content = responses[str(answer.status_code)].get("content")
    if content is None:
        assert answer.data == b""
        return
    schema = {**content[answer.mimetype]["schema"], "components": spec["components"]}
    Draft202012Validator(schema).validate(answer.json)
