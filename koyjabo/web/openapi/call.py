"""Makes a call of the API from its handler, whose annotations say what it reads and what it returns.

The handler gets the result of `Caller.authenticate`, the values of the path and, if it has a parameter `body`, the
validated body. It returns the model of the response, None for a response without a body (204), or a `Response`, which
`responses` has to describe.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, get_type_hints

from flask import Response, request
from pydantic import BaseModel

from koyjabo.web.http.responses import json_response, no_content
from koyjabo.web.login import tokens
from .describe import describe
from .refusals import (
    BODY_REFUSALS,
    CSRF_REFUSALS,
    LOGIN_REFUSALS,
    PASSWORD_REFUSALS,
    TOKEN_REFUSALS,
    WRONG_PASSWORD_REFUSALS,
    Caller,
)
from .response_specs import ResponseSpec

Handler = Callable[..., BaseModel | Response | None]

BY_ANYONE = Caller(lambda **_: tokens.require().account, LOGIN_REFUSALS)
"""Also API keys, if the call has a scope, and users of other systems."""

BY_ACCOUNT = Caller(lambda **_: tokens.require_account().account, LOGIN_REFUSALS)

BY_SITE_ADMIN = Caller(
    lambda **_: tokens.require_site_admin(), {**LOGIN_REFUSALS, 403: "only for logged-in site admins"}
)

BY_LOGIN = Caller(lambda **_: tokens.require_account(), TOKEN_REFUSALS)
"""The handler gets the login."""

BY_CHANGING_LOGIN = BY_LOGIN._replace(refusals={**TOKEN_REFUSALS, **CSRF_REFUSALS})

BY_LOGIN_WITH_PASSWORD = BY_LOGIN._replace(
    refusals={**PASSWORD_REFUSALS, **BY_CHANGING_LOGIN.refusals, **WRONG_PASSWORD_REFUSALS}
)
"""The handler verifies the password in the body."""


def call(
    summary: str,
    by: Caller,
    responses: dict[int, ResponseSpec] | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    scope: str = "",
) -> Callable[[Handler], Callable[..., Response]]:
    """Make a view of a handler, and describe it. `responses` adds to the statuses that follow from the caller, the
    body, the method and the returned model, whose status is `status`.
    """

    def view_of(handler: Handler) -> Callable[..., Response]:
        types = get_type_hints(handler)
        body, returned = types.get("body"), types["return"]
        own = {} if returned is Response else {204: None} if returned is type(None) else {status: returned}

        @wraps(handler)
        def view(**values: Any) -> Response:
            caller = by.authenticate(**values)
            if body is not None:
                values["body"] = body.of(request)
            result = handler(caller, **values)
            if isinstance(result, BaseModel):
                return json_response(result, status)
            return no_content() if result is None else result

        known = {**own, **(BODY_REFUSALS if body else {}), **by.refusals, **(responses or {})}
        return describe(summary, known, body, headers, query, scope=scope, limits_changes=True)(view)

    return view_of
