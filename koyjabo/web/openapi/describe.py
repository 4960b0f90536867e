"""Lets handlers describe their input and their responses for `GET /openapi.json`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from koyjabo.web.schemas.bodies import Body
from .response_specs import ResponseSpec

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operation:
    summary: str
    responses: Mapping[int, ResponseSpec] = field(default_factory=dict)
    body: type[Body] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    query: Mapping[str, str | Callable[[], str]] = field(default_factory=dict)
    secured: bool = True
    scope: str = ""
    limits_changes: bool = False  # the account's limit on changes applies, unless the method only reads


def describe(
    summary: str,
    responses: Mapping[int, ResponseSpec],
    body: type[Body] | None = None,
    headers: dict[str, str] | None = None,
    query: Mapping[str, str | Callable[[], str]] | None = None,
    secured: bool = True,
    scope: str = "",
    limits_changes: bool = False,
) -> Callable[[View], View]:
    """Describe the input of a handler (body, headers and query arguments by name) and its responses by status. The
    handler's docstring is the description of the call. API keys with `scope` may make the call; without a scope, no key
    may (`koyjabo.web.login.tokens`). `responses` and `query` may be registries, and texts of `query` functions.
    """

    def attach(view: View) -> View:
        arguments = headers or {}, {} if query is None else query
        view.operation = Operation(  # type: ignore[attr-defined]
            summary, responses, body, *arguments, secured, scope, limits_changes
        )
        return view

    return attach
