"""Responses of models, which no cache may store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response, json
from pydantic import BaseModel

PRIVATE = ("Cache-Control", "private, no-store")


def answer(value: BaseModel, status: int = 200) -> Response:
    return _private(_object(value), status, [])


def list_answer(values: Iterable[BaseModel], headers: list[tuple[str, str]]) -> Response:
    return _private([_object(each) for each in values], 200, headers)


def no_answer() -> Response:
    return Response(status=204, headers=[PRIVATE])


def _private(value: Any, status: int, headers: list[tuple[str, str]]) -> Response:
    return Response(json.dumps(value), status, [PRIVATE, *headers], mimetype="application/json")


def _object(value: BaseModel) -> dict[str, Any]:
    return value.model_dump(exclude_unset=True)
