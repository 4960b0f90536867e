"""`GET /openapi.json`, generated from the routes and from the models that handlers `describe`."""

import gzip
import re
from collections.abc import Collection, Iterator
from functools import cache
from inspect import cleandoc
from typing import Any, Literal, get_args

from apispec import APISpec
from flask import Blueprint, Flask, Response, current_app
from pydantic import BaseModel
from werkzeug.routing import Rule

from koyjabo.base.core.errors import INNER_CAPITAL
from koyjabo.base.core.installation import VERSION
from koyjabo.base.settings.schema import Settings
from koyjabo.web.blueprints import API_PREFIX
from koyjabo.web.current import current
from koyjabo.web.http import packing, paths
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import ErrorResponse
from koyjabo.web.login import tokens
from koyjabo.web.pages.links import ANY_SITE
from koyjabo.web.schemas.bodies import Body
from .describe import Operation
from .refusals import CHANGE_REFUSALS, KEY_REFUSALS
from .response_specs import Image, ListOf, OneOf, ResponseSpec, StreamOf, TableOf, Text

REF_TEMPLATE = "#/components/schemas/{model}"

DESCRIPTION = """Exact visitor counts and community presence, in real time.

Requests and responses are JSON in UTF-8. An error is `{"error": "what to do", "code": "…"}` with a fitting status.
These three calls need no login:

```sh
# Register a visit
curl -X POST SITE/api/visitor/register -H "Content-Type: application/json" \\
  -d '{"visitorId": "visitor_1702757318000_a1b2c3d4e"}'

# Current stats of the site
curl SITE/api/stats

# Stream the stats of the site
curl SITE/api/stream
```
"""

SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "a token from POST /api/auth/login, or one signed by another system",
    },
    "key": {"type": "http", "scheme": "bearer", "description": "an API key with the scope that the call requires"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "access_token_cookie",
        "description": "set by POST /api/auth/login; requests that change data send csrf_access_token in X-CSRF-TOKEN. "
        "Over HTTPS, the names of both cookies begin with __Host-",
    },
}

COME_BACK_LATER = {429, 503}
RETRY_AFTER_HEADER = {"Retry-After": {"description": "seconds", "required": True, "schema": {"type": "integer"}}}

bp = Blueprint("openapi", __name__)
declare(bp, "/openapi.json", PathPolicy.OWN)

OPERATION = "operation"
"""The tag of calls for operators, which no feature declares."""


@bp.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 description of this API, generated from its routes."""
    return packing.kept(_packed(current_app._get_current_object(), current()[Settings].public_url))  # type: ignore[attr-defined]


@cache
def _packed(app: Flask, site: str) -> bytes:
    return gzip.compress(app.make_response(specification(app, site)).get_data(), mtime=0)


def specification(app: Flask, site: str) -> dict[str, Any]:
    spec = APISpec(
        "Koy Jabo Live",
        VERSION,
        "3.1.0",
        info={"description": DESCRIPTION.replace("SITE", site or ANY_SITE)},
    )
    for name in (*app.config["TAGS"], OPERATION):
        spec.tag({"name": name})
    models: set[type[BaseModel]] = {ErrorResponse}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: not rule.rule.startswith("/api/")):
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if operation is not None:
            path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
            spec.path(path, operations=_operations(app, rule, operation))
            models.update(_models(operation))
    for model in sorted(models, key=lambda model: model.__name__):
        mode: Literal["validation", "serialization"] = "validation" if issubclass(model, Body) else "serialization"
        schema = model.model_json_schema(ref_template=REF_TEMPLATE, mode=mode)
        for name, part in {**schema.pop("$defs", {}), model.__name__: schema}.items():
            if name not in spec.components.schemas:
                spec.components.schema(name, part)
    for name, scheme in SECURITY.items():
        spec.components.security_scheme(name, scheme)
    return spec.to_dict()


def _models(operation: Operation) -> Iterator[type[BaseModel]]:
    for part in (operation.body, *operation.responses.values()):
        model = part.json if isinstance(part, TableOf) else part
        if isinstance(model, OneOf):
            yield model.other
        if isinstance(model, StreamOf):
            yield from model.models
        model = model.model if isinstance(model, ListOf | OneOf) else model
        if isinstance(model, type):
            yield model


def _operations(app: Flask, rule: Rule, operation: Operation) -> dict[str, Any]:
    methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    of_key = KEY_REFUSALS if operation.scope else {}
    of_method = CHANGE_REFUSALS if operation.limits_changes and methods - tokens.SAFE_METHODS else {}
    responses = {**of_key, **of_method, **operation.responses}
    described: dict[str, Any] = {
        "tags": [paths.tag_of(app, rule.rule) or OPERATION],
        "summary": operation.summary,
        "operationId": _id(rule),
        "description": cleandoc(app.view_functions[rule.endpoint].__doc__ or ""),
        "responses": {str(status): _body(response) for status, response in responses.items()},
    }
    for status in COME_BACK_LATER & responses.keys():
        described["responses"][str(status)]["headers"] = RETRY_AFTER_HEADER
    parameters = _parameters(rule, operation)
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": not operation.body.may_be_absent,
            "content": {media: _schema(operation.body) for media in operation.body.media},
        }
    if operation.secured and 401 in responses:
        by_key = [{"key": [operation.scope]}] if operation.scope else []
        described["security"] = [{"bearer": []}, *by_key, {"session": []}]
    return {method.lower(): described for method in sorted(methods)}


def _id(rule: Rule) -> str:
    """The name of the view. Clients that are generated from the document use it."""
    blueprint, _, view = rule.endpoint.partition(".")
    return f"api_{view}" if blueprint.startswith(API_PREFIX) else f"{blueprint}_{view}"


def _parameters(rule: Rule, operation: Operation) -> list[dict[str, Any]]:
    text = {"schema": {"type": "string"}}
    query = {name: d() if callable(d) else d for name, d in operation.query.items()}
    optional = (("header", operation.headers), ("query", query))
    return [
        *({"in": "path", "name": name, "required": True, **text} for name in sorted(rule.arguments)),
        *({"in": place, "name": name, "description": d, **text} for place, of in optional for name, d in of.items()),
    ]


def _body(response: ResponseSpec) -> dict[str, Any]:
    if response is None:
        return {"description": "no body"}
    if isinstance(response, Text):
        return {"description": response.description, "content": {"text/plain": {"schema": {"type": "string"}}}}
    if isinstance(response, Image):
        return {"description": response.description, "content": {response.media: {}}}
    if isinstance(response, StreamOf):
        return {
            "description": response.description,
            "content": {response.media: {"schema": _by_type(response.models)}},
        }
    if isinstance(response, ListOf):
        array = {"schema": {"type": "array", "items": _schema(response.model)["schema"]}}
        return {"description": "a list", "content": {"application/json": array}}
    if isinstance(response, TableOf):
        described = _body(response.json)
        return {**described, "content": {**described["content"], "text/csv": {"schema": {"type": "string"}}}}
    if isinstance(response, OneOf):
        schemas = [_schema(model)["schema"] for model in (response.model, response.other)]
        description = f"{_words(response.model)}, or {_words(response.other)}"
        return {"description": description, "content": {"application/json": {"schema": {"anyOf": schemas}}}}
    model = ErrorResponse if isinstance(response, str) else response
    description = response if isinstance(response, str) else cleandoc(model.__doc__ or _words(model))
    return {"description": description, "content": {"application/json": _schema(model)}}


def _words(model: type[BaseModel]) -> str:
    return INNER_CAPITAL.sub(" ", model.__name__.removesuffix("Response")).lower()


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": REF_TEMPLATE.format(model=model.__name__)}}


def _by_type(models: Collection[type[BaseModel]]) -> dict[str, Any]:
    """The schema for one of several models, distinguished by their `type`."""
    references = {get_args(model.model_fields["type"].annotation)[0]: _schema(model)["schema"] for model in models}
    mapping = {name: reference["$ref"] for name, reference in references.items()}
    return {"oneOf": list(references.values()), "discriminator": {"propertyName": "type", "mapping": mapping}}
