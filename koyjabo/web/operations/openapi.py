"""`GET /openapi.json`, put together from the routes and the models their handlers are described with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from apispec import APISpec
from flask import Blueprint, Flask, current_app
from pydantic import BaseModel
from werkzeug.routing import Rule

from koyjabo.installation import VERSION
from koyjabo.web.api.visit_requests import Body
from koyjabo.web.api.visit_responses import ErrorAnswer


@dataclass(frozen=True)
class ListOf:
    """An array of a model."""

    model: type[BaseModel]


@dataclass(frozen=True)
class Text:
    """A body that is not JSON."""

    description: str


Answer = type[BaseModel] | ListOf | Text | str | None
"""A model of the body, a sentence (then the body is an error), or None for an empty body."""

View = TypeVar("View", bound=Callable[..., Any])
REF = "#/components/schemas/{model}"

SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "a token from POST /api/auth/login",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "access_token_cookie",
        "description": "set by POST /api/auth/login; whatever changes something says csrf_access_token in X-CSRF-TOKEN",
    },
}

COME_BACK_LATER = {429, 503}
RETRY_AFTER = {"Retry-After": {"description": "seconds", "required": True, "schema": {"type": "integer"}}}

bp = Blueprint("openapi", __name__)


@dataclass(frozen=True)
class Operation:
    summary: str
    answers: dict[int, Answer] = field(default_factory=dict)
    body: type[Body] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    secured: bool = True


def describe(
    summary: str,
    answers: dict[int, Answer],
    body: type[Body] | None = None,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    secured: bool = True,
) -> Callable[[View], View]:
    """Say what a handler takes (a body, headers and arguments by name) and gives by status. Its docstring is the
    description."""

    def keep(view: View) -> View:
        view.operation = Operation(summary, answers, body, headers or {}, query or {}, secured)  # type: ignore[attr-defined]
        return view

    return keep


@bp.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """OpenAPI 3.1, of the routes as they are."""
    return _specification(current_app._get_current_object())  # type: ignore[attr-defined]


@cache
def _specification(app: Flask) -> dict[str, Any]:
    spec = APISpec("Koy Jabo Live", VERSION, "3.1.0", info={"description": "Visitor counts, exact and at once."})
    models: set[type[BaseModel]] = {ErrorAnswer}
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if operation is not None:
            spec.path(_path(rule), operations=_operations(app, rule, operation))
            models.update(_models(operation))
    for model in models:
        _add_schema(spec, model)
    for name, scheme in SECURITY.items():
        spec.components.security_scheme(name, scheme)
    return spec.to_dict()


def _models(operation: Operation) -> Iterator[type[BaseModel]]:
    for each in (operation.body, *operation.answers.values()):
        model = each.model if isinstance(each, ListOf) else each
        if isinstance(model, type):
            yield model


TAGS = {"/api/auth/": "accounts", "/api/communities": "communities", "/api/": "visits", "/": "operation"}
"""What is shown together, by how paths begin."""


def _tag(path: str) -> str:
    return next(tag for beginning, tag in TAGS.items() if path.startswith(beginning))


def _operations(app: Flask, rule: Rule, operation: Operation) -> dict[str, Any]:
    written: dict[str, Any] = {
        "tags": [_tag(rule.rule)],
        "summary": operation.summary,
        "operationId": rule.endpoint.replace(".", "_"),
        "description": (app.view_functions[rule.endpoint].__doc__ or "").strip(),
        "responses": {str(status): _response(status, answer) for status, answer in operation.answers.items()},
    }
    parameters = _parameters(rule, operation)
    if parameters:
        written["parameters"] = parameters
    if operation.body is not None:
        written["requestBody"] = {
            "required": not operation.body.may_be_absent,
            "content": {media: _schema(operation.body) for media in operation.body.media},
        }
    if operation.secured and 401 in operation.answers:
        written["security"] = [{name: []} for name in SECURITY]
    methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return {method.lower(): written for method in sorted(methods)}


def _parameters(rule: Rule, operation: Operation) -> list[dict[str, Any]]:
    text = {"schema": {"type": "string"}}
    asked = [("header", operation.headers), ("query", operation.query)]
    return [
        *({"in": "path", "name": name, "required": True, **text} for name in sorted(rule.arguments)),
        *({"in": where, "name": name, "description": why, **text} for where, by in asked for name, why in by.items()),
    ]


def _response(status: int, answer: Answer) -> dict[str, Any]:
    return _body(answer) | ({"headers": RETRY_AFTER} if status in COME_BACK_LATER else {})


def _body(answer: Answer) -> dict[str, Any]:
    if answer is None:
        return {"description": "no body"}
    if isinstance(answer, Text):
        return {"description": answer.description, "content": {"text/plain": {"schema": {"type": "string"}}}}
    if isinstance(answer, ListOf):
        array = {"schema": {"type": "array", "items": _schema(answer.model)["schema"]}}
        return {"description": f"a list of {answer.model.__name__}", "content": {"application/json": array}}
    model = ErrorAnswer if isinstance(answer, str) else answer
    description = answer if isinstance(answer, str) else (model.__doc__ or model.__name__)
    return {"description": description, "content": {"application/json": _schema(model)}}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": REF.format(model=model.__name__)}}


def _add_schema(spec: APISpec, model: type[BaseModel]) -> None:
    schema = model.model_json_schema(ref_template=REF)
    for name, part in {**schema.pop("$defs", {}), model.__name__: schema}.items():
        if name not in spec.components.schemas:
            spec.components.schema(name, part)


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
