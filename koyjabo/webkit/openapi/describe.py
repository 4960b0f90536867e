"""How handlers describe their input and their answers, for `GET /openapi.json`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from koyjabo.webkit.schemas.bodies import Body


@dataclass(frozen=True)
class ListOf:
    """An array of a model."""

    model: type[BaseModel]


@dataclass(frozen=True)
class TableOf:
    """Rows: as JSON, or as CSV."""

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
class File:
    """A JSON file."""

    description: str


@dataclass(frozen=True)
class Image:
    description: str
    media: str = "image/gif"


@dataclass(frozen=True)
class EventStream:
    """Server-Sent Events: each has one of the models as its data, told apart by `type`."""

    models: tuple[type[BaseModel], ...]


Answer = type[BaseModel] | ListOf | TableOf | OneOf | Text | File | Image | EventStream | str | None
"""A model of the body, the description of an error, or None for an empty body."""

View = TypeVar("View", bound=Callable[..., Any])


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
    """Describe the input of a handler (body, headers and query arguments by name) and its answers by status. The
    docstring of the handler is the description of the operation.
    """

    def attach(view: View) -> View:
        view.operation = Operation(summary, answers, body, headers or {}, query or {}, secured)  # type: ignore[attr-defined]
        return view

    return attach
