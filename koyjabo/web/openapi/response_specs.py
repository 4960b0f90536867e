"""What handlers say about the bodies of their responses."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import BaseModel

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
    """Server-Sent Events. The data of an event is one of the models, distinguished by `type`."""

    models: Collection[type[BaseModel]]
