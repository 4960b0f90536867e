"""The page `/docs`, from the OpenAPI description: calls by tag, with their fields, answers and samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

Schema = Mapping[str, Any]

SAMPLES = {
    "visitorId": "visitor_1702757318000_a1b2c3d4e",
    "visitId": "9f2c41d07ab3",
    "timestamp": 1702757318000,
    "email": "ayesha@example.com",
    "password": "rickshaw at dawn",
    "current_password": "rickshaw at dawn",
    "new_password": "ferry at noon",
    "code": "123456",
    "name": "Mirpur 10",
    "role": "moderator",
}
"""Values of fields in samples, by name."""

FIRST_CALLS = ("api_register_visit", "api_stats", "api_stream")
"""With which a reader starts, by id."""

TOKEN = "$TOKEN"
"""Stands for an access token in samples."""


class Field(NamedTuple):
    name: str
    kind: str
    is_required: bool
    about: str


class Model(NamedTuple):
    name: str
    about: str
    fields: list[Field]


class DocumentedResponse(NamedTuple):
    status: str
    about: str
    model: str  # "" for a body that has none


class DocumentedCall(NamedTuple):
    """One operation. `sample` is the body of an example, as JSON; "" without a body."""

    id: str
    tag: str
    method: str
    path: str
    summary: str
    about: str
    needs_login: bool
    scope: str  # of the API keys that may make it; "" if none may
    parameters: list[Field]
    body: str  # the name of its model
    answers: list[DocumentedResponse]
    sample: str


def calls(description: Schema) -> list[tuple[str, list[DocumentedCall]]]:
    """The calls of each tag, by path, and FIRST_CALLS before those. Tags have the order of the description."""
    schemas = description["components"]["schemas"]
    documented = [
        _call(path, method, operation, schemas)
        for path, operations in sorted(description["paths"].items())
        for method, operation in operations.items()
    ]
    tags = [tag["name"] for tag in description["tags"]]
    by_tag = sorted(documented, key=lambda call: (tags.index(call.tag), _rank(call)))
    return [(tag, list(each)) for tag, each in groupby(by_tag, lambda call: call.tag)]


def _rank(call: DocumentedCall) -> int:
    return FIRST_CALLS.index(call.id) if call.id in FIRST_CALLS else len(FIRST_CALLS)


def models(description: Schema) -> list[Model]:
    schemas = description["components"]["schemas"]
    return [
        Model(name, _one_line(schema.get("description", "")), fields(schema))
        for name, schema in sorted(schemas.items())
    ]


def fields(schema: Schema) -> list[Field]:
    required = schema.get("required", ())
    return [
        Field(name, kind_of(each), name in required, _one_line(each.get("description", "")))
        for name, each in schema.get("properties", {}).items()
    ]


def kind_of(schema: Schema) -> str:
    """`integer or null`, `list of StatsAnswer`, `"member" or "admin"`"""
    if "$ref" in schema:
        return _name(schema["$ref"])
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(map(kind_of, several)))
    if "enum" in schema or "const" in schema:
        return " or ".join(json.dumps(each) for each in schema.get("enum") or [schema["const"]])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def curl(call: DocumentedCall, host: str) -> str:
    """A command for a shell."""
    lines = [f"curl {host}{call.path}" if call.method == "GET" else f"curl -X {call.method} {host}{call.path}"]
    lines += [f'-H "Authorization: Bearer {TOKEN}"'] if call.needs_login else []
    lines += ['-H "Content-Type: application/json"', f"-d '{call.sample}'"] if call.sample else []
    return " \\\n  ".join(lines)


def fetch(call: DocumentedCall, host: str) -> str:
    """JavaScript of a module."""
    headers = {"Authorization": "`Bearer ${token}`"} if call.needs_login else {}
    headers |= {'"Content-Type"': '"application/json"'} if call.sample else {}
    options = {} if call.method == "GET" else {"method": f'"{call.method}"'}
    options |= {"headers": f"{{ {_pairs(headers)} }}"} if headers else {}
    options |= {"body": f"JSON.stringify({call.sample})"} if call.sample else {}
    lines = "".join(f"  {name}: {value},\n" for name, value in options.items())
    more = f", {{\n{lines}}}" if options else ""
    return f'const response = await fetch("{host}{call.path}"{more});'


def _call(path: str, method: str, operation: Schema, schemas: Schema) -> DocumentedCall:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _name(content.get("schema", {}).get("$ref", ""))
    return DocumentedCall(
        id=operation["operationId"],
        tag=operation["tags"][0],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        about=_one_line(operation["description"]),
        needs_login="security" in operation,
        scope="".join(scope for each in operation.get("security", ()) for scope in each.get("key", ())),
        parameters=[_parameter(each) for each in operation.get("parameters", ())],
        body=body,
        answers=list(_answers(operation["responses"])),
        sample=json.dumps(sample(schemas[body], schemas), ensure_ascii=False) if body else "",
    )


def _parameter(parameter: Schema) -> Field:
    about = parameter.get("description", "")
    return Field(parameter["name"], parameter["in"], parameter.get("required", False), about)


def _answers(responses: Schema) -> Iterator[DocumentedResponse]:
    for status, response in sorted(responses.items()):
        media: Schema = next(iter(response.get("content", {}).values()), {})
        model = kind_of(media["schema"]) if "schema" in media else ""
        yield DocumentedResponse(status, _one_line(response["description"]), model)


def sample(schema: Schema, schemas: Schema) -> Any:
    """An example: of an object its required fields."""
    if "$ref" in schema:
        return sample(schemas[_name(schema["$ref"])], schemas)
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], schemas)
    if "properties" in schema:
        required = [name for name in schema["properties"] if name in schema.get("required", ())]
        return {name: SAMPLES.get(name) or sample(schema["properties"][name], schemas) for name in required}
    return {"integer": 1, "boolean": True, "array": [], "object": {}}.get(schema.get("type", ""), "…")


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _pairs(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in pairs.items())


def _one_line(text: str) -> str:
    return " ".join(text.split())
