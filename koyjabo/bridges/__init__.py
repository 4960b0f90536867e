"""Answers clients of other systems in their own way. Each module or package here is one bridge, and nothing else
imports it: `BRIDGES` names the active ones, and any of them can be deleted (docs/bridges.md).
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from flask import Blueprint

from koyjabo.webkit.http.response_headers import Paths


class Bridge(Protocol):
    bp: Blueprint
    PATHS: Paths  # that other origins may call


def load(name: str) -> Bridge:
    return cast(Bridge, import_module(f"{__name__}.{name}"))
