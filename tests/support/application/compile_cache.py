"""What the applications that tests make in one process compile once: it takes most of the time to make one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from re import Pattern
from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule, rules

MOST_STATEMENTS = 3000


def compile_once() -> None:
    _keep_routes()
    rules._part_re = KeptMatches(rules._part_re)  # type: ignore[attr-defined]
    Flask.jinja_options = {"bytecode_cache": KeptTemplates()}


def keep_statements() -> None:
    """Compile each SQL statement once a kind of database, not once a database: a third of what opening one takes.

    For the tests' own process alone: in a server, connections that real threads use would share a lock.
    """
    kept: LRUCache[Any, Any] = LRUCache(MOST_STATEMENTS)
    Engine._compiled_cache = property(lambda _: kept, lambda *_: None)  # type: ignore[assignment]
    DefaultDialect.__eq__ = lambda dialect, other: type(dialect) is type(other)  # type: ignore[method-assign]
    DefaultDialect.__hash__ = lambda dialect: hash(type(dialect))  # type: ignore[method-assign]


def _keep_routes() -> None:
    """What builds the URLs of a route is a function of its text; werkzeug gives it the route with each call."""
    compile_builder = Rule._compile_builder
    kept: dict[object, Callable[..., Any]] = {}

    def kept_builder(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in kept:
            kept[key] = compile_builder(rule, append_unknown)
        return kept[key]

    Rule._compile_builder = kept_builder  # type: ignore[method-assign]


class KeptMatches:
    """Those of the expression by which werkzeug takes routes apart: a third of what making an application takes."""

    def __init__(self, pattern: Pattern[str]) -> None:
        self.match = cache(pattern.match)


class KeptTemplates(BytecodeCache):
    """In memory."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code
