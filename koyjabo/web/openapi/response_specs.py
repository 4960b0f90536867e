"""What handlers say about the bodies of their responses."""

from collections.abc import Collection
from typing import Any, NamedTuple, TypeAlias, get_type_hints

from pydantic import BaseModel, Field, create_model

ResponseSpec: TypeAlias = "type[BaseModel] | ListOf | TableOf | OneOf | Text | Image | StreamOf | str | None"
"""Describes a response: a model of the body, a text about an error, or None for an empty body."""


class ListOf(NamedTuple):
    """An array of a model."""

    model: type[BaseModel]


class TableOf(NamedTuple):
    """Rows, as JSON or as CSV."""

    json: type[BaseModel] | ListOf


class OneOf(NamedTuple):
    """One of two models."""

    model: type[BaseModel]
    other: type[BaseModel]


class Text(NamedTuple):
    """A body that is not JSON."""

    description: str


class Image(NamedTuple):
    description: str
    media: str = "image/gif"


class StreamOf(NamedTuple):
    """A response that does not end. Each event is one of the models, distinguished by `type`."""

    models: Collection[type[BaseModel]]
    description: str = "Server-Sent Events; the `data` of each is one of these objects, as JSON"
    media: str = "text/event-stream"


def result_model(name: str, about: str, result: type | None = None, **more: Any) -> type[BaseModel]:
    """Return a model with the fields of a result, then `more`. Fields whose type has a default may be absent."""
    fields: dict[str, Any] = get_type_hints(result, include_extras=True) if result else {}
    return create_model(name, __doc__=about, **{field: (hint, Field()) for field, hint in fields.items()} | more)
