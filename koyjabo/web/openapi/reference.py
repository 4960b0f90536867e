"""The calls of `/openapi.json` by tag, with their fields and examples, as the page /docs shows them."""

import json
from collections import defaultdict
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markupsafe import Markup

Schema = dict[str, Any]

BY_NAME = {
    "name": "Mirpur 10",
    "email": "ayesha@example.com",
    "role": "member",
    "code": "492039",
    "visitorId": "visitor_1702757318000_a1b2c3d4e",
    "ref": "4711",
    "success": True,
    **dict.fromkeys(("id", "user_id", "community"), "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"),
    **dict.fromkeys(("password", "current_password", "new_password"), "rickshaw at dawn"),
}
"""Examples for fields without one, by name."""

BY_TYPE = {"string": "text", "integer": 1, "number": 1.5, "boolean": False, "null": None, "object": {}}

LIMITS = {
    "minLength": "minimum length {}",
    "maxLength": "maximum length {}",
    "minimum": "minimum {}",
    "maximum": "maximum {}",
    "minItems": "minimum length {}",
    "maxItems": "maximum length {}",
}

markdown = MarkdownIt("commonmark", {"html": False})


WAYS = {
    "bearer": Markup("access token"),
    "key": Markup("API key with <code>{}</code>"),
    "session": Markup("session cookie"),
}
"""How callers identify themselves, by security scheme."""


class Field(NamedTuple):
    """A field of a body, or parameters with the same description."""

    names: list[str]
    type: str
    is_required: bool
    text: Markup
    fields: "list[Field]" = []


class Answer(NamedTuple):
    status: str
    text: Markup
    fields: list[Field]
    example: str


class Call(NamedTuple):
    anchor: str
    method: str
    path: str
    summary: str
    text: Markup
    access: Markup
    parameters: dict[str, list[Field]]  # by their place
    body: list[Field]
    curl: str
    javascript: str
    answers: list[Answer]
    errors: list[Answer]


class Reference:
    def __init__(self, spec: dict[str, Any], site: str) -> None:
        self._schemas = spec["components"]["schemas"]
        self._site = site
        self.text = Markup(markdown.render(spec["info"]["description"]))
        schemes = spec["components"]["securitySchemes"]
        self.access = [
            (WAYS[name].format("a scope"), _inline(scheme["description"])) for name, scheme in schemes.items()
        ]
        self.tags: dict[str, list[Call]] = {tag["name"]: [] for tag in spec["tags"]}
        for path, operations in spec["paths"].items():
            for method, operation in operations.items():
                self.tags[operation["tags"][0]].append(self._call(path, method, operation))

    def _call(self, path: str, method: str, operation: dict[str, Any]) -> Call:
        answers = [self._answer(status, answer) for status, answer in operation["responses"].items()]
        _, body = _content(operation.get("requestBody", {}))
        return Call(
            f"/{operation['tags'][0]}/{operation['operationId']}",
            method.upper(),
            path,
            operation["summary"],
            Markup(markdown.render(operation["description"])),
            _access(operation),
            _parameters(operation.get("parameters", [])),
            self.fields(body),
            *self._requests(path, method, operation, body),
            [answer for answer in answers if answer.status < "400"],
            sorted(answer for answer in answers if answer.status >= "400"),
        )

    def _answer(self, status: str, answer: dict[str, Any]) -> Answer:
        media, schema = _content(answer)
        text = _inline(answer["description"])
        if status >= "400" or media not in ("application/json", "text/event-stream"):
            return Answer(status, text, [], "")
        example = _json(self.example(schema))
        if media == "text/event-stream":
            example = f"data: {json.dumps(self.example(schema), ensure_ascii=False)}"
        return Answer(status, text, self.fields(schema), example)

    def _requests(self, path: str, method: str, operation: dict[str, Any], body: Schema) -> tuple[str, str]:
        """The call with curl and in JavaScript."""
        url = f"{self._site}{path}"
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                url = url.replace(f"{{{parameter['name']}}}", parameter["name"].upper())
        headers = {"Authorization": "Bearer TOKEN"} if operation.get("security") else {}
        headers |= {"Content-Type": "application/json"} if body else {}
        lines = [url, *(f'-H "{name}: {value}"' for name, value in headers.items())]
        options = [f'method: "{method.upper()}",'] if method != "get" else []
        if headers:
            options.append(f"headers: {json.dumps(headers)},")
        if body:
            example = _json(self.example(body)).replace("\n", "\n  ")
            lines.append("-d '{}'".format(example.replace("'", "'\\''")))
            options.append(f"body: JSON.stringify({example}),")
        command = "curl " if method == "get" else f"curl -X {method.upper()} "
        init = ", {\n  " + "\n  ".join(options) + "\n}" if options else ""
        script = f'const response = await fetch("{url}"{init});'
        if "text/event-stream" in operation["responses"].get("200", {}).get("content", {}):
            read = "stream.onmessage = (event) => console.log(JSON.parse(event.data));"
            script = f'const stream = new EventSource("{url}");\n{read}'
        return command + " \\\n  ".join(lines), script

    def _resolved(self, schema: Schema) -> Schema:
        reference = schema.get("$ref")
        return self._schemas[reference.rpartition("/")[2]] | schema if reference else schema

    def _variants(self, schema: Schema) -> list[Schema]:
        return [self._resolved(part) for part in schema.get("anyOf") or schema.get("oneOf") or [schema]]

    def fields(self, schema: Schema) -> list[Field]:
        variants = [part for part in self._variants(self._resolved(schema)) if part.get("type") != "null"]
        if len(variants) > 1 and all("properties" in part for part in variants):
            return [Field([part["title"]], "object", False, Markup(), self.fields(part)) for part in variants]
        fields = []
        for part in variants:
            if "items" in part:
                fields += self.fields(part["items"])
            elif isinstance(part.get("additionalProperties"), dict):
                fields += self.fields(part["additionalProperties"])
            for name, field in part.get("properties", {}).items():
                is_required = name in part.get("required", [])
                fields.append(Field([name], self._type(field), is_required, _described(field), self.fields(field)))
        return fields

    def _type(self, schema: Schema) -> str:
        types = []
        for part in self._variants(self._resolved(schema)):
            if "items" in part:
                types.append(f"list of {self._plural(part['items'])}")
            elif "const" in part:
                types.append(json.dumps(part["const"]))
            elif isinstance(part.get("additionalProperties"), dict):
                types.append(f"object of {self._plural(part['additionalProperties'])}")
            else:
                types += _types(part)
        return " or ".join(dict.fromkeys(types))

    def _plural(self, schema: Schema) -> str:
        name = self._type(schema)
        return "values" if name == "any" else name.replace(" or ", "s or ") + "s"

    def example(self, schema: Schema, name: str = "") -> Any:
        """A value of this schema, with the required fields and fields that have an example."""
        schema = self._resolved(schema)
        if "examples" in schema:
            return schema["examples"][0]
        part = self._variants(schema)[0]
        if part is not schema and "examples" in part:
            return part["examples"][0]
        if "const" in part or "enum" in part:
            return part["const"] if "const" in part else part["enum"][0]
        if "items" in part:
            return [self.example(part["items"], name)]
        if "properties" in part:
            required = part.get("required", [])
            return {
                key: self.example(field, key)
                for key, field in part["properties"].items()
                if key in required or "examples" in field
            }
        return BY_NAME.get(name, BY_TYPE.get(_types(part)[0]))


def _types(schema: Schema) -> list[str]:
    types = schema.get("type", "any")
    return types if isinstance(types, list) else [types]


def _content(described: dict[str, Any]) -> tuple[str, Schema]:
    """The first media type of a body, and its schema."""
    for media, content in described.get("content", {}).items():
        return media, content.get("schema", {})
    return "", {}


def _parameters(parameters: list[dict[str, Any]]) -> dict[str, list[Field]]:
    """Parameters by place. Those with the same description are one field, because reports have 24 equal filters."""
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for parameter in parameters:
        groups[parameter["in"]][parameter.get("description", parameter["name"])].append(parameter["name"])
    return {
        place: [
            Field(names, "", place == "path", _inline("" if text == names[0] else text))
            for text, names in group.items()
        ]
        for place, group in groups.items()
    }


def _access(operation: dict[str, Any]) -> Markup:
    if any(parameter["name"] == "Authorization" for parameter in operation.get("parameters", [])):
        return Markup("the token in <code>Authorization</code>")
    ways = [WAYS[name].format(*scopes) for way in operation.get("security", []) for name, scopes in way.items()]
    return Markup(" · ").join(ways) or Markup("anyone")


def _described(schema: Schema) -> Markup:
    values = ", ".join(f"`{value}`" for value in schema.get("enum", []))
    parts = [schema.get("description", ""), values and f"one of {values}"]
    parts += [text.format(f"{schema[limit]:,}") for limit, text in LIMITS.items() if limit in schema]
    if schema.get("default") not in (None, "", [], {}):
        parts.append(f"default `{json.dumps(schema['default'])}`")
    return _inline("; ".join(filter(None, parts)))


def _inline(text: str) -> Markup:
    return Markup(markdown.renderInline(text))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
