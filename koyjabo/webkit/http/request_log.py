"""Logs each request with LOG_LEVEL=DEBUG."""

from __future__ import annotations

import logging

from flask import Flask, Response, request

log = logging.getLogger("koyjabo.requests")


def init_app(app: Flask) -> None:
    """Log each request by its route, since a path may contain personal data."""

    @app.after_request
    def log_answer(response: Response) -> Response:
        log_request(request.method, request.url_rule.rule if request.url_rule else "-", response.status_code)
        return response


def log_request(method: str, route: str, status: int) -> None:
    log.debug("request method=%s route=%s status=%d", method, route, status)
