"""What handlers say about the bodies of their responses."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias, get_type_hints

from pydantic import BaseModel, Field, create_model

ResponseSpec: TypeAlias = "type[BaseModel] | ListOf | TableOf | OneOf | Text | Image | StreamOf | str | None"
"""Describes a response: a model of the body, a text about an error, or None for an empty body."""


@dataclass(frozen=True)
class ListOf:
    """An array of a model."""

    model: type[BaseModel]


@dataclass(frozen=True)
class TableOf:
    """Rows, as JSON or as CSV."""

    json: type[BaseModel] | ListOf


@dataclass(frozen=True)
class OneOf:
    """One of two models."""

    model: type[BaseModel]
    other: type[BaseModel]


@dataclass(frozen=True)
class Text:
    """A body that is not JSON."""

    description: str


@dataclass(frozen=True)
class Image:
    description: str
    media: str = "image/gif"


@dataclass(frozen=True)
class StreamOf:
    """A response that does not end. Each event is one of the models, distinguished by `type`."""

    models: Collection[type[BaseModel]]
    description: str = "Server-Sent Events; the `data` of each is one of these objects, as JSON"
    media: str = "text/event-stream"


def result_model(name: str, about: str, result: type | None = None, **more: Any) -> type[BaseModel]:
    """Return a model with the fields of a result, then `more`. Fields whose type has a default may be absent."""
    fields: dict[str, Any] = get_type_hints(result, include_extras=True) if result else {}
    return create_model(name, __doc__=about, **{field: (hint, Field()) for field, hint in fields.items()} | more)
