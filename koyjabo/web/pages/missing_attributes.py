"""Makes templates fail on a name that a row or a result does not have. Jinja would treat the name as empty."""

from collections.abc import Mapping
from types import NoneType
from typing import Any

from flask import Flask
from jinja2 import Undefined
from jinja2.exceptions import UndefinedError
from jinja2.utils import missing


class MayBeMissing(Undefined):
    """A missing variable, or a missing name of a mapping or None, which is empty. A missing attribute of any other
    object raises UndefinedError.
    """

    __slots__ = ()

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, *more: Any) -> None:
        if obj is not missing and not isinstance(obj, (Mapping, Undefined, NoneType)):
            raise UndefinedError(f"{type(obj).__name__} has no attribute {name!r}")
        super().__init__(hint, obj, name, *more)


def init_app(app: Flask) -> None:
    app.jinja_env.undefined = MayBeMissing
