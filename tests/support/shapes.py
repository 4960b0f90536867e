"""Shapes of answers as data: types, the keys that an object must have, and lists of one shape."""

from __future__ import annotations

import re
from typing import Any

INT, NUMBER, TEXT, FLAG = int, (int, float), str, bool
NOTHING = type(None)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def assert_shape(found: Any, shape: Any, where: str = "$") -> None:
    """An object may have more keys than its shape; a list has the one shape for each of its members."""
    if isinstance(shape, dict):
        assert isinstance(found, dict), where
        assert shape.keys() <= found.keys(), f"{where}: {shape.keys() - found.keys()} missing"
        for name, part in shape.items():
            assert_shape(found[name], part, f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(found, list), where
        for number, each in enumerate(found):
            assert_shape(each, shape[0], f"{where}[{number}]")
    elif isinstance(shape, re.Pattern):
        assert isinstance(found, str), where
        assert shape.fullmatch(found), f"{where}: {found}"
    else:
        assert isinstance(found, shape), f"{where}: {found!r}"
        assert not isinstance(found, bool) or shape is bool, f"{where}: {found!r}"
