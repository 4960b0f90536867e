"""This server's cookies. Over HTTPS, their names begin with `__Host-`, so that browsers accept them only from this host
and another host on the same domain cannot plant a session (RFC 6265bis, 4.1.3.2).
"""

import re

from flask import Flask, Response, current_app, request

ALWAYS_SECURE = "koyjabo.cookies_are_secure"
HOST_PREFIX = "__Host-"
INSECURE_ORIGIN = re.compile(r"http://(?!(127\.[\d.]+|\[::1\]|([^:]+\.)?localhost|[^:]+\.onion)(:|$))")
"""The origin of a page whose browser drops secure cookies (W3C Secure Contexts, 3.1)."""


def init_app(app: Flask, secure: bool) -> None:
    """Set up cookies. With `secure`, browsers send them only over TLS, even if this server does not know that TLS is
    used.
    """
    app.extensions[ALWAYS_SECURE] = secure


def cookie_name(name: str, over_tls: bool) -> str:
    """The name of a cookie in HTTP headers."""
    return f"{HOST_PREFIX}{name}" if over_tls else name


def get(name: str) -> str:
    """The value of a cookie; "" if there is none."""
    return request.cookies.get(cookie_name(name, request.is_secure), "")


def are_lost() -> bool:
    """Whether the sending page's browser drops the cookies of the response. Behind a proxy, only the browser's `Origin`
    says so.
    """
    is_insecure = INSECURE_ORIGIN.match(request.headers.get("Origin", "")) and not request.is_secure
    return current_app.extensions[ALWAYS_SECURE] and bool(is_insecure)


def put(response: Response, name: str, value: str, max_age_s: int, httponly: bool = True) -> None:
    """Set a cookie. Over HTTPS, also delete the cookie without the prefix, which the site set while it had no HTTPS."""
    _set(response, cookie_name(name, request.is_secure), value, max_age_s, httponly)
    if name in request.cookies and request.is_secure:
        _set(response, name, "", 0, httponly)


def delete(response: Response, name: str, httponly: bool = True) -> None:
    _set(response, cookie_name(name, request.is_secure), "", 0, httponly)


def _set(response: Response, name: str, value: str, max_age_s: int, httponly: bool) -> None:
    secure = current_app.extensions[ALWAYS_SECURE] or request.is_secure
    expires = None if max_age_s else 0
    response.set_cookie(name, value, max_age_s or None, expires, secure=secure, httponly=httponly, samesite="Lax")
